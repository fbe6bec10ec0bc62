"""`sample -o URL#table`: a table of a database in the place of a file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tabsynth.schema.files import parse_schema
from tabsynth.stores.address import open_store
from tabsynth.stores.place import Place as Address
from tabsynth.stores.tables import read_data, writing_table
from tests.e2e.scene import Place, Run, snapshot


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_new_table_holds_what_the_file_would(kind: str, place: Place, tabsynth: Run) -> None:
    url = f"{kind}:///{place.outputs}/s.db"
    made = ["sample", place.model, "-n", "50", "--seed", "3", "-o"]
    file = place.outputs / "s.csv"
    assert tabsynth(*made, file).code == 0
    done = tabsynth(*made, f"{url}#people")
    assert (done.code, done.out) == (0, f"wrote 50 records to {url}#people\n")
    assert tabsynth("schema", "check", place.schema, f"{url}#people").code == 0
    there, other = read_data(Address(f"{url}#people")), read_data(Address(str(file)))
    assert there.column_names == other.column_names
    assert there.column("city").to_pylist() == other.column("city").to_pylist()
    # a second table goes beside it, none over it
    before = snapshot(place.outputs)
    assert tabsynth(*made, f"{url}#people").refused() == f"{url}"
    assert snapshot(place.outputs) == before
    assert tabsynth(*made, f"{url}#others").code == 0
    assert read_data(Address(f"{url}#others")).equals(there)


def test_a_table_leaves_its_keys_to_others_behind(tmp_path: Path) -> None:
    schema = parse_schema({
        "fields": [{"name": "id", "type": "integer"}, {"name": "town"},
                   {"name": "note", "tabsynth": {"free_text": "drop"}}],
        "primaryKey": "id",
        "foreignKeys": [{"fields": "town", "reference": {"resource": "towns", "fields": "town"}}],
    })  # fmt: skip
    data = pa.table({"id": [1, 2], "town": ["a", None]})
    with writing_table(Address(f"sqlite:///{tmp_path}/s.db#people"), schema) as writer:
        writer.write(data)
    found = open_store(f"sqlite:///{tmp_path}/s.db").reflect().tables["people"]
    assert (found.names, found.primary_key, found.foreign_keys) == (("id", "town"), ("id",), ())


def test_what_is_no_new_table_is_refused(place: Place, tabsynth: Run) -> None:
    before = snapshot(place.outputs)
    made = ["sample", place.model, "-n", "50", "-o"]
    assert tabsynth(*made, f"sqlite:///{place.outputs}/s.db").refused(2).endswith("s.db")
    assert tabsynth(*made, f"sqlite:///{place.outputs}/none/s.db#t").refused().endswith("s.db")
    assert tabsynth(*made, f"sqlite:///{place.model}#t").refused(2) == "-o"
    assert snapshot(place.outputs) == before
