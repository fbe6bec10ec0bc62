"""What a study has done so far, kept in its folder, so that the same call can go on from there.

A finished generation is one file of figures, written after the synthetic table that the next one
learns from. Real records are not kept: which of them a generation takes follows from the seed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from tabsynth.errors import DataError, OutputError
from tabsynth.generations.figures import Figures
from tabsynth.io.atomic import write_text
from tabsynth.io.write import open_writer
from tabsynth.table import Table

FOLDER: Final = ".collapse"
_KEY: Final = "key.json"


@dataclass(frozen=True)
class Step:
    """One generation of one chain."""

    regime: str
    seed: int
    generation: int

    @property
    def stem(self) -> str:
        """What its files are called."""
        return f"{self.regime.replace(':', '-')}.{self.seed}.{self.generation}"


@dataclass(frozen=True)
class Outcome:
    """What became of a generation.

    Args:
        figures: of its table; empty where there is none.
        ended: why no table could be made; None where there is one.
    """

    figures: Figures
    ended: str | None = None


@dataclass(frozen=True)
class Journal:
    """The kept steps of one study.

    Args:
        folder: hidden, within the folder of the results.
        made: whether the folder of the results was made for it.
    """

    folder: Path
    made: bool

    @classmethod
    def open(cls, out: Path, key: Mapping[str, Any]) -> Self:
        """The journal of a study, with what an earlier call of the same study left.

        Args:
            out: the folder of the results; made where it is not there.
            key: JSON values: all that the figures follow from.

        Raises:
            OutputError: it holds another study, or cannot be written.
        """
        folder, made = out / FOLDER, not out.exists()
        text = json.dumps(dict(key), indent=1, sort_keys=True) + "\n"
        try:
            out.mkdir(exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            known = (folder / _KEY).read_text(encoding="utf-8")
        except FileNotFoundError:
            write_text(folder / _KEY, text)
            return cls(folder, made)
        except (OSError, ValueError):
            raise OutputError(str(folder), expected="a folder that can be read and written",
                              got="another", remedy="choose another -o") from None  # fmt: skip
        if known != text:
            raise OutputError(
                str(folder), expected="the generations of this study", got="those of another one, "
                f"which was broken off ({_difference(known, key)})",
                remedy="ask for that one again to go on with it, choose another -o, or remove this "
                "folder to start anew",
            )  # fmt: skip
        for rest in folder.glob("*.partial"):
            rest.unlink(missing_ok=True)
        return cls(folder, made)

    @property
    def steps(self) -> int:
        """How many generations are kept."""
        return sum(1 for _ in self.folder.glob("*.*.*.json"))

    def outcome(self, step: Step) -> Outcome | None:
        """What is known of a generation; None where it is not finished."""
        try:
            found = json.loads((self.folder / f"{step.stem}.json").read_text(encoding="utf-8"))
            return Outcome(dict(found["figures"]), found["ended"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def table(self, step: Step, like: Table) -> Table:
        """The synthetic table of a finished generation, which is still kept.

        Args:
            step: which.
            like: a table of the same schema.

        Raises:
            OutputError: it is not there, or not as it was.
        """
        try:
            data = pq.read_table(self.folder / f"{step.stem}.parquet")
            return Table.checked(data, like.schema, where=str(self.folder))
        except (OSError, pa.ArrowException, DataError):
            raise OutputError(
                str(self.folder), expected="the tables of finished generations, as they were kept",
                got="one that is gone or changed", remedy="remove this folder to start anew",
            ) from None  # fmt: skip

    def keep(self, step: Step, outcome: Outcome, table: Table | None = None) -> None:
        """Keep a finished generation, and its table where another one will learn from it."""
        if table is not None:
            with open_writer(self.folder / f"{step.stem}.parquet", table.schema) as writer:
                writer.write(table.data)
        body = {"figures": outcome.figures, "ended": outcome.ended}
        write_text(self.folder / f"{step.stem}.json", json.dumps(body) + "\n")

    def drop_table(self, step: Step) -> None:
        """Remove a table that nothing will be learnt from any more."""
        (self.folder / f"{step.stem}.parquet").unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all that is kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def withdraw(self) -> None:
        """Leave the place as it was before the study."""
        self.clear()
        if self.made:
            with suppress(OSError):
                self.folder.parent.rmdir()


def digest(table: Table) -> str:
    """A hash of a table's records in their order, the same for equal values and names."""
    whole = hashlib.sha256()
    for name in table.schema.names:
        column = table.column(name)
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        sink = pa.BufferOutputStream()
        batch = pa.record_batch([plain], names=[name])
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        whole.update(sink.getvalue())
    return whole.hexdigest()


def _difference(known: str, key: Mapping[str, Any]) -> str:
    """Which facts differ, by name."""
    try:
        before: Any = json.loads(known)
        names = sorted(k for k in {*before, *key} if before.get(k) != key.get(k))
    except (ValueError, TypeError, AttributeError):
        names = []
    return f"differs in {', '.join(names)}" if names else "not readable"
