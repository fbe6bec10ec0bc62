"""The commands at work: what they write, print and return."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tabsynth.report.junit import junit_xml
from tabsynth.report.model import Report
from tabsynth.schema.files import bundled
from tests.e2e.scene import (
    HEADER,
    SCHEMA,
    SECRET_TEXT,
    Done,
    Place,
    Run,
    command,
    records,
    write_csv,
)

RUN_FILES = {
    "synthetic.parquet", "model.tabsynth", "schema.yaml", "report.html", "report.json",
    "manifest.json", "croissant.json", "datasheet.md",
}  # fmt: skip
FORMATS = ("csv", "csv.gz", "parquet", "jsonl")


def went(done: Done, code: int = 0) -> str:
    """Assert the exit code and silence on stderr; return stdout."""
    assert (done.code, done.err) == (code, "")
    return done.out


def as_format(table: Path, ending: str) -> Path:
    out = table.with_name(f"as.{ending}")
    frame = pd.read_csv(table)
    if ending == "parquet":
        frame.to_parquet(out, index=False)
    elif ending == "jsonl":
        frame.to_json(out, orient="records", lines=True)
    else:
        frame.to_csv(out, index=False, lineterminator="\n")
    return out


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pandas()
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True)
    return pd.read_csv(path)


def report(folder: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((folder / "report.json").read_text())
    jsonschema.validate(body, json.loads(bundled("report.json").read_text()))
    return body


@pytest.mark.parametrize("ending", FORMATS)
def test_run_leaves_six_files(ending: str, place: Place, tabsynth: Run) -> None:
    write_csv(place.table, records(600))
    table, out = as_format(place.table, ending), place.outputs / "new"
    words = ["run", table, "--schema", place.schema, "-o", out, "--seed", 4, "-n", 300]
    said = went(tabsynth(*words, "--target", "city", "--quiet"), 3)
    assert said.startswith("verdict: inconclusive\n")
    assert {p.name for p in out.iterdir()} == RUN_FILES
    body = report(out)
    assert body["verdict"] == "inconclusive"
    assert body["provenance"]["seed"] == 4
    assert {r["family"] for r in body["results"]} >= {"validity", "fidelity", "utility", "privacy"}
    drawn = pq.read_table(out / "synthetic.parquet")
    assert (drawn.num_rows, drawn.column_names) == (300, HEADER.split(","))
    assert "<html" in (out / "report.html").read_text()
    assert json.loads((out / "manifest.json").read_text())["verdict"] == "inconclusive"
    went(tabsynth("schema", "check", out / "schema.yaml", out / "synthetic.parquet", "--quiet"))
    went(tabsynth("sample", out / "model.tabsynth", "-o", place.outputs / "more.csv", "--quiet"))


def test_every_format_gives_the_same_run(place: Place, tabsynth: Run) -> None:
    drawn = set()
    for ending in FORMATS:
        out = place.outputs / ending
        words = ["run", as_format(place.table, ending), "--schema", place.schema, "--seed", 4]
        went(tabsynth(*words, "-o", out, "--quiet"), 3)
        drawn.add((out / "synthetic.parquet").read_bytes())
    assert len(drawn) == 1


def test_run_keeps_other_files(place: Place, tabsynth: Run) -> None:
    out = place.outputs / "earlier" / "dir"
    words = ["run", place.table, "--schema", place.schema, "-o", out, "--seed", 1, "--quiet"]
    went(tabsynth(*words), 3)
    assert {p.name for p in out.iterdir()} == RUN_FILES | {"notes.txt"}
    assert (out / "notes.txt").read_text() == "earlier dir/notes.txt"
    report(out)


def test_the_line_in_steps(place: Place, tabsynth: Run) -> None:
    """infer, check, fit, inspect, sample, evaluate."""
    schema, model = place.outputs / "s.yaml", place.outputs / "m.tabsynth"
    out, verdict = place.outputs / "synthetic.csv", place.outputs / "verdict"
    assert str(schema) in went(tabsynth("schema", "infer", place.table, "-o", schema))
    assert "keeps the schema" in went(tabsynth("schema", "check", schema, place.table))
    assert "4 columns" in went(tabsynth("schema", "check", schema))
    words = ["fit", place.table, "--schema", schema, "-o", model, "--param", "min_count=6"]
    assert went(tabsynth(*words, "--seed", 1, "--quiet")) == f"wrote {model}\n"
    inspected = went(tabsynth("inspect", model))
    assert "Synthesizer trees" in inspected
    assert "Not differentially private" in inspected
    body = json.loads(went(tabsynth("inspect", model, "--json")))
    assert body["parameters"]["min_count"] == 6
    assert body["holds"] == inspected.splitlines()
    went(tabsynth("sample", model, "-o", out, "--seed", 2, "--quiet"))
    assert len(read(out)) == 200
    holdout = write_csv(place.inputs / "holdout.csv", records(200, seed=8))
    words = ["evaluate", "--train", place.table, "--holdout", holdout, "--synthetic", out]
    judged = tabsynth(*words, "-o", verdict, "--quiet")
    # of 200 records the gate says now and then that their margins remember them
    assert judged.code in (1, 3)
    said = went(judged, judged.code)
    assert str(verdict / "report.html") in said
    assert {p.name for p in verdict.iterdir()} == {"report.html", "report.json"}
    report(verdict)


@pytest.mark.parametrize("group", [[], ["schema"], ["db"], ["ledger"]])
def test_help_says_whole_sentences(group: list[str], tabsynth: Run) -> None:
    _, commands = went(tabsynth(*group, "--help")).split("Commands:")
    entries = re.split(r"\n  (?=\S)", commands.rstrip())[1:]
    assert len(entries) >= 3
    assert all(entry.endswith(".") and not entry.endswith("...") for entry in entries)


def test_a_schema_is_json_where_its_name_says_so(place: Place, tabsynth: Run) -> None:
    schema, again = place.outputs / "s.json", place.outputs / "again.json"
    went(tabsynth("schema", "infer", place.table, "-o", schema))
    went(tabsynth("schema", "convert", schema, "--to", "tabsynth", "-o", again))
    for made in (schema, again):
        assert json.loads(made.read_text())["fields"][0]["name"] == "city"
        assert "keeps the schema" in went(tabsynth("schema", "check", made, place.table))


def test_a_public_report_has_a_public_junit(place: Place, tabsynth: Run) -> None:
    holdout = write_csv(place.inputs / "holdout.csv", records(200, seed=8))
    out, junit = place.outputs / "verdict", place.outputs / "verdict" / "junit.xml"
    words = ["evaluate", "--train", place.table, "--holdout", holdout, "--synthetic", place.table]
    said = went(tabsynth(*words, "-o", out, "--audience", "public", "--junit", junit, "--quiet"), 1)
    shown = Report.model_validate_json((out / "report.json").read_text())
    assert junit.read_text() == junit_xml(shown)
    assert all(reason in said for reason in shown.reasons)


def test_a_junit_file_takes_no_input_s_place(place: Place, tabsynth: Run) -> None:
    words = ["run", place.table, "-o", place.outputs / "new", "--quiet", "--junit"]
    before = place.table.read_bytes()
    assert tabsynth(*words, place.table).refused(2) == "--junit"
    assert place.table.read_bytes() == before
    assert "absent" in tabsynth(*words, place.outputs / "absent" / "junit.xml").refused()
    assert not (place.outputs / "new").exists()


@pytest.mark.parametrize("to", ["sdv", "datapackage"])
def test_convert_there_and_back(to: str, place: Place, tabsynth: Run) -> None:
    there, back = place.outputs / f"{to}.json", place.outputs / "back.yaml"
    went(tabsynth("schema", "convert", place.schema, "-o", there, "--to", to))
    went(tabsynth("schema", "convert", there, "-o", back, "--to", "tabsynth"))
    names = [f["name"] for f in yaml.safe_load(back.read_text())["fields"]]
    assert names == HEADER.split(",")
    assert json.loads(there.read_text())


def test_list(tabsynth: Run) -> None:
    lines = went(tabsynth("list", "synthesizers")).splitlines()
    assert {"gaussian_copula", "independent", "trees"} <= {line.split()[0] for line in lines}
    for line in lines:
        assert all(f"{word}: " in line for word in ("types", "conditions", "privacy", "cost")), line
    assert "c2st_auc" in went(tabsynth("list", "metrics"))
    assert "membership" in went(tabsynth("list", "attacks"))


def evaluated(synthetic: Path, place: Place, tabsynth: Run) -> dict[str, Any]:
    out = place.outputs / "verdict"
    holdout = write_csv(place.inputs / "holdout.csv", records(1000, seed=8))
    words = ["--train", place.table, "--holdout", holdout, "--synthetic", synthetic]
    more = ["--schema", place.schema, "-o", out, "--quiet"]
    done = tabsynth("evaluate", *words, *more)
    done.shows_no_secret()
    assert went(done, 1).startswith("verdict: fail\n")
    return report(out)


BROKEN = {
    "missing column": lambda f: f.drop(columns="age"),
    "extra column": lambda f: f.assign(height=3),
    "words for numbers": lambda f: f.assign(age="many"),
    "unseen category": lambda f: f.assign(city=f"{SECRET_TEXT}-2"),
    "out of range": lambda f: f.assign(age=-7),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_synthetic_table_fails_the_gate(case: str, place: Place, tabsynth: Run) -> None:
    text = SCHEMA.replace(
        "city, type: string", "city, type: string, categories: [Basel, Bern, Biel]"
    )
    place.schema.write_text(text.replace("integer}", "integer, constraints: {minimum: 0}}"))
    clean = [[r[0] if r[0] != SECRET_TEXT else "Bern", *r[1:]] for r in records(1000)]
    write_csv(place.table, clean)
    synthetic = place.inputs / "synthetic.csv"
    clean = [[r[0] if r[0] != SECRET_TEXT else "Bern", *r[1:]] for r in records(1000, seed=8)]
    out = place.outputs / "verdict"
    holdout = write_csv(place.inputs / "holdout.csv", clean)
    BROKEN[case](pd.read_csv(holdout)).to_csv(synthetic, index=False)
    words = ["--train", place.table, "--holdout", holdout, "--synthetic", synthetic]
    done = tabsynth("evaluate", *words, "--schema", place.schema, "-o", out, "--quiet")
    assert SECRET_TEXT not in went(done, 1)
    body = report(out)
    assert body["verdict"] == "fail"
    assert "break the schema" in " ".join(body["reasons"])


def test_a_copy_of_the_training_records_fails_the_gate(place: Place, tabsynth: Run) -> None:
    write_csv(place.table, records(1000))
    frame = pd.read_csv(place.table)
    synthetic = place.inputs / "synthetic.csv"
    frame.sample(len(frame), replace=True, random_state=1).to_csv(synthetic, index=False)
    body = evaluated(synthetic, place, tabsynth)
    told = " ".join(body["reasons"])
    assert "An attacker tells training records" in told
    assert "come out again and again" in told


@pytest.mark.parametrize("ending", FORMATS)
def test_samples_do_not_depend_on_workers(ending: str, place: Place, tabsynth: Run) -> None:
    made = set()
    for workers in (1, 2, 5):
        out = place.outputs / f"{workers}.{ending}"
        words = ["sample", place.model, "-n", 150_000, "--seed", 3, "--workers", workers]
        went(tabsynth(*words, "-o", out, "--quiet"))
        made.add(out.read_bytes())
    assert len(made) == 1


@pytest.mark.parametrize("ending", FORMATS)
def test_seeds(ending: str, place: Place, tabsynth: Run) -> None:
    out, made = place.outputs / f"out.{ending}", []
    for seed in (["--seed", 3], ["--seed", 3], ["--seed", 4], [], []):
        went(tabsynth("sample", place.model, "-n", 100, *seed, "-o", out, "--quiet"))
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert len(set(made)) == 4
    assert len(read(out)) == 100


def test_fits_with_one_seed_give_the_same_bytes(place: Place, tabsynth: Run) -> None:
    words = ["fit", place.table, "--schema", place.schema, "--seed", 1, "--quiet"]
    words += ["--synthesizer", "gaussian_copula"]
    went(tabsynth(*words, "-o", place.outputs / "m"))
    assert (place.outputs / "m").read_bytes() == place.model.read_bytes()


@pytest.mark.parametrize(
    "given",
    [
        ["--given", "city=Bern", "age=44"],
        ["--given", "city=Bern", "--given", "age=44"],
        ["--given=city=Bern", "--given=age=44"],
    ],
)
def test_conditions(given: list[str], place: Place, tabsynth: Run) -> None:
    out = place.outputs / "out.csv"
    went(tabsynth("sample", place.model, *given, "-n", 50, "-o", out, "--quiet"))
    drawn = read(out)
    assert len(drawn) == 50
    assert set(drawn["city"]) == {"Bern"}
    assert set(drawn["age"]) == {44}
    assert drawn["income"].nunique() > 10


def test_conditions_from_a_file(place: Place, tabsynth: Run) -> None:
    out = place.outputs / "out.parquet"
    given = place.given("given.csv", "age,city\n30,Bern\n40,\n50,Biel\n")
    went(tabsynth("sample", place.model, "--given-file", given, "-o", out, "--quiet"))
    drawn = read(out)
    assert list(drawn["age"]) == [30, 40, 50]
    assert list(drawn["city"])[::2] == ["Bern", "Biel"]
    one = place.given("one.csv", "city\nBiel\n")
    went(tabsynth("sample", place.model, "--given-file", one, "-n", 9, "-o", out, "--quiet"))
    assert Counter(read(out)["city"]) == {"Biel": 9}


def test_progress_goes_to_stderr(place: Place, tabsynth: Run) -> None:
    words = ["run", place.table, "--schema", place.schema, "-o", place.outputs / "new"]
    done = tabsynth(*words)
    assert done.code == 3
    said = done.err.splitlines()
    assert said[0] == f"reading {place.table}"
    assert said[1].startswith("synthesizer trees: the most faithful one")
    assert said[2].startswith("trees on 160 records and 4 columns: about ")
    assert "fitting trees" in said
    assert "reading" not in done.out
    done = tabsynth("sample", place.model, "-n", 300_000, "-o", place.outputs / "o.parquet")
    assert done.err.splitlines()[-1] == "sampling: 300,000 of 300,000"
    assert done.out == f"wrote 300,000 records to {place.outputs / 'o.parquet'}\n"


def test_quiet_and_debug_may_stand_anywhere(place: Place, tabsynth: Run) -> None:
    for words in (["--quiet", "fit"], ["fit", "--quiet"]):
        went(tabsynth(*words, place.table, "-o", place.outputs / "m"))
    absent = place.inputs / "absent.csv"
    for words in (["--debug", "fit", absent], ["fit", absent, "--debug"]):
        done = tabsynth(*words, "-o", place.outputs / "m", "--quiet")
        assert done.code == 4
        assert done.err.startswith("Traceback (most recent call last)")
        assert done.err.splitlines()[-1].startswith(f"error: {absent}: expected ")


def test_version_and_help(tabsynth: Run) -> None:
    import tabsynth as package

    assert went(tabsynth("--version")) == f"tabsynth {package.__version__}\n"
    assert "sample" in went(tabsynth("--help"))
    assert "--given" in went(tabsynth("sample", "--help"))
    assert "--epsilon" in went(tabsynth("fit", "--help"))


WITHHELD = """\
fields:
  - {name: id, type: integer, tabsynth: {role: identifier, generator: {kind: sequence}}}
  - {name: badge, tabsynth: {generator: {kind: pattern, pattern: 'B\\d{6}'}}}
  - {name: person, tabsynth: {generator: {kind: personal, what: name}}}
  - {name: mail, tabsynth: {generator: {kind: personal, what: email}}}
  - {name: note, tabsynth: {free_text: replace}}
  - {name: remark, tabsynth: {free_text: drop}}
  - {name: age, type: integer}
  - {name: city}
primaryKey: id
"""


def bytes_of(folder: Path) -> bytes:
    """Everything in a folder, archives unpacked and tables as text."""
    found = b""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        body = path.read_bytes()
        if path.suffix == ".parquet":
            body += pq.read_table(path).to_pandas().to_csv().encode()
        if path.suffix == ".gz":
            body = gzip.decompress(body)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                body = b"".join(archive.read(name) for name in archive.namelist())
        found += body
    return found


@pytest.mark.parametrize("declared", [True, False])
def test_what_is_not_modelled_never_leaves(declared: bool, place: Place, tabsynth: Run) -> None:
    """Neither in records, nor model, report or manifest; the schema declared or inferred."""
    rows, rng = 400, np.random.default_rng(1)
    private = {
        "id": [7_000_000 + 13 * i for i in range(rows)],
        "badge": [f"Q{500_000 + 7 * i}" for i in range(rows)],
        "person": [f"Zqxa{chr(97 + i % 26)}{chr(97 + i // 26)} Vwyk" for i in range(rows)],
        "mail": [f"zqx{i}@secret.example" for i in range(rows)],
        "note": [
            f"zqx note number {i} tells a long and private story of a life" for i in range(rows)
        ],
        "remark": [
            f"zqx remark {i} is as private and as long as any other one" for i in range(rows)
        ],
    }
    modelled = {
        "age": rng.integers(20, 30, rows),
        "city": rng.choice(["Bern", "Biel"], rows),
    }
    table = pa.table(private | modelled)
    path = place.inputs / "people.parquet"
    pq.write_table(table, path)
    schema = ["--schema", place.given("w.yaml", WITHHELD)] if declared else []
    out = place.outputs / "people"
    went(tabsynth("run", path, *schema, "-o", out, "--seed", 2, "--quiet"), 3)
    words = ["sample", out / "model.tabsynth", "--seed", 5, "--quiet"]
    for ending in FORMATS:
        went(tabsynth(*words, "-o", out / f"more.{ending}"))
    everything = bytes_of(out)
    for name, values in private.items():
        left = [value for value in values if str(value).encode() in everything]
        assert left == [], name
    assert b"zqx" not in everything.lower()
    drawn = read(out / "more.parquet")
    if declared:
        assert list(drawn["id"]) == list(range(1, len(drawn) + 1))
        assert drawn["badge"].str.fullmatch(r"B\d{6}").all()
        assert drawn["badge"].is_unique
        assert drawn["mail"].str.contains("@").all()
        assert set(drawn["note"]) == {"(free text withheld)"}
        assert "remark" not in drawn.columns


def test_rare_values_never_leave(place: Place, tabsynth: Run) -> None:
    out = place.outputs / "new"
    for schema in ([], ["--schema", place.schema]):
        went(tabsynth("run", place.table, *schema, "-o", out, "--seed", 2, "--quiet"), 3)
        everything = bytes_of(out)
        assert SECRET_TEXT.encode() not in everything
        assert b"987654" not in everything


def test_names_of_columns(place: Place, tabsynth: Run) -> None:
    """Spaces, other alphabets, options, equals signs, quotes: a name is only a name."""
    names = [
        "größe in cm",
        "город",
        "--seed",
        "a=b",
        'say "hi"',
        "x,y",
        "name;id",
        "{0}",
        "%s",
        "<script>x",
    ]
    table = pd.DataFrame(
        {n: [f"v{(i * (2 * k + 3) + i // 4) % 4}" for i in range(200)] for k, n in enumerate(names)}
    )
    path, out = place.inputs / "names.csv", place.outputs / "names"
    table.to_csv(path, index=False)
    words = ["run", path, "-o", out, "--synthesizer", "gaussian_copula", "--seed", 1]
    went(tabsynth(*words, "--target=--seed", "--quiet"), 3)
    assert list(read(out / "synthetic.parquet").columns) == names
    page = (out / "report.html").read_text()
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page
    # as in record 5
    given = ["--given", "a=b=v2", "größe in cm=v0", "--given=--seed=v0"]
    csv = place.outputs / "given.csv"
    words = ["sample", out / "model.tabsynth", *given, "-n", 20, "-o", csv, "--quiet"]
    went(tabsynth(*words))
    drawn = read(csv)
    assert list(drawn.columns) == names
    assert (set(drawn["a=b"]), set(drawn["größe in cm"])) == ({"v2"}, {"v0"})
    assert set(drawn["--seed"]) == {"v0"}


def test_semicolons_and_windows_lines(place: Place, tabsynth: Run) -> None:
    text = place.table.read_text().replace(",", ";").replace("\n", "\r\n")
    path = place.given("semi.csv", "\ufeff" + text)
    out = place.outputs / "m"
    words = ["fit", path, "--schema", place.schema, "--seed", 1, "-o", out, "--quiet"]
    went(tabsynth(*words, "--synthesizer", "gaussian_copula"))
    assert out.read_bytes() == place.model.read_bytes()


def test_out_may_be_a_link_or_relative(
    place: Place, tabsynth: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.outputs)
    target = place.outputs / "target.csv"
    target.write_text("earlier")
    (place.outputs / "link.csv").symlink_to(target)
    went(tabsynth("sample", place.model, "-n", 20, "-o", "link.csv", "--quiet"))
    assert (place.outputs / "link.csv").is_symlink()
    assert len(read(target)) == 20
    went(tabsynth("sample", place.model, "-n", 20, "-o", "-x.csv", "--quiet"))
    assert len(read(place.outputs / "-x.csv")) == 20


def test_names_that_are_no_text_here(place: Place) -> None:
    """On a system of ASCII, names of files and columns beyond it still work."""
    table = place.given("größe.csv", "größe\n" + "ja\nnein\n" * 20)
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    out = place.outputs / "größe"
    model = out / "model.tabsynth"
    words = ["sample", model, "-o"]
    for more, code in (
        (["run", table, "-o", out], 3),
        (["inspect", model], 0),
        (["inspect", model, "--json"], 0),
        *(([*words, out / f"é.{ending}"], 0) for ending in FORMATS),
    ):
        done = subprocess.run(
            command(*more), env=ascii_only, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stderr
    assert set(read(out / "é.csv")["größe"]) == {"ja", "nein"}
