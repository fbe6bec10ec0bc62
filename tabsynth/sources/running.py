"""Runs of simulators, in processes of their own, with a time limit.

What a simulator prints, and how it fails, cannot hold a private record: it is given parameters, a
number of records and a seed, and nothing else. So its last line of error is shown.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Protocol

import pyarrow as pa

from tabsynth.errors import DataError, TabsynthError
from tabsynth.io.read import read_raw
from tabsynth.sources.priors import Value

SHOWN: Final = 300
# seconds for a process to import a simulator
STARTING: Final = 120.0
_SETTLED: Final = 5.0
_PLACE: Final = re.compile(r"\{(\w+)\}")


class Runner(Protocol):
    """Runs one simulator."""

    def run(self, parameters: Mapping[str, Value], n: int, seed: int) -> pa.Table:
        """Records as the simulator wrote them.

        Raises:
            DataError: it crashed, took too long, or wrote no table.
        """
        ...


@dataclass(frozen=True)
class Command:
    """A program that writes CSV; started anew for each run.

    Args:
        name: of the simulator.
        argv: program and arguments, with placeholders.
        seconds: that one run may take.
    """

    name: str
    argv: Sequence[str]
    seconds: float

    def run(self, parameters: Mapping[str, Value], n: int, seed: int) -> pa.Table:
        """See `Runner`."""
        with tempfile.TemporaryDirectory(prefix="tabsynth-") as folder:
            out, said = Path(folder) / "table.csv", Path(folder) / "errors"
            filled = _filled(self.argv, {**parameters, "n": n, "seed": seed, "out": str(out)})
            to_file = any("{out}" in text for text in self.argv)
            with said.open("wb") as errors, out.open("wb") as printed:
                code = self._finished(filled, subprocess.DEVNULL if to_file else printed, errors)
            if code is None:
                raise too_long(self.name, self.seconds, last_line(said))
            if code != 0:
                raise failed(self.name, f"exit code {code}", last_line(said))
            return read_written(self.name, out)

    def _finished(self, argv: list[str], printed: Any, errors: Any) -> int | None:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=printed, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else None
            raise failed(self.name, "a program that cannot be started", said) from None
        try:
            return process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end(process)


class _Held:
    """A process that answers requests, and the file that its standard error goes to."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None
        self._ending: weakref.finalize[..., _Held] | None = None

    def start(self, name: str) -> bool:
        """Begin the process where there is none; whether it is new."""
        new = self.process is None or self.process.poll() is not None
        if new:
            self.close()
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            # the same packages as here
            path = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tabsynth.sources.worker", name], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                env={**os.environ, **path}, start_new_session=True,
            )  # fmt: skip
            # also when nobody holds the model any more, and when this process ends
            self._ending = weakref.finalize(self, _closed, self.process, self._errors)
        return new

    def last_line(self) -> str | None:
        """The last line that the process wrote to standard error."""
        if self._errors is None:
            return None
        self._errors.seek(0)
        return _last(self._errors.read())

    def close(self) -> None:
        """End the process, if there is one."""
        if self._ending is not None:
            self._ending()
        self.process = self._errors = self._ending = None


def _closed(process: subprocess.Popen[str], errors: IO[bytes]) -> None:
    end(process)
    errors.close()


@dataclass(frozen=True)
class EntryPoint:
    """An entry point, called in a process that stays for the next run.

    Args:
        name: of the entry point.
        seconds: that one run may take.
    """

    name: str
    seconds: float
    _held: _Held = field(default_factory=_Held, repr=False, compare=False)

    def run(self, parameters: Mapping[str, Value], n: int, seed: int) -> pa.Table:
        """See `Runner`."""
        with self._held.lock, tempfile.TemporaryDirectory(prefix="tabsynth-") as folder:
            out = Path(folder) / "table.parquet"
            asked = {"parameters": dict(parameters), "n": n, "seed": seed, "out": str(out)}
            if self._held.start(self.name):
                # importing it is no part of a run
                self._answered({"load": True}, STARTING)
            self._answered(asked, self.seconds)
            return read_written(self.name, out)

    def _answered(self, asked: Mapping[str, Any], seconds: float) -> None:
        """Have a request carried out.

        Raises:
            DataError: it failed, or took too long.
        """
        process = self._held.process
        if process is None:
            raise AssertionError("started before")
        answer = _asked(process, json.dumps(asked), seconds)
        if answer is None:
            code, said = process.poll(), self._held.last_line()
            self._held.close()
            if code is not None:
                raise failed(self.name, f"a process that ended with code {code}", said)
            raise too_long(self.name, seconds, said)
        problem = json.loads(answer)["problem"]
        if problem is not None:
            raise failed(self.name, "an error", problem)


def _asked(process: subprocess.Popen[str], line: str, seconds: float) -> str | None:
    """The answer to a request; None where the process ended or is late."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("started with both")
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except OSError:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SETTLED)
        return None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            return None
    answer = process.stdout.readline()
    if not answer:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SETTLED)
    return answer or None


def end(process: subprocess.Popen[Any]) -> None:
    """End a process and all that it started."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def _filled(argv: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """The arguments with their placeholders filled; no shell will read them."""
    known = {name: str(value) for name, value in values.items()}
    return [_PLACE.sub(lambda found: known.get(found[1], found[0]), text) for text in argv]


def read_written(name: str, path: Path) -> pa.Table:
    """The table that a simulator wrote.

    Raises:
        DataError: it is none.
    """
    try:
        return read_raw(path)
    except TabsynthError as error:
        raise DataError(
            f"simulator {name!r}", expected=f"a table: {error.expected}", got=error.got,
            remedy="correct the simulator",
        ) from None  # fmt: skip


def last_line(path: Path) -> str | None:
    """The last line of a file that says something."""
    return _last(path.read_bytes())


def _last(body: bytes) -> str | None:
    lines = body.decode("utf-8", "replace").split("\n")
    said = ["".join(c for c in line if c.isprintable()).strip() for line in lines]
    return next((line[:SHOWN] for line in reversed(said) if line), None)


def failed(name: str, how: str, said: str | None) -> DataError:
    """A run that went wrong."""
    shown = "" if said is None else f" ({said[:SHOWN]})"
    return DataError(
        f"simulator {name!r}", expected="a run that ends well", got=f"{how}{shown}",
        remedy="correct the simulator, or its parameters",
    )  # fmt: skip


def too_long(name: str, seconds: float, said: str | None) -> DataError:
    """A run that did not end."""
    shown = "" if said is None else f" ({said[:SHOWN]})"
    return DataError(
        f"simulator {name!r}", expected=f"a run of at most {seconds:g} seconds",
        got=f"one that was ended then{shown}", remedy="raise `time_limit`, or ask it for less",
    )  # fmt: skip
