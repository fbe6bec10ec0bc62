"""Output appears whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tabsynth.errors import OutputError
from tabsynth.io.atomic import atomic_files, atomic_path, raise_on_sigterm, write_bytes, write_text

HALF_WAY = """
import sys, time
from pathlib import Path
from tabsynth.io.atomic import atomic_files, atomic_path, raise_on_sigterm
raise_on_sigterm()
with {opened}(sys.argv[1]) as place:
    (place if place.is_file() else place / "a.txt").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""
FULL_DISK = """
import resource, sys
from tabsynth.errors import OutputError
from tabsynth.io.atomic import atomic_path
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with atomic_path(sys.argv[1]) as place, open(place, "wb") as file:
        for _ in range(1000):
            file.write(b"x" * 1000)
except OutputError as error:
    print(error)
"""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def half_way(target: Path, opened: str = "atomic_path") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY.format(opened=opened), str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def end(process: subprocess.Popen[str], number: int) -> int:
    process.send_signal(number)
    process.communicate(timeout=30)
    return process.returncode


def test_replaces_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with atomic_path(target) as place:
        place.write_text("new")
        assert target.read_text() == "old"
        assert place.parent == tmp_path
        assert place.name.startswith(".out.txt.")
        assert place.name.endswith(".partial")
    assert target.read_text() == "new"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_leaves_target_on_error(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as place:
        place.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def test_error_about_another_file_passes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out.txt"):
        (tmp_path / "absent").read_text()
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_disk_error_in_block_is_ours(tmp_path: Path, number: int) -> None:
    with pytest.raises(OutputError, match=r"out\.txt"), atomic_path(tmp_path / "out.txt"):
        raise OSError(number, os.strerror(number))
    assert names(tmp_path) == []


def test_keeps_permission_bits(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    target.chmod(0o640)
    write_text(target, "new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_file_respects_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "out.txt", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == 0o640


def test_follows_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "out.txt")
    write_bytes(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real" / "out.txt").read_bytes() == b"new"


def test_text_keeps_line_ends_and_unicode(tmp_path: Path) -> None:
    write_text(tmp_path / "out.txt", "é\r\n\n")
    assert (tmp_path / "out.txt").read_bytes() == "é\r\n\n".encode()


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("absent/out.txt", "no such folder"),
        ("folder", "a directory"),
        ("file/out.txt", "a file in its place"),
        ("x" * 300, "too long"),
        ("pipe", "a device, pipe or socket"),
    ],
)
def test_refuses_place(tmp_path: Path, name: str, got: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    before = names(tmp_path)
    with pytest.raises(OutputError, match=got) as caught:
        write_text(tmp_path / name, "new")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == before


def test_longest_name_works(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 125 + ".json")
    write_text(target, "new")
    assert target.read_text() == "new"


LOCKED = """
import os, sys
from tabsynth.errors import OutputError
from tabsynth.io.atomic import write_text
if os.getuid() == 0:
    os.setuid(65534)
for name in ("old.txt", "new.txt"):
    try:
        write_text(os.path.join(sys.argv[1], name), "new")
    except OutputError as error:
        print(error.got)
"""


def test_refuses_without_permission() -> None:
    # root may write anywhere; so a process of another user tries, in a folder of our own that it
    # can reach (those of pytest are closed to others, and stay so)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_text(folder / "old.txt", "old")
        (folder / "old.txt").chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", LOCKED, made], capture_output=True, text=True, check=False
        )
        folder.chmod(0o700)
        assert done.stdout.splitlines() == ["no permission to write there"] * 2, done.stderr
        assert names(folder) == ["old.txt"]
        assert (folder / "old.txt").read_text() == "old"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("existing", [True, False])
def test_signal_leaves_target(tmp_path: Path, number: int, existing: bool) -> None:
    target = tmp_path / "out.txt"
    if existing:
        target.write_text("old")
    code = end(half_way(target), number)
    assert code == (143 if number == signal.SIGTERM else -signal.SIGINT)
    assert names(tmp_path) == (["out.txt"] if existing else [])
    assert not existing or target.read_text() == "old"


def test_kill_leaves_target(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    assert end(half_way(target), signal.SIGKILL) == -signal.SIGKILL
    assert target.read_text() == "old"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("existing", [True, False])
def test_signal_leaves_directory(tmp_path: Path, number: int, existing: bool) -> None:
    target = tmp_path / "out"
    if existing:
        target.mkdir()
        (target / "a.txt").write_text("old")
    assert end(half_way(target, "atomic_files"), number) != 0
    assert names(tmp_path) == (["out"] if existing else [])
    assert not existing or [p.read_text() for p in target.iterdir()] == ["old"]


def small_disk(folder: Path) -> bool:
    """Mount a tiny file system on `folder` where we may."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("way", ["limit", "mount"])
def test_full_disk(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = way == "mount" and small_disk(folder)
    try:
        (folder / "out.txt").write_text("old")
        done = subprocess.run(
            # where nobody may mount, both cases use the limit on file size
            [sys.executable, "-c", FULL_DISK, str(folder / "out.txt"), "" if mounted else "limit"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "expected room on the disk" in done.stdout
        assert len(done.stdout.splitlines()) == 1
        assert names(folder) == ["out.txt"]
        assert (folder / "out.txt").read_text() == "old"
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def test_makes_directory(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with atomic_files(target) as stage:
        (stage / "a.txt").write_text("a")
        (stage / "b.txt").write_text("b")
        assert not target.exists()
    assert names(target) == ["a.txt", "b.txt"]
    assert names(tmp_path) == ["out"]


def test_fills_existing_directory(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "other.txt").write_text("other")
    with atomic_files(tmp_path) as stage:
        (stage / "a.txt").write_text("new")
        (stage / "b.txt").write_text("b")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "a.txt": "new",
        "b.txt": "b",
        "other.txt": "other",
    }


def test_an_old_manifest_never_stands_beside_new_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between two moves must not leave one certificate with another model."""
    for name in ("a.txt", "manifest.json", "z.txt"):
        (tmp_path / name).write_text("old")
    real, seen = Path.replace, []

    def replace(file: Path, target: Path) -> Path:
        moved = real(file, target)
        beside = target.parent / "manifest.json"
        others = [(target.parent / n).read_text() for n in ("a.txt", "z.txt")]
        seen.append((beside.read_text() if beside.exists() else None, others))
        return moved

    with atomic_files(tmp_path) as stage:
        for name in ("a.txt", "manifest.json", "z.txt"):
            (stage / name).write_text("new")
        monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.undo()
    assert seen == [
        (None, ["new", "old"]), (None, ["new", "new"]), ("new", ["new", "new"]),
    ]  # fmt: skip


def test_an_old_manifest_comes_back_when_a_file_cannot_move(tmp_path: Path) -> None:
    for name in ("a.txt", "manifest.json", "z.txt"):
        (tmp_path / name).write_text("old")
    with pytest.raises(OutputError), atomic_files(tmp_path) as stage:
        for name in ("a.txt", "manifest.json"):
            (stage / name).write_text("new")
        (stage / "z.txt").mkdir()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "a.txt": "old", "manifest.json": "old", "z.txt": "old",
    }  # fmt: skip


@pytest.mark.parametrize("existing", [True, False])
def test_directory_untouched_on_error(tmp_path: Path, existing: bool) -> None:
    target = tmp_path / "out"
    if existing:
        target.mkdir()
        (target / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_files(target) as stage:
        (stage / "a.txt").write_text("new")
        raise KeyboardInterrupt
    assert names(tmp_path) == (["out"] if existing else [])
    assert not existing or [p.read_text() for p in target.iterdir()] == ["old"]


def test_moves_back_when_a_later_file_cannot_move(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OutputError), atomic_files(tmp_path) as stage:
        (stage / "a.txt").write_text("new")
        (stage / "b.txt").write_text("new")
        # its place is taken between the check and the move only by what we cannot replace
        (stage / "c.txt").mkdir()
        (tmp_path / "c.txt").write_text("in the way")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "a.txt": "old",
        "c.txt": "in the way",
    }


def test_refuses_directory_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "b.txt").mkdir()
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OutputError, match=r"b\.txt"), atomic_files(tmp_path) as stage:
        (stage / "a.txt").write_text("new")
        (stage / "b.txt").write_text("new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(("name", "got"), [("file", "a file"), ("absent/out", "no such folder")])
def test_refuses_directory(tmp_path: Path, name: str, got: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=got), atomic_files(tmp_path / name):
        pass
    assert names(tmp_path) == ["file"]


def test_sigterm_outside_main_thread_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=raise_on_sigterm)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_raises_once() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        raise_on_sigterm()
        with pytest.raises(SystemExit) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        assert caught.value.code == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
