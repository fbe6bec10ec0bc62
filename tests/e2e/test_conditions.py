"""Conditions, imputation and quotas through the command line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tabsynth import registry
from tests import quick
from tests.e2e.scene import HEADER, SECRET_TEXT, Place, Run, records, write_csv

Refuses = Callable[..., str]


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    return {}


@pytest.fixture(params=[n for n in registry.names("synthesizers") if ":" not in n])
def model(
    request: pytest.FixtureRequest, place: Place, tabsynth: Run, models: dict[str, bytes]
) -> Path:
    """A model of each kind, fitted once."""
    path = place.inputs / "m.tabsynth"
    if request.param not in models:
        words = ["fit", place.table, "--schema", place.schema, "--synthesizer", request.param]
        words += quick.words(request.param)
        assert tabsynth(*words, "--seed", 1, "-o", path, "--quiet").code == 0
        models[request.param] = path.read_bytes()
    path.write_bytes(models[request.param])
    return path


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_holes_are_filled_and_known_cells_kept_byte_for_byte(
    model: Path, place: Place, tabsynth: Run
) -> None:
    rng = np.random.default_rng(4)
    whole = [r for r in records(120, seed=1) if not r[0].startswith("ZQX") and r[2] < "9"]
    holes = [[cell if rng.random() < 0.6 else "" for cell in r[:3]] for r in whole]
    file = write_csv(place.inputs / "holes.csv", holes, header="city,age,income")
    out = place.outputs / "filled.csv"
    done = tabsynth("sample", model, "--given-file", file, "--seed", 3, "-o", out)
    assert done.code == 0, done.err
    header, *filled = rows(out)
    # the column that is not in the file is drawn too
    assert header == HEADER.split(",")
    assert len(filled) == len(holes)
    for known, made in zip(holes, filled, strict=True):
        assert all(k in ("", m) for k, m in zip(known, made[:3], strict=True))
        assert all(made)
    drawn = [m[1] for k, m in zip(holes, filled, strict=True) if not k[1]]
    assert len(set(drawn)) > 10
    line = done.err.splitlines()[0]
    assert ("effective sample size" in line) != ("met exactly" in line)
    assert f"{len(holes)} conditions" in line


def test_probability_and_sample_size_go_to_stderr(model: Path, place: Place, tabsynth: Run) -> None:
    words = ["sample", model, "--given", "joined=2015-05-15", "city=Bern", "-n", 40, "--seed", 1]
    done = tabsynth(*words, "-o", place.outputs / "out.csv")
    assert done.code == 0
    assert done.err.startswith("the condition (estimated probability ")
    assert done.out == f"wrote 40 records to {place.outputs / 'out.csv'}\n"
    assert tabsynth(*words, "-o", place.outputs / "again.csv", "--quiet").err == ""
    assert (place.outputs / "out.csv").read_bytes() == (place.outputs / "again.csv").read_bytes()


def test_quotas(model: Path, place: Place, tabsynth: Run) -> None:
    out = place.outputs / "out.csv"
    words = ["sample", model, "--seed", 1, "-o", out, "--quiet"]
    assert tabsynth(*words, "-n", 90, "--balance", "city").code == 0
    cities = [r[0] for r in rows(out)[1:]]
    # a name that one person has is not balanced in
    assert Counter(cities) == {"Basel": 30, "Bern": 30, "Biel": 30}
    assert cities != sorted(cities)
    shares = ["--shares", "city=Basel:0.1,Biel:0.9", "--given", "age=40"]
    assert tabsynth(*words, "-n", 55, *shares).code == 0
    drawn = rows(out)[1:]
    # 5.5 and 49.5 records: the one left over goes to the first of equal remainders
    assert Counter(r[0] for r in drawn) == {"Basel": 6, "Biel": 49}
    assert {r[1] for r in drawn} == {"40"}


WRONG = {
    "no share": (["--shares", "city=Basel"], 2),
    "not a number": (["--shares", "city=Basel:half,Bern:half"], 2),
    "negative": (["--shares", "city=Basel:1.5,Bern:-0.5"], 2),
    "more than all": (["--shares", "city=Basel:0.9,Bern:0.9"], 2),
    "twice": (["--shares", "city=Basel:0.5,Basel:0.5"], 2),
    "balanced and shared": (["--balance", "city", "--shares", "city=Basel:1"], 2),
    "given and shared": (["--balance", "city", "--given", "city=Basel"], 2),
    "unknown column": (["--shares", "town=Basel:1"], 4),
    "unknown column to balance": (["--balance", "town"], 4),
    "unknown value": (["--shares", f"city=Basel:0.5,{SECRET_TEXT}:0.5"], 4),
    "no value of its type": (["--shares", f"age={SECRET_TEXT}:1"], 4),
    "numbers to balance": (["--balance", "income"], 4),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_quotas(case: str, place: Place, refuses: Refuses) -> None:
    words, code = WRONG[case]
    where = refuses("sample", place.model, *words, "-n", 20, out="out.csv", code=code)
    assert "shares" in where or "balance" in where or "given" in where


def test_conditions_that_never_meet_are_refused_with_their_probability(
    place: Place, tabsynth: Run
) -> None:
    rng = np.random.default_rng(0)
    town = rng.choice(["Basel", "Bern", "Biel"], 600)
    river = np.where(town == "Basel", "Rhine", np.where(town == "Bern", "Aare", "Schüss"))
    table = [[t, str(n), r] for t, n, r in zip(town, rng.integers(0, 9, 600), river, strict=True)]
    file = write_csv(place.inputs / "towns.csv", table, header="town,number,river")
    fit = [
        "fit",
        file,
        "--synthesizer",
        "trees",
        "--seed",
        1,
        "-o",
        place.inputs / "towns.tabsynth",
    ]
    assert tabsynth(*fit, "--quiet").code == 0
    out = place.outputs / "out.csv"
    words = ["sample", place.inputs / "towns.tabsynth", "-o", out]
    done = tabsynth(*words, "--given", "town=Basel", "river=Aare", "-n", 10)
    assert done.refused(4) == "given 'town', 'river'"
    assert "an estimated probability of 0 (0." in done.err
    assert not out.exists()
    some = write_csv(
        place.inputs / "some.csv", [["Basel", "Rhine"], ["Bern", "Rhine"]], "town,river"
    )
    done = tabsynth(*words, "--given-file", some)
    assert done.refused(4) == "given 'town', 'river'"
    assert "in 1 of 2 conditions (record 2)" in done.err
    assert not out.exists()
