"""The files that lie beside a synthetic table: Croissant metadata and the datasheet's draft."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

from tabsynth.report.croissant import _TYPES, croissant
from tabsynth.report.datasheet import OWNER, datasheet
from tabsynth.report.model import Report
from tabsynth.schema.model import FieldType, TableSchema

SHA = "1c523ef09d369072e70b545432b55fe94676a2b80068bc594cced3c9a0eaef93"
MakeReport = Callable[..., Report]
HEADINGS = [
    "Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labelling",
    "Uses", "Distribution", "Maintenance",
]  # fmt: skip
# reads the metadata with the format's own library, in a process of its own: its dependencies warn
READ = """
import sys, mlcroissant
dataset = mlcroissant.Dataset(sys.argv[1])
issues = dataset.metadata.ctx.issues
assert not issues.errors, issues.errors
print(*sorted(issues.warnings), sep="\\n")
print(dataset.metadata.ctx.conforms_to)
rows = list(dataset.records("records"))
print(len(rows), *rows[0], sep="\\n")
"""


@pytest.fixture(scope="module")
def schema() -> TableSchema:
    fields: list[dict[str, Any]] = [
        {"name": "id", "type": "string", "tabsynth": {"generator": {"kind": "uuid"},
         "role": "identifier"}},
        {"name": "größe / in cm|", "type": "number", "title": "Height",
         "constraints": {"minimum": 31.4159}, "tabsynth": {"observed": ["minimum"]}},
        {"name": "race", "type": "string", "categories": ["White", "Black"],
         "description": "As stated by the person.",
         "tabsynth": {"role": "protected", "observed": ["categories"]}},
        {"name": "income", "type": "boolean", "tabsynth": {"role": "sensitive"}},
        {"name": "notes", "type": "string", "tabsynth": {"free_text": "drop"}},
    ]  # fmt: skip
    extension = {"source": "St Elsewhere hospital", "notes": ["4711 patients"]}
    return TableSchema.model_validate(
        {"fields": fields, "primaryKey": ["id"], "tabsynth": extension}
    )


@pytest.fixture
def sheet(full: Report, schema: TableSchema) -> str:
    return datasheet(full, schema, name="people", sha256=SHA)


@pytest.fixture
def metadata(full: Report, schema: TableSchema) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(croissant(full, schema, name="people", sha256=SHA))
    return body


def test_metadata_says_what_is_in_the_file(metadata: dict[str, Any]) -> None:
    assert metadata["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    assert metadata["distribution"][0]["sha256"] == SHA
    [records] = metadata["recordSet"]
    assert [f["name"] for f in records["field"]] == ["id", "größe / in cm|", "race", "income"]
    assert [f["dataType"] for f in records["field"]] == [
        "sc:Text", "cr:Float64", "sc:Text", "sc:Boolean",
    ]  # fmt: skip
    assert records["key"] == [{"@id": records["field"][0]["@id"]}]
    idents = [f["@id"] for f in records["field"]]
    assert len(set(idents)) == len(idents)
    assert all(re.fullmatch(r"records/[\w%.~-]+", ident, re.A) for ident in idents)


def test_metadata_holds_the_responsible_part(metadata: dict[str, Any]) -> None:
    for key in (
        "dataCollection", "dataBiases", "dataLimitations", "dataUseCases",
        "personalSensitiveInformation",
    ):  # fmt: skip
        assert metadata[f"rai:{key}"], key
    personal = " ".join(metadata["rai:personalSensitiveInformation"])
    assert "income: sensitive" in personal
    assert "race: names groups" in personal
    assert "by a membership attack that finds" in personal


def test_what_only_the_owner_knows_is_left_to_them(metadata: dict[str, Any]) -> None:
    assert not {"license", "url", "creator", "datePublished"} & set(metadata)


def test_every_type_has_a_name_in_croissant() -> None:
    assert set(_TYPES) == set(get_args(FieldType))


@pytest.mark.parametrize("leak", [False, True])
def test_sidecars_hold_nothing_private(
    leak: bool, full: Report, leaky: Report, schema: TableSchema
) -> None:
    report = leaky if leak else full
    for text in (
        croissant(report, schema, name="people", sha256=SHA),
        datasheet(report, schema, name="people", sha256=SHA),
    ):
        # categories and bounds read from records, counts, seeds, the source
        for private in ("White", "Asian", "31.4", "26048", "26,048", "6513", "seed", "Elsewhere",
                        "4711", "train.csv"):  # fmt: skip
            assert private not in text, private
        assert ("The gate failed" in text) == leak


def test_the_datasheet_has_every_section_and_says_what_is_missing(sheet: str) -> None:
    assert re.findall(r"^## (.*)$", sheet, flags=re.M) == HEADINGS
    assert sheet.count(OWNER) >= 8
    assert "About 26,000 records, 4 columns." in sheet
    assert SHA in sheet


def test_names_of_columns_do_not_break_the_datasheet(sheet: str) -> None:
    table = [line for line in sheet.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {5}
    assert r"größe / in cm\|" in sheet


def test_a_report_without_anything_gives_sidecars(
    make_report: MakeReport, schema: TableSchema
) -> None:
    bare = make_report(results=(), reasons=(), provenance={})
    assert "Not examined" in datasheet(bare, schema, name="x", sha256=SHA)
    assert json.loads(croissant(bare, schema, name="x", sha256=SHA))["name"] == "x"


def test_the_library_of_the_format_reads_metadata_and_records(full: Report, tmp_path: Path) -> None:
    fields = [
        {"name": "größe / a b", "type": "number"}, {"name": "n", "type": "integer"},
        {"name": "day", "type": "date"}, {"name": "when", "type": "datetime"},
        {"name": "yes", "type": "boolean"}, {"name": "who", "type": "string"},
    ]  # fmt: skip
    table = pd.DataFrame(
        {
            "größe / a b": [1.5, 2.5], "n": [1, 2], "day": [pd.Timestamp("2020-01-01")] * 2,
            "when": [pd.Timestamp("2020-01-01T12:00")] * 2, "yes": [True, False], "who": ["a", "b"],
        }
    )  # fmt: skip
    table.to_parquet(tmp_path / "synthetic.parquet")
    sha = hashlib.sha256((tmp_path / "synthetic.parquet").read_bytes()).hexdigest()
    schema = TableSchema.model_validate({"fields": fields})
    path = tmp_path / "croissant.json"
    path.write_text(croissant(full, schema, name="people", sha256=sha), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "@context` is not standard" not in done.stderr
    *warnings, version, count = done.stdout.splitlines()[: -len(fields)]
    assert (version, count) == ("CroissantVersion.V_1_1", "2")
    # what only the owner knows, and nothing else
    missing = {re.findall(r'"http[^"]*/(\w+)"', warning)[0] for warning in warnings}
    assert missing == {"citeAs", "datePublished", "license", "version"}
