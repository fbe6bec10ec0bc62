"""Answers that a fit has had, kept in a file, so that a fit that was broken off can go on.

An answer is asked of a journal, which draws it, or gives the one that was drawn before. The file
holds what was released and what was paid for it: numbers that are private already, no record, no
hash of the records, and nothing that was worked out from them. A fit that goes on asks the same
questions again, as they follow from the answers, and gets the same bytes; so nothing is drawn twice
for one charge.

Before an answer is drawn, the ledger is told its number. So an old copy of the file, two
processes that go on from the same one, or an answer that was lost between the ledger and the file,
are refused: nobody can prove that the missing answer got out to no one.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from tabsynth.errors import OutputError, PrivacyError, UsageError
from tabsynth.privacy.noise import Integers
from tabsynth.privacy.spending import Charge

FORMAT: Final = "tabsynth-checkpoint-1"

Draw = Callable[[], Integers]


class Journal(Protocol):
    """Where answers come from."""

    def answer(self, charge: Charge, draw: Draw) -> Integers:
        """What `draw` gives, or what it gave for that charge before."""
        ...


class Fresh:
    """Every answer is drawn, and kept nowhere."""

    def answer(self, charge: Charge, draw: Draw) -> Integers:
        """See `Journal`."""
        return draw()


@dataclass(frozen=True)
class Checkpoint:
    """A file of answers, as it was found or begun.

    Args:
        path: the file.
        fit: the fit's random name, under which the ledger knows it.
        seed: of all randomness of the fit that is not noise.
        released: charge and answer, in order.
        begun: whether the file was not there before.
    """

    path: Path
    fit: str
    seed: int
    released: tuple[tuple[Mapping[str, Any], Integers], ...] = ()
    begun: bool = False

    @classmethod
    def at(cls, path: Path, key: Mapping[str, Any]) -> Checkpoint:
        """The checkpoint in a file, or a new one.

        Args:
            path: the file.
            key: public facts of the fit; a file of other facts is refused.

        Raises:
            UsageError: another file.
            OutputError: a place that cannot be written.
        """
        fresh = cls(path, secrets.token_hex(8), secrets.randbits(62), begun=True)
        head = {"format": FORMAT, "fit": fresh.fit, "seed": fresh.seed, "key": dict(key)}
        try:
            place = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            if not _is_empty(path):
                return cls._read(path, key)
            # killed before its first line, and so before anything was charged
            place = os.open(path, os.O_WRONLY)
        except OSError:
            raise _unwritable(path) from None
        try:
            with os.fdopen(place, "w", encoding="utf-8") as file:
                _append(file, head)
        except OSError:
            # half a file would be taken for that of another fit
            path.unlink(missing_ok=True)
            raise _unwritable(path) from None
        return fresh

    @classmethod
    def _read(cls, path: Path, key: Mapping[str, Any]) -> Checkpoint:
        try:
            head, *rest = [json.loads(line) for line in path.read_bytes().splitlines()]
            found = tuple((e["charge"], np.array(e["answer"], np.int64)) for e in rest)
            if head["format"] != FORMAT or head["key"] != json.loads(json.dumps(dict(key))):
                raise ValueError
            return cls(path, str(head["fit"]), int(head["seed"]), found)
        except (ValueError, LookupError, TypeError, OSError):
            raise UsageError(
                f"--param checkpoint={path}",
                expected="a whole checkpoint of this fit: schema, synthesizer, parameters, budget",
                got="another file",
                remedy="name another file, or remove this one to start afresh, at the price of "
                "another fit",
            ) from None


class Kept:
    """Answers of a checkpoint as long as there are some; then drawn ones, which it is given.

    Args:
        checkpoint: the file.
        announce: tells the ledger the number of an answer before it is drawn.
    """

    def __init__(self, checkpoint: Checkpoint, announce: Callable[[int], object]) -> None:
        self._checkpoint, self._announce = checkpoint, announce
        self._given = 0

    def answer(self, charge: Charge, draw: Draw) -> Integers:
        """See `Journal`.

        Raises:
            PrivacyError: the checkpoint's answer was to another question.
            LedgerError: the ledger knows of an answer of that number.
        """
        place, known = self._given, self._checkpoint.released
        self._given += 1
        if place < len(known):
            paid, answer = known[place]
            if paid != _as_json(charge):
                raise PrivacyError(
                    str(self._checkpoint.path), expected="answers to the questions of this fit",
                    got="others", remedy="remove the file and fit again, at the price of a fit",
                )  # fmt: skip
            return answer
        self._announce(place + 1)
        answer = draw()
        entry = {"charge": _as_json(charge), "answer": answer.tolist()}
        try:
            # a file that is gone is not made anew: it would lack the answers before
            place = os.open(self._checkpoint.path, os.O_WRONLY | os.O_APPEND)
            with os.fdopen(place, "a", encoding="utf-8") as file:
                _append(file, entry)
        except OSError:
            raise _unwritable(self._checkpoint.path) from None
        return answer


def _as_json(charge: Charge) -> dict[str, Any]:
    """What was paid for, as JSON gives it back."""
    return {
        "stage": charge.stage, "mechanism": charge.mechanism, "sensitivity": charge.sensitivity,
        "scale": charge.scale, "rho": charge.rho,
    }  # fmt: skip


def _is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0 and os.access(path, os.W_OK)


def _append(file: Any, entry: Mapping[str, Any]) -> None:
    file.write(json.dumps(entry) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _unwritable(path: Path) -> OutputError:
    return OutputError(str(path), expected="a checkpoint that can be written", got="none",
                       remedy="name another place")  # fmt: skip
