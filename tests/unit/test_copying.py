"""A copy is judged before it is written, and written only where its verdict allows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

import tabsynth as ts
from tabsynth import copying, registry
from tabsynth.copying import WriteIf, copy_safe
from tabsynth.database import Database
from tabsynth.errors import DataError, OutputError, UsageError
from tabsynth.stores.address import open_store
from tabsynth.synthesizers.protocol import ModelState, Traits
from tabsynth.table import Table
from tests.leaks import population
from tests.shop import shop


@dataclass(frozen=True)
class Copier:
    """Hands out the training records, which no synthesizer may."""

    name: ClassVar[str] = "copier"

    def fit(self, data: Table, *, rng: np.random.Generator) -> Records:
        return Records(data)


@dataclass(frozen=True)
class Records:
    data: Table

    @property
    def schema(self) -> ts.TableSchema:
        return self.data.schema

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        return self.data.take(rng.permutation(n) % self.data.num_rows)

    def state(self) -> ModelState:
        return ModelState({}, {})

    def describe(self) -> list[str]:
        return []


class Keeper(Copier):
    """The same, and says so."""

    traits: ClassVar[Traits] = Traits(keeps_records=True)


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one table of people who differ."""
    monkeypatch.setitem(registry.BUILT_IN["synthesizers"], "copier", f"{__name__}:Copier")
    monkeypatch.setitem(registry.BUILT_IN["synthesizers"], "keeper", f"{__name__}:Keeper")
    drawn = population(400, 3).data
    (tmp_path / "people").mkdir()
    table = drawn.append_column("id", pa.array(range(400)))
    table.to_pandas().to_csv(tmp_path / "people" / "people.csv", index=False)
    return tmp_path / "people"


def write(database: Database, address: str) -> str:
    ts.write_database(address, database)
    return address


@pytest.mark.parametrize(("write_if", "is_written"), [("not-failed", False), ("always", True)])
def test_a_copy_that_fails_is_not_written(
    people: Path, tmp_path: Path, write_if: WriteIf, is_written: bool
) -> None:
    done = copy_safe(people, tmp_path / "copy", synthesizer="copier", out=tmp_path / "report",
                     write_if=write_if, seed=1)  # fmt: skip
    assert done.report.verdict == "fail"
    assert (done.written is not None) == is_written == (tmp_path / "copy").exists()
    assert {p.name for p in (tmp_path / "report").iterdir()} == set(copying.RESULTS)
    assert ts.Report.load(tmp_path / "report" / "report.json") == done.report


def test_a_copy_that_is_not_shown_to_be_safe_is_written_unless_only_passes_are(
    tmp_path: Path,
) -> None:
    source = write(shop(150, 1), f"sqlite:///{tmp_path}/shop.db")
    made: dict[str, Any] = {"synthesizer": "gaussian_copula", "seed": 2, "entity": "clients"}
    first, second = (f"duckdb:///{tmp_path}/{name}.db" for name in "ab")
    done = copy_safe(source, first, **made)
    assert done.report.verdict == "inconclusive"
    assert done.written is not None
    # as large as the source, though it was learnt from four fifths; what is looked up is not more
    assert (done.written["towns"], done.written["clients"]) == (4, 150)
    orders = shop(150, 1).tables["orders"].num_rows
    assert 0.85 * orders < done.written["orders"] < 1.15 * orders
    found = ts.read_database(first, shop(2, 1).schema)
    assert found.tables["clients"].num_rows == 150
    held = set(shop(150, 1).tables["clients"].column("id").to_pylist())
    assert not held & set(found.tables["clients"].column("id").to_pylist())
    small = write(shop(40, 1), f"sqlite:///{tmp_path}/small.db")
    refused = copy_safe(small, second, write_if="passed", **made)
    assert refused.report.verdict == "inconclusive"
    assert refused.written is None and not (tmp_path / "b.db").exists()
    assert done.report.provenance["entity"] == "clients"
    assert "sqlite" not in done.report.to_json()


def test_what_cannot_be_done_is_refused_before_the_fit(people: Path, tmp_path: Path) -> None:
    said: list[str] = []
    source = write(shop(50, 1), f"sqlite:///{tmp_path}/shop.db")
    filled = write(shop(50, 1), f"duckdb:///{tmp_path}/filled.db")
    with pytest.raises(OutputError, match="another place than the one that is read"):
        copy_safe(source, f"sqlite:///{tmp_path}/../{tmp_path.name}/shop.db", say=said.append)
    with pytest.raises(OutputError, match="none of the tables to be there"):
        copy_safe(source, filled, say=said.append)
    with pytest.raises(OutputError, match="a folder that exists"):
        copy_safe(source, f"sqlite:///{tmp_path}/none/x.db", say=said.append)
    with pytest.raises(UsageError, match="one of clients, orders, towns"):
        copy_safe(source, tmp_path / "copy", entity="people", say=said.append)
    with pytest.raises(UsageError, match="one that draws records for given parents"):
        copy_safe(source, tmp_path / "copy", synthesizer="keeper", say=said.append)
    with pytest.raises(DataError):
        copy_safe(tmp_path / "none", tmp_path / "copy", say=said.append)
    assert not [line for line in said if line.startswith("learning")]
    assert not (tmp_path / "copy").exists()


def test_a_target_that_breaks_in_the_end_leaves_no_report(tmp_path: Path) -> None:
    source = write(shop(60, 1), f"sqlite:///{tmp_path}/shop.db")
    other = f"sqlite:///{tmp_path}/other.db"

    def say(line: str) -> None:
        # somebody makes the tables while the copy is judged
        if line == "sampling":
            write(shop(5, 2), other)

    with pytest.raises(OutputError, match="none of the tables to be there"):
        copy_safe(source, other, synthesizer="independent", out=tmp_path / "r", seed=1, say=say)
    assert not (tmp_path / "r").exists()
    assert open_store(other).reflect().tables.keys() == {"towns", "clients", "orders"}
    assert ts.read_database(other).tables["clients"].num_rows == 5
