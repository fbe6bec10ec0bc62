"""Processes that are killed while they use a ledger, and processes that race for what is left.

Run in a process of its own, without threads, so that it may fork: prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tabsynth.errors import LedgerError
from tabsynth.privacy.budget import Budget
from tabsynth.privacy.ledger import Ledger

DELTA = 1e-6


def ledger(folder: Path) -> Ledger:
    return Ledger(folder / "ledger.sqlite", folder / "witness.sqlite", patience=30)


def reserve(folder: Path, epsilon: float = 0.1) -> Any:
    return ledger(folder).reserve("survey", "one record", Budget(epsilon, DELTA), what="mst")


def forked(work: Callable[[], None]) -> int:
    """Do the work in a child; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except LedgerError:
        os._exit(7)
    except BaseException:
        os._exit(9)


def ended(child: int) -> int:
    """The exit code, or the signal that ended it as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(statement: int) -> None:
    """Let this process be killed as it begins its n-th SQL statement."""
    connect, seen = sqlite3.connect, 0

    def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **named)

        def count(_: str) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]


def at_each_step(folder: Path, *, first: bool, act: str) -> list[dict[str, Any]]:
    """Kill `reserve` or `commit` at its first, second, ... statement until one gets through."""
    found = []
    while not found or found[-1]["ended"] != 0:
        place = folder / f"{act}-{first}-{len(found)}"
        place.mkdir()
        held = None if first else reserve(place)

        def work(place: Path = place, held: Any = held, step: int = len(found) + 1) -> None:
            die_at(step)
            if act == "commit":
                ledger(place).commit(held)
            else:
                reserve(place)
            (place / "returned").touch()

        code = ended(forked(work))
        before = spends(place)
        reserve(place)
        found.append({
            "ended": code, "returned": (place / "returned").exists(), "spends": before,
            "after": spends(place), "committed": committed(place),
        })  # fmt: skip
        shutil.rmtree(place)
    return found


def spends(folder: Path) -> int:
    if not (folder / "ledger.sqlite").exists():
        return 0
    return sum(len(account.spends) for account in ledger(folder).accounts())


def committed(folder: Path) -> int:
    return sum(s.committed for account in ledger(folder).accounts() for s in account.spends)


def at_any_moment(folder: Path, times: int) -> list[dict[str, int]]:
    """Kill a process that reserves again and again, after a random while."""
    dice, found = random.Random(5), []
    for turn in range(times):
        place = folder / f"moment-{turn}"
        place.mkdir()
        told = place / "told"

        def work(place: Path = place, told: Path = told) -> None:
            with told.open("a") as out:
                while True:
                    reserve(place, 0.001)
                    out.write("x")
                    out.flush()

        child = forked(work)
        while not told.exists() or told.stat().st_size < 1 + turn % 3:
            time.sleep(0.0002)
        time.sleep(dice.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        ended(child)
        before = spends(place)
        reserve(place)
        found.append({"told": told.stat().st_size, "spends": before, "after": spends(place)})
        shutil.rmtree(place)
    return found


def races(folder: Path, rounds: int, runners: int, epsilon: float) -> list[dict[str, Any]]:
    """Several processes ask at once."""
    found = []
    for turn in range(rounds):
        place = folder / f"race-{epsilon}-{turn}"
        place.mkdir()
        if turn % 2:
            ledger(place).cap("survey", epsilon=10, delta=DELTA)
        gate, start = os.pipe()

        def work(place: Path = place, gate: int = gate) -> None:
            os.read(gate, 1)
            reserve(place, epsilon)

        children = [forked(work) for _ in range(runners)]
        os.write(start, b"x" * runners)
        codes = [ended(child) for child in children]
        (account,) = ledger(place).accounts()
        spends = len(account.spends)
        found.append({"codes": sorted(codes), "epsilon": account.cumulative, "spends": spends})
        shutil.rmtree(place)
    return found


if __name__ == "__main__":
    here = Path(sys.argv[1])
    report = {
        "reserve, first": at_each_step(here, first=True, act="reserve"),
        "reserve, later": at_each_step(here, first=False, act="reserve"),
        "commit": at_each_step(here, first=False, act="commit"),
        "moments": at_any_moment(here, 25),
        "races": races(here, 8, 4, epsilon=8),
        "together": races(here, 4, 4, epsilon=1),
    }
    print(json.dumps(report))
