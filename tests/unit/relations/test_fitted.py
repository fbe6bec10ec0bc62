"""Model files of databases: the same model comes back, or the file is refused."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

import tabsynth as ts
from tabsynth import modelfile
from tabsynth.errors import ModelFileError, UsageError
from tabsynth.relations.fitted import FittedDatabase, load_database_model
from tests.shop import shop


@cache
def fitted() -> FittedDatabase:
    return ts.fit_database(shop(200, 1), synthesizer="gaussian_copula", seed=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fitted().save(tmp_path / "m")
    return tmp_path / "m"


def changed(path: Path, manifest: dict[str, object]) -> Path:
    """The same file with other entries in its manifest."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    head = json.loads(members["manifest.json"]) | manifest
    other = path.with_name("other")
    with zipfile.ZipFile(other, "w") as archive:
        for name, body in (members | {"manifest.json": json.dumps(head)}).items():
            archive.writestr(name, body)
    return other


def test_the_same_model_comes_back(path: Path) -> None:
    again = ts.load_model(path)
    assert isinstance(again, FittedDatabase)
    assert again.describe() == fitted().describe()
    drawn = [ts.sample_database(model, 0.5, seed=4) for model in (again, fitted())]
    for name, table in drawn[0].tables.items():
        assert table.data.equals(drawn[1].tables[name].data)
    again.save(path.with_name("again"))
    assert path.with_name("again").read_bytes() == path.read_bytes()


def test_the_file_says_what_it_is_and_not_where_it_came_from(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        texts = b"".join(archive.read(n) for n in archive.namelist() if n.endswith(".json"))
    schemas = Path(str(files("tabsynth"))).parent / "schemas"
    jsonschema.validate(
        manifest, json.loads((schemas / "database-model-manifest.json").read_text())
    )
    assert manifest["format"] == "tabsynth-database-model"
    assert manifest["default_rows"]["clients"] == 200
    sizes = {n: t.num_rows for n, t in shop(200, 1).tables.items()}
    assert manifest["default_rows"]["orders"] != sizes["orders"]
    assert not re.search(rb"\b%d\b" % sizes["orders"], texts)
    # neither a path nor a key of the source
    assert b'"path"' not in texts and b"1001" not in texts


def test_each_kind_of_model_is_refused_where_the_other_is_wanted(
    path: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match="a model of a database; use `tabsynth db sample`"):
        modelfile.load(path)
    with pytest.raises(UsageError, match=r"tabsynth\.sample_database"):
        ts.sample(ts.load_model(path))  # type: ignore[arg-type]
    one = ts.fit(shop(200, 1).tables["orders"], synthesizer="independent", seed=1)
    one.save(tmp_path / "one")
    with pytest.raises(ModelFileError, match="a model of one table; use `tabsynth sample`"):
        load_database_model(tmp_path / "one")
    assert isinstance(ts.load_model(tmp_path / "one"), ts.Fitted)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"format_version": 2}, "version 2; upgrade tabsynth"),
        ({"format": "tabsynth-model"}, "something else at"),
        ({"format": ["tabsynth-model"]}, "another kind of archive"),
        ({"default_rows": {"clients": 5}}, "parts that do not belong together"),
        ({"package": {"resources": []}}, "parts that do not belong together"),
        ({"synthesizer": "trees"}, "parts that do not belong together"),
    ],
)
def test_manifests_that_do_not_fit_are_refused(
    path: Path, manifest: dict[str, object], said: str
) -> None:
    with pytest.raises(ModelFileError, match=said):
        load_database_model(changed(path, manifest))


def test_members_that_do_not_fit_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        settings = json.loads(archive.read("state.json"))
        listed = json.loads(archive.read("manifest.json"))["members"]
    settings["tables"] = settings["tables"][1:]
    body = json.dumps(settings).encode()
    entry = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    other = changed(path, {"members": listed | {"state.json": entry}})
    with zipfile.ZipFile(other) as archive:
        members = {n: archive.read(n) for n in archive.namelist()} | {"state.json": body}
    with zipfile.ZipFile(other, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match="parts that do not belong together"):
        load_database_model(other)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ModelFileError, match="a damaged one"):
        ts.load_model(path)
