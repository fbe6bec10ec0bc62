"""Output that appears whole or not at all, also on Ctrl-C, SIGTERM and a full disk."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tabsynth.errors import OutputError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# says what the other files of its directory are
MANIFEST = "manifest.json"
ABOUT_THE_PLACE = (*NO_ROOM, errno.EROFS, errno.EIO)


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary file beside `target` that takes its place when the block succeeds.

    Whatever ends the block early, an error, Ctrl-C or SystemExit, removes the temporary file and
    leaves `target` as it was. After `kill -9` a `.<name>.<random>.partial` may remain.

    Args:
        target: the file to make or replace; its folder must exist. A symbolic link is followed.

    Raises:
        OutputError: the place cannot be written, or the disk is full.
    """
    where, final = str(target), Path(os.path.realpath(target))
    with _named(where):
        mode = _mode_of_replaced(final, where)
        temporary = final.with_name(_partial_name(final.name))
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        with _named(where, body=True):
            yield temporary
        with _named(where):
            if mode is not None:
                temporary.chmod(mode)
            _sync(temporary)
            temporary.replace(final)
            _sync_folder(final.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_files(directory: str | Path) -> Iterator[Path]:
    """Yield a staging folder whose files move into `directory` when the block succeeds.

    Either all of the new files appear or none: a directory that did not exist appears with one
    rename; in one that existed, files already moved are moved back when a later one fails.

    Args:
        directory: where the files shall be; made if absent, but its parent must exist.

    Raises:
        OutputError: the place cannot be written, or the disk is full.
    """
    where, final = str(directory), Path(os.path.realpath(directory))
    with _named(where):
        exists = _is_directory(final, where)
        # inside an existing directory, since that may be the root of another file system
        parent = final if exists else final.parent
        staging = parent / _partial_name(final.name)
        staging.mkdir()
    try:
        with _named(where, body=True), _named_after(staging, where):
            yield staging
        with _named(where):
            for file in staging.iterdir():
                _sync(file)
            _sync_folder(staging)
            if exists:
                _move_all(staging, final, where)
            else:
                staging.rename(final)
            _sync_folder(parent)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    if exists:
        shutil.rmtree(staging, ignore_errors=True)


def check_place(target: str | Path) -> None:
    """Refuse a place where no file can be, before the work whose result it is for.

    Raises:
        OutputError: its folder is not there, or something stands there that cannot be replaced.
    """
    with _named(str(target)):
        _mode_of_replaced(Path(os.path.realpath(target)), str(target))


def check_directory(directory: str | Path, names: Iterable[str]) -> None:
    """Refuse a directory that cannot take these files, before the work whose results they are.

    Raises:
        OutputError: nothing can be made there, or a directory has the name of one of the files.
    """
    where, final = str(directory), Path(os.path.realpath(directory))
    with _named(where):
        parent = final if _is_directory(final, where) else final.parent
        # only making something shows that something can be made
        probe = parent / _partial_name(final.name)
        probe.mkdir()
        probe.rmdir()
    _refuse_directories(final, names, where)


def write_bytes(target: str | Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: the place cannot be written, or the disk is full.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all, line ends as they are in `text`.

    Raises:
        OutputError: the place cannot be written, or the disk is full.
    """
    write_bytes(target, text.encode())


def raise_on_sigterm() -> None:
    """Make SIGTERM raise SystemExit(143), so that half-written output is removed.

    Does nothing outside the main thread, where Python allows no signal handlers.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _exit_once)


def _exit_once(number: int, frame: FrameType | None) -> NoReturn:
    # a second signal must not interrupt the clean-up that the first one started
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _partial_name(name: str) -> str:
    # cut, so that the longest allowed name still has room for what we add
    return f".{name[:40]}.{secrets.token_hex(4)}.partial"


def _mode_of_replaced(final: Path, where: str) -> int | None:
    """Permission bits of the file that will be replaced, None when there is none."""
    try:
        found = final.lstat()
    except FileNotFoundError:
        if final.parent.is_dir():
            return None
        raise
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
        raise OutputError(
            where, expected="a place for a file", got=kind, remedy="choose the name of a file"
        )
    if not os.access(final, os.W_OK):
        raise PermissionError(errno.EACCES, "read-only file")
    return stat.S_IMODE(found.st_mode)


def _is_directory(final: Path, where: str) -> bool:
    try:
        found = final.stat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        raise OutputError(
            where, expected="a directory", got="a file", remedy="choose another directory"
        )
    return True


def _move_all(staging: Path, final: Path, where: str) -> None:
    """Move every staged file into `final`; on failure put everything back.

    The manifest, which says what the others are, comes last, and an old one goes first: a kill in
    between leaves files of both that nothing vouches for.
    """
    names = sorted(file.name for file in staging.iterdir())
    vouching = [name for name in names if name == MANIFEST]
    _refuse_directories(final, names, where)
    kept = staging / _partial_name("kept")
    kept.mkdir()
    moved: list[str] = []
    try:
        for name in vouching:
            _keep(final / name, kept / name)
            moved.append(name)
            (final / name).unlink(missing_ok=True)
        for name in [name for name in names if name not in vouching]:
            _keep(final / name, kept / name)
            moved.append(name)
            (staging / name).replace(final / name)
        for name in vouching:
            (staging / name).replace(final / name)
    except BaseException:
        for name in reversed(moved):
            if (kept / name).exists():
                (kept / name).replace(final / name)
            else:
                (final / name).unlink(missing_ok=True)
        raise


def _refuse_directories(final: Path, names: Iterable[str], where: str) -> None:
    """Refuse a directory in the place of a file that is to come."""
    for name in names:
        if (final / name).is_dir():
            raise OutputError(
                where,
                expected=f"a place for the file {name}",
                got="a directory of that name",
                remedy="remove it or choose another directory",
            )


def _keep(file: Path, copy: Path) -> None:
    """Give an existing file a second name, so that it can be put back."""
    if not file.exists():
        return
    try:
        copy.hardlink_to(file)
    except OSError:
        # a file system without hard links
        shutil.copy2(file, copy)


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make renames durable where the system can; the data itself is synced already."""
    if os.name == "posix":
        with suppress(OSError):
            _sync(folder)


@contextmanager
def _named(where: str, *, body: bool = False) -> Iterator[None]:
    """Turn operating-system errors into ours.

    In the `body` of a caller an error may be about another file; so only those that speak of the
    place itself are turned.
    """
    try:
        yield
    except OSError as error:
        if body and error.errno not in ABOUT_THE_PLACE:
            raise
        raise _explain(error, where) from error


@contextmanager
def _named_after(staging: Path, where: str) -> Iterator[None]:
    """Let errors about a staged file speak of the directory that people know."""
    try:
        yield
    except OutputError as error:
        if not Path(error.where).is_relative_to(staging):
            raise
        raise OutputError(
            where, expected=error.expected, got=error.got, remedy=error.remedy
        ) from error


def _explain(error: OSError, where: str) -> OutputError:
    number = error.errno
    if number in NO_ROOM:
        expected, got = "room on the disk", "a full disk, or a limit on file size"
        remedy = "free space or choose another place"
    elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
        expected, got = "a place that can be written", "no permission to write there"
        remedy = "change the permissions or choose another place"
    elif number == errno.ENOENT:
        expected, got = "a folder that exists", "no such folder"
        remedy = "create the folder first or choose another place"
    elif number == errno.ENOTDIR:
        expected, got = "a folder to write into", "a file in its place"
        remedy = "choose another place"
    elif number == errno.ENAMETOOLONG:
        expected, got = "a name the file system allows", "one that is too long"
        remedy = "choose a shorter name"
    else:
        expected, got = "a place that can be written", f"{os.strerror(number or errno.EIO)}"
        remedy = "check the disk or choose another place"
    return OutputError(where, expected=expected, got=got, remedy=remedy)
