"""Names become pseudonyms when they are read: the same for the same name and key, and no others."""

from __future__ import annotations

import hashlib
import hmac
import zipfile
from base64 import b32encode
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import tabsynth as ts
from tabsynth.errors import PrivacyError, SchemaError
from tabsynth.private_fit import found_apart
from tabsynth.schema.files import parse_schema
from tabsynth.schema.pseudonym import LENGTH
from tabsynth.table import Table

KEY = "a key that the user holds"


def schema(**field: Any) -> ts.TableSchema:
    doctor = {"name": "doctor", "tabsynth": {"pseudonym": "CLINIC_KEY"}, **field}
    return parse_schema({"fields": [doctor, {"name": "ward"}]})


def read(*names: str | None, columns: ts.TableSchema | None = None) -> list[str | None]:
    raw = pa.table({"doctor": pa.array(names, pa.string()), "ward": ["a"] * len(names)})
    found = Table.checked(raw, columns or schema()).column("doctor").to_pylist()
    return list(found)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_KEY", KEY)


def test_the_same_name_has_the_same_pseudonym_under_one_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = read("Dr. Ada", "Dr. Bob", None, "Dr. Ada")
    digest = hmac.new(KEY.encode(), b"Dr. Ada", hashlib.sha256).digest()
    assert first[0] == first[3] == "psn-" + b32encode(digest).decode().lower()[:24]
    assert first[0] is not None and len(first[0]) == LENGTH
    assert first[1] not in (None, first[0]) and first[2] is None
    (tmp_path / "key").write_text(KEY + "\n")
    monkeypatch.delenv("CLINIC_KEY")
    monkeypatch.setenv("CLINIC_KEY_FILE", str(tmp_path / "key"))
    assert read("Dr. Bob") == [first[1]]
    monkeypatch.setenv("CLINIC_KEY", "another key, as long as that")
    assert read("Dr. Bob") != [first[1]]


def test_pseudonyms_are_read_as_they_are_and_need_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = read("Dr. Ada", "Dr. Bob", None)
    monkeypatch.delenv("CLINIC_KEY")
    assert read(*made) == made
    assert read(None) == [None]


@pytest.mark.parametrize("value", ["", "short"])
def test_without_a_key_nothing_is_read(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLINIC_KEY", value)
    with pytest.raises(SchemaError, match="column 'doctor': expected a key for pseudonyms") as told:
        read("Dr. Ada")
    assert "Ada" not in str(told.value) and "CLINIC_KEY" in str(told.value)
    monkeypatch.delenv("CLINIC_KEY")
    monkeypatch.setenv("CLINIC_KEY_FILE", "/nowhere/key")
    with pytest.raises(SchemaError, match="a file that cannot be read"):
        read("Dr. Ada")


@pytest.mark.parametrize(
    "field",
    [
        {"type": "integer"},
        {"categories": ["a", "b"]},
        {"constraints": {"pattern": "a+"}},
        {"constraints": {"maxLength": 10}},
        {"tabsynth": {"pseudonym": "KEY", "free_text": "drop"}},
        {"tabsynth": {"pseudonym": "KEY", "generator": {"kind": "uuid"}}},
        {"tabsynth": {"pseudonym": "not a variable"}},
    ],
)
def test_a_column_must_take_them(field: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        schema(**field)


def test_a_model_holds_pseudonyms_and_neither_names_nor_the_key(tmp_path: Path) -> None:
    names = ["Dr. Ada"] * 60 + ["Dr. Bob"] * 40
    raw = pa.table({"doctor": names, "ward": ["a", "b"] * 50})
    fitted = ts.fit(Table.checked(raw, schema()), synthesizer="independent", seed=1)
    fitted.save(tmp_path / "m")
    assert set(ts.sample(fitted, 50, seed=1).column("doctor").to_pylist()) == set(read(*names))
    assert "Pseudonyms, by a key that is not in it: doctor." in fitted.describe()
    with zipfile.ZipFile(tmp_path / "m") as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert b"psn-" in content
    assert b"Ada" not in content and KEY.encode() not in content


def test_a_budget_does_not_discover_what_stands_behind_them() -> None:
    with pytest.raises(PrivacyError, match="a column without pseudonyms"):
        found_apart(schema(), ["doctor"])
