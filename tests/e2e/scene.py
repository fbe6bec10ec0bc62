"""What end-to-end tests run commands on: a table with secrets, and what a command leaves."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SECRET_TEXT = "ZQX-SECRET-7731"
SECRET_NUMBER = "987654.25"
SENTINELS = ("ZQX-SECRET", "987654")
ONE_LINE = re.compile(r"error: (?P<where>.+?): expected (.+?), got (.+?); (.+)\n")

SCHEMA = """\
fields:
  - {name: city, type: string}
  - {name: age, type: integer}
  - {name: income, type: number, tabsynth: {decimals: 2}}
  - {name: joined, type: date}
"""
HEADER = "city,age,income,joined"
ROW = "Basel,44,1200.50,2019-05-06"


# Root may read and write anything, unless it gives that up
WITHOUT_PRIVILEGES = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if hasattr(libc, "capset"):
    assert libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
"""


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def shows_no_secret(self) -> None:
        for sentinel in SENTINELS:
            assert sentinel not in self.out + self.err
        assert "Traceback" not in self.out + self.err

    def refused(self, code: int = 4) -> str:
        """Assert one error line of the contract and nothing else; return its `where`."""
        assert self.code == code, self.err
        self.shows_no_secret()
        found = ONE_LINE.fullmatch(self.err)
        assert found, self.err
        return found["where"]


Run = Callable[..., Done]


def command(*arguments: object, before: str = "") -> list[str]:
    """The command line of a process; `before` is Python to run once all is imported."""
    texts = [str(a) for a in arguments]
    if not before:
        return [sys.executable, "-m", "tabsynth", *texts]
    program = (
        "import sys, tabsynth.workflow, tabsynth.sampler, tabsynth.schema.convert\n"
        f"{before}\nfrom tabsynth.cli import main\nmain(sys.argv[1:])"
    )
    return [sys.executable, "-c", program, *texts]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the bytes of files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def records(rows: int, seed: int = 0) -> list[list[str]]:
    """Records with one secret text and one secret number, each in one record only."""
    rng = np.random.default_rng(seed)
    made = [
        [
            str(rng.choice(["Basel", "Bern", "Biel"], p=[0.5, 0.3, 0.2])),
            str(int(rng.integers(18, 90))),
            f"{rng.gamma(2, 900):.2f}",
            f"20{int(rng.integers(10, 24))}-{int(rng.integers(1, 13)):02}-15",
        ]
        for _ in range(rows)
    ]
    made[rows // 2][0] = SECRET_TEXT
    made[rows // 3][2] = SECRET_NUMBER
    return made


def write_csv(path: Path, rows: list[list[str]], header: str = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


@dataclass(frozen=True)
class Place:
    """A folder with good inputs, and one that must stay as it is."""

    inputs: Path
    outputs: Path

    @property
    def table(self) -> Path:
        return self.inputs / "table.csv"

    @property
    def holdout(self) -> Path:
        return self.inputs / "holdout.csv"

    @property
    def schema(self) -> Path:
        return self.inputs / "schema.yaml"

    @property
    def model(self) -> Path:
        return self.inputs / "good.tabsynth"

    def given(self, name: str, content: str | bytes) -> Path:
        """Write an input."""
        path = self.inputs / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
