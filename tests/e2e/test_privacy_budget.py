"""`fit` and `run` under a privacy budget, as people call them."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tabsynth import registry
from tests import private_margins, quick
from tests.e2e.scene import WITHOUT_PRIVILEGES, Done, Run, snapshot

SCHEMA = """\
fields:
  - {name: city, categories: [Basel, Bern, Biel], constraints: {required: true}}
  - {name: age, type: integer, constraints: {required: true, minimum: 0, maximum: 99}}
  - {name: income, type: number, constraints: {minimum: 0, maximum: 500}, tabsynth: {decimals: 0}}
  - {name: joined, type: date, constraints: {minimum: 2020-01-01, maximum: 2020-12-31}}
  - {name: smoker, type: boolean}
"""
UNITS = SCHEMA.replace(
    "fields:", "tabsynth: {privacy_unit: person, max_records_per_unit: 2}\nfields:\n  - {name: "
    "person, tabsynth: {role: identifier, generator: {kind: sequence, prefix: p}}}",
)  # fmt: skip
HEADER = ["person", "city", "age", "income", "joined", "smoker"]


def table(rows: int = 120) -> list[list[str]]:
    rng = np.random.default_rng(4)
    return [
        [
            f"p{i // 2}", str(rng.choice(["Basel", "Bern", "Biel"])), str(rng.integers(20, 60)),
            str(rng.integers(0, 300)), f"2020-{rng.integers(1, 13):02}-1{rng.integers(0, 9)}",
            str(rng.choice(["true", "false"])),
        ]
        for i in range(rows)
    ]  # fmt: skip


Records = list[list[str]]


def as_csv(records: Records) -> bytes:
    return "".join(",".join(r) + "\n" for r in [HEADER, *records]).encode()


def as_jsonl(records: Records) -> bytes:
    def value(text: str, column: str) -> Any:
        if text == "":
            return None
        if column in ("age", "income") and re.fullmatch(r"-?\d+", text):
            return int(text)
        return {"true": True, "false": False}.get(text, text) if column == "smoker" else text

    lines = [{c: value(v, c) for c, v in zip(HEADER, r, strict=True)} for r in records]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


WRITTEN: dict[str, Callable[[Records], bytes]] = {"csv": as_csv, "jsonl": as_jsonl}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table, its schema, and a person's own data folder; a private synthesizer is registered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TABSYNTH_DATA", str(tmp_path / "home"))
    private_margins.register(monkeypatch)
    Path("table.csv").write_bytes(as_csv(table()))
    Path("schema.yaml").write_text(SCHEMA)
    Path("units.yaml").write_text(UNITS)
    return tmp_path


BUDGET = ("--epsilon", "0.5", "--source-id", "survey")
FIT = ("fit", "table.csv", "--schema", "schema.yaml", "-o", "model.tabsynth")
RUN = ("run", "table.csv", "--schema", "schema.yaml", "-o", "result")


def spent(tabsynth: Run, source: str = "survey") -> list[Any]:
    if not Path("home/ledger.sqlite").exists():
        return []
    sources = json.loads(tabsynth("ledger", "show", "--json").out)["sources"]
    return next((s["fits"] for s in sources if s["source_id"] == source), [])


def manifest_of(model: str = "model.tabsynth") -> Any:
    with zipfile.ZipFile(model) as archive:
        return json.loads(archive.read("manifest.json"))


# the line


def test_a_fit_spends_and_its_model_carries_the_certificate(tabsynth: Run) -> None:
    done = tabsynth(*FIT, *BUDGET)
    assert (done.code, done.out) == (0, "wrote model.tabsynth\n")
    assert "epsilon 0.5 at delta 1e-06 is charged to source 'survey'" in done.err
    privacy = manifest_of()["privacy"]
    assert privacy["differentially_private"] is True
    found = privacy["certificate"]
    assert (found["epsilon"], found["delta"], found["unit"]) == (0.5, 1e-6, "one record")
    assert sum(s["rho"] for s in found["stages"]) == pytest.approx(found["rho"], rel=1e-9)
    assert found["noise"].startswith("opendp 0.")
    assert found["cumulative"]["epsilon"] <= 0.5
    assert (
        "age lies from 0 to 99, asked about in 100 values; is never missing"
        in (found["assumptions"])
    )
    (fit,) = spent(tabsynth)
    assert fit["committed"] is True
    told = tabsynth("inspect", "model.tabsynth").out
    assert "Differentially private: epsilon 0.5 at delta 1e-06" in told
    assert "Not differentially private" not in told
    assert json.loads(tabsynth("inspect", "model.tabsynth", "--json").out)["privacy"] == privacy


def test_a_model_draws_as_any_other(tabsynth: Run) -> None:
    tabsynth(*FIT, *BUDGET)
    assert tabsynth("sample", "model.tabsynth", "-n", "50", "--seed", "1", "-o", "a.csv").code == 0
    assert tabsynth("sample", "model.tabsynth", "-n", "50", "--seed", "1", "-o", "b.csv").code == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    given = ("--given", "city=Bern", "-n", "20", "-o", "c.csv")
    assert tabsynth("sample", "model.tabsynth", *given).code == 0
    assert Path("c.csv").read_text().count("Bern") == 20


def test_a_run_leaves_the_files_of_the_contract_and_measures_nothing(tabsynth: Run) -> None:
    done = tabsynth(*RUN, *BUDGET, "-n", "40", "--seed", "3")
    assert done.code == 3
    assert {p.name for p in Path("result").iterdir()} == {
        "synthetic.parquet", "model.tabsynth", "schema.yaml", "report.html", "report.json",
        "manifest.json", "croissant.json", "datasheet.md",
    }  # fmt: skip
    report = json.loads(Path("result/report.json").read_text())
    assert (report["verdict"], report["results"]) == ("inconclusive", [])
    manifest = json.loads(Path("result/manifest.json").read_text())
    privacy = manifest["privacy"]
    assert privacy == report["provenance"]["privacy"]
    assert privacy == manifest_of("result/model.tabsynth")["privacy"]
    assert privacy["differentially_private"] is True
    assert manifest["seed"] == 3
    assert pq.read_table("result/synthetic.parquet").num_rows == 40
    page = Path("result/report.html").read_text()
    assert "differentially private: epsilon 0.5 at delta 1e-06" in page
    assert "Nothing in this report was measured on real records" in page
    # no verdict is explained, and no attack described, that was not made
    assert "Nothing broken was found" not in page
    assert 'id="threats"' not in page
    assert "not for release" not in page
    datasheet = Path("result/datasheet.md").read_text()
    assert "The model is differentially private: epsilon 0.5 at delta 1e-06" in datasheet
    assert "outside the domain that the schema declares were moved into it" in datasheet


def test_a_private_report_is_set_apart_and_says_what_it_is(tabsynth: Run) -> None:
    Path("table.csv").write_bytes(as_csv(table(400)))
    done = tabsynth(*RUN, *BUDGET, "--with-private-report", "--target", "smoker", "--seed", "1")
    report = json.loads(Path("result/private-report.json").read_text())
    assert done.code == {"pass": 0, "fail": 1, "inconclusive": 3}[report["verdict"]]
    assert "not differentially private" in report["reasons"][0]
    assert {r["name"] for r in report["results"]} >= {"univariate_tv", "c2st_auc"}
    sizes = report["provenance"]["train_records"], report["provenance"]["holdout_records"]
    assert sum(sizes) == 400
    assert 250 < sizes[0] < 380
    page = Path("result/private-report.html").read_text()
    assert "not for release" in page
    assert "differentially private: epsilon 0.5" in page
    # what may be handed on is the same as without it
    assert json.loads(Path("result/report.json").read_text())["results"] == []
    assert json.loads(Path("result/manifest.json").read_text())["verdict"] == "inconclusive"
    assert "private-report.html" in done.out


def test_a_model_under_a_budget_is_judged_as_others_but_not_fitted_again(tabsynth: Run) -> None:
    Path("rest.csv").write_bytes(Path("table.csv").read_bytes())
    tabsynth(*FIT, *BUDGET)
    tabsynth("sample", "model.tabsynth", "-n", "30", "-o", "synthetic.csv")
    words = (
        "evaluate",
        "--train",
        "table.csv",
        "--holdout",
        "rest.csv",
        "--synthetic",
        "synthetic.csv",
        "--model",
        "model.tabsynth",
        "--schema",
        "units.yaml",
        "-o",
        "judged",
    )
    done = tabsynth(*words, "--deep", "--quiet")
    assert done.refused(2) == "--deep"
    assert "without a privacy budget" in done.err


def test_the_seed_reaches_sampling_and_not_the_noise(tabsynth: Run) -> None:
    arrays = []
    for _ in range(2):
        assert tabsynth(*FIT, *BUDGET, "--seed", "1").code == 0
        with zipfile.ZipFile("model.tabsynth") as archive:
            arrays.append({n: archive.read(n) for n in archive.namelist() if ".margin" in n})
    assert arrays[0].keys() == arrays[1].keys()
    assert all(arrays[0][name] != arrays[1][name] for name in arrays[0])
    assert "tabsynth" not in arrays
    done = tabsynth(*RUN, *BUDGET, "--seed", "1", "-n", "30")
    again = ("sample", "result/model.tabsynth", "-n", "30", "--seed", "1", "-o", "again.parquet")
    assert (done.code, tabsynth(*again).code) == (3, 0)
    drawn = pq.read_table("again.parquet")
    assert drawn.equals(pq.read_table("result/synthetic.parquet"))


def test_the_record_number_stays_private(tabsynth: Run) -> None:
    sizes = set()
    for _ in range(4):
        tabsynth(*FIT, "--epsilon", "0.02", "--source-id", "survey")
        sizes.add(manifest_of()["default_rows"])
    assert len(sizes) > 1
    assert all(re.fullmatch(r"[1-9]\d?0*", str(size)) for size in sizes)


def test_a_dry_run_spends_nothing(tabsynth: Run) -> None:
    done = tabsynth(*FIT[:-2], *BUDGET, "--dry-run")
    assert done.code == 0
    assert "privacy unit: one record" in done.out
    assert "epsilon 0.5 at delta 1e-06 would be charged to source 'survey'" in done.out
    assert not Path("home").exists()


def test_units_are_hidden_whole(tabsynth: Run) -> None:
    fit = ("fit", "table.csv", "--schema", "units.yaml", "-o", "model.tabsynth")
    assert tabsynth(*fit, *BUDGET).code == 0
    found = manifest_of()["privacy"]["certificate"]
    assert found["unit"] == "all records of one person"
    assert found["stages"][0]["sensitivity"] == pytest.approx(2 * 5**0.5)
    assert any("2 records of one person count" in line for line in found["assumptions"])


def test_lists_say_what_has_a_private_form(tabsynth: Run) -> None:
    lines = {line.split()[0]: line for line in tabsynth("list", "synthesizers").out.splitlines()}
    assert "privacy: only with a privacy budget" in lines["noisy_margins"]
    assert "privacy: no privacy budget" in lines["trees"]


# discovery

OPEN = SCHEMA.replace("categories: [Basel, Bern, Biel]", "type: string").replace(
    ", constraints: {minimum: 0, maximum: 500}, tabsynth: {decimals: 0}", ""
)
FIND = ("fit", "table.csv", "--schema", "open.yaml", "-o", "model.tabsynth")


def test_domains_can_be_found_at_a_price(tabsynth: Run) -> None:
    Path("open.yaml").write_text(OPEN)
    records = [*table(600), ["p9", "Zug", "30", "1", "2020-01-01", "true"]]
    Path("table.csv").write_bytes(as_csv(records))
    done = tabsynth(
        *FIND, "--epsilon", "3", "--source-id", "survey", "--discover", "city", "income"
    )
    assert done.code == 0, done.err
    manifest = manifest_of()
    fields = {f["name"]: f for f in manifest["schema"]["fields"]}
    # false alarm: 200 records of a category below a threshold of about 40
    assert fields["city"]["categories"] == ["Basel", "Bern", "Biel", "OTHER"]
    assert 256 <= fields["income"]["constraints"]["maximum"] <= 512
    found = manifest["privacy"]["certificate"]
    assert found["discovered"] == ["city", "income"]
    assert not any(line.startswith(("city", "income")) for line in found["assumptions"])
    assert sum(s["rho"] for s in found["stages"]) <= found["rho"] * (1 + 1e-9)
    assert 0 < sum(s["delta"] for s in found["stages"]) <= 0.5e-6
    assert found["cumulative"]["epsilon"] <= 3
    assert tabsynth("sample", "model.tabsynth", "-n", "20", "-o", "a.csv").code == 0


@pytest.mark.parametrize("words", [["--discover", "age"], ["--discover", "smoker"]])
def test_what_cannot_be_found_is_refused_and_costs_nothing(tabsynth: Run, words: list[str]) -> None:
    Path("open.yaml").write_text(OPEN)
    tabsynth(*FIND, *BUDGET, *words, "--quiet").refused(5)
    tabsynth(*FIND, *BUDGET, "--discover", "nothing", "--quiet").refused(2)
    tabsynth(*FIND, "--discover", "city", "--quiet").refused(2)
    # one is found, the other is still open
    done = tabsynth(*FIND, *BUDGET, "--discover", "city", "--quiet")
    assert done.refused(5) == "schema"
    assert "'income'" in done.err
    assert spent(tabsynth) == []


# neighbours


def with_record(*values: str) -> Callable[[Records], Records]:
    return lambda records: [*records, list(values)]


def replaced(column: int, value: str) -> Callable[[Records], Records]:
    return lambda records: [[*records[0][:column], value, *records[0][column + 1 :]], *records[1:]]


NEIGHBOURS: dict[str, Callable[[Records], Records]] = {
    "one record more": with_record("p9999", "Bern", "30", "10", "2020-02-02", "true"),
    "one record less": lambda records: records[1:],
    "a new category": with_record("p9999", "Zug", "30", "10", "2020-02-02", "true"),
    "a new extreme": with_record("p9999", "Bern", "123456", "-5", "2031-02-02", "true"),
    "a huge number": with_record("p9999", "Bern", "9" * 40, "1e300", "2020-02-02", "true"),
    "missing values": with_record("", "", "", "", "", ""),
    "texts for numbers": with_record("p9999", "Bern", "old", "much", "soon", "maybe"),
    "decimals for integers": with_record("p9999", "Bern", "30.5", "10.25", "2020-02-02", "1"),
    "not a number": with_record("p9999", "Bern", "nan", "-inf", "2020-02-30", "yes"),
    "a null byte's friend": with_record("p9999", "\u2028", "\u0663", "\u00b2", "\u200b", "\ufeff"),
    "a long text": with_record("p9999", "x" * 70_000, "30", "10", "2020-02-02", "true"),
    "another's identifier": replaced(0, "p7"),
    "one of hundreds of records": lambda records: [
        *records,
        *[["p9999", "Zug", "7", "77", "2020-02-02", "true"]] * 300,
    ],
    "no records": lambda _: [],
}


def looks(done: Done, folder: str) -> dict[str, Any]:
    """All that a command leaves, with what noise may change taken out."""
    with zipfile.ZipFile(Path(folder, "model.tabsynth")) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        names = sorted(archive.namelist())
    for noisy in ("default_rows", "members"):
        manifest.pop(noisy)
    spends = manifest["privacy"]["certificate"].pop("cumulative")
    texts = {
        name: re.sub(r"\d[\d,]* (synthetic )?records|\b[0-9a-f]{64}\b", "", text)
        for name in ("report.html", "report.json", "datasheet.md")
        if (text := Path(folder, name).read_text())
    }
    return {
        "code": done.code, "out": done.out, "err": done.err, "names": names,
        "files": sorted(p.name for p in Path(folder).iterdir()), "manifest": manifest,
        "fits": spends["fits"], "schema": Path(folder, "schema.yaml").read_text(),
        "reasons": json.loads(Path(folder, "report.json").read_text())["reasons"],
        "sizes": {name: len(re.sub(r"\d+", "", text)) for name, text in texts.items()},
    }  # fmt: skip


@pytest.mark.parametrize("ending", WRITTEN)
@pytest.mark.parametrize("schema", ["schema.yaml", "units.yaml"])
def test_a_neighbour_changes_nothing_but_the_noise(
    tabsynth: Run, ending: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, records = f"data.{ending}", table(40)
    run = ("run", name, "--schema", schema, "-o", "result", "--seed", "5", *BUDGET)
    seen = {}
    for kind, change in {"itself": lambda r: r, **NEIGHBOURS}.items():
        Path(name).write_bytes(WRITTEN[ending](change(records)))
        # each from an empty ledger, so that what is left is the same
        monkeypatch.setenv("TABSYNTH_DATA", f"home {kind}")
        done = tabsynth(*run)
        assert done.code == 3, (kind, done.err)
        seen[kind] = looks(Done(done.code, done.out, done.err.replace(kind, "")), "result")
    for kind, found in seen.items():
        assert found == seen["itself"], kind


@pytest.mark.parametrize("name", registry.names("private_synthesizers"))
def test_no_fitter_says_what_a_neighbour_brings(
    tabsynth: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # how many arrays a model holds may follow from noise; what a command says may not
    run = ("run", "data.csv", "--schema", "schema.yaml", "-o", "result", "--synthesizer", name,
           *quick.words(name, private=True))  # fmt: skip
    seen = set()
    for kind in ("itself", "a new category", "a new extreme", "missing values", "no records"):
        change = NEIGHBOURS.get(kind, list)
        Path("data.csv").write_bytes(as_csv(change(table(40))))
        monkeypatch.setenv("TABSYNTH_DATA", f"home {kind}")
        done = tabsynth(*run, *BUDGET)
        files = tuple(sorted(p.name for p in Path("result").iterdir()))
        seen.add((done.code, done.out, done.err.replace(kind, ""), files))
    assert len(seen) == 1
    assert {code for code, *_ in seen} == {3}


def test_a_file_that_is_no_table_tells_no_more_than_that(tabsynth: Run) -> None:
    # a line of its own is not what a record holds; still nothing is said of where it is
    Path("table.csv").write_bytes(as_csv(table()) + b'p1,"Bern,30\np2,a,b,c,d,e,f,g\n')
    done = tabsynth(*FIT, *BUDGET, "--quiet")
    assert done.refused(4) == "table.csv"
    assert not re.search(r"line \d", done.err)
    assert spent(tabsynth) == []


# what is refused


REFUSED: dict[str, tuple[list[str], int]] = {
    "epsilon 0": (["--epsilon", "0", "--source-id", "x"], 2),
    "epsilon below 0": (["--epsilon", "-1", "--source-id", "x"], 2),
    "epsilon nan": (["--epsilon", "nan", "--source-id", "x"], 2),
    "epsilon inf": (["--epsilon", "inf", "--source-id", "x"], 2),
    "delta 0": ([*BUDGET, "--delta", "0"], 2),
    "delta 1": ([*BUDGET, "--delta", "1"], 2),
    "delta nan": ([*BUDGET, "--delta", "nan"], 2),
    "no source": (["--epsilon", "1"], 2),
    "an empty source": (["--epsilon", "1", "--source-id", " "], 2),
    "delta alone": (["--delta", "1e-6"], 2),
    "a source alone": (["--source-id", "x"], 2),
    "a ledger alone": (["--ledger", "l.sqlite"], 2),
    "no private form": ([*BUDGET, "--synthesizer", "trees"], 5),
    "no private form, no source": (["--epsilon", "1", "--synthesizer", "trees"], 5),
    "no such synthesizer": ([*BUDGET, "--synthesizer", "magic"], 2),
    "no such parameter": ([*BUDGET, "--param", "depth=1"], 2),
    "a domain too large": ([*BUDGET, "--param", "most=50"], 5),
    "a private one without a budget": (["--synthesizer", "noisy_margins"], 5),
    "no folder for the ledger": ([*BUDGET, "--ledger", "none/l.sqlite"], 5),
    "a ledger that is none": ([*BUDGET, "--ledger", "table.csv"], 5),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("command", [FIT, RUN], ids=["fit", "run"])
def test_refused_before_anything_is_spent(
    tabsynth: Run, command: tuple[str, ...], case: str
) -> None:
    before = snapshot(Path())
    words, code = REFUSED[case]
    tabsynth(*command, *words, "--quiet").refused(code)
    assert {k: v for k, v in snapshot(Path()).items() if not k.startswith("home")} == before
    assert spent(tabsynth) == []


DEBTS = "  - {name: debts, type: integer, constraints: {minimum: 0, maximum: 9}}\n"
SCHEMAS = {
    "none": ("", "--schema", 5),
    "undeclared": ("fields: [{name: city}, {name: age, type: integer}]", "schema", 5),
    "observed": (SCHEMA.replace("decimals: 0", "observed: [maximum]"), "schema", 5),
    "a column that is not there": (f"{SCHEMA}  - {{name: height, type: boolean}}\n", "data", 4),
    "a unit that is not there": (
        UNITS.replace("person", "patient"), "data", 5,
    ),
    "a unit without a bound": (UNITS.replace(", max_records_per_unit: 2", ""), "schema", 5),
    "a key that would be modelled": (
        SCHEMA.replace("maximum: 99", "maximum: 99, unique: true"), "column 'age'", 4,
    ),
    "a total": (
        f"{SCHEMA}{DEBTS}tabsynth:\n  constraints:\n    - {{kind: total, total: income, parts: "
        "[age, debts]}\n",
        "constraint", 5,
    ),
    "combinations of the records": (
        f"{SCHEMA}tabsynth:\n  constraints: [{{kind: combinations, columns: [city, smoker]}}]\n",
        "constraint", 5,
    ),
    "a rule read from records": (
        f"{SCHEMA}tabsynth:\n  constraints:\n    - {{kind: inequality, columns: [age, income], "
        "observed: true}\n", "constraint", 5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SCHEMAS)
def test_schemas_that_cannot_be_fitted_cost_nothing(tabsynth: Run, case: str) -> None:
    text, where, code = SCHEMAS[case]
    Path("other.yaml").write_text(text)
    schema = ("--schema", "other.yaml") if text else ()
    done = tabsynth("fit", "table.csv", *schema, "-o", "m.tabsynth", *BUDGET, "--quiet")
    assert done.refused(code).startswith(where), done.err
    assert not Path("m.tabsynth").exists()
    assert spent(tabsynth) == []
    if case == "undeclared":
        assert "'city'" in done.err
        assert "'age'" in done.err


def test_declared_rules_are_kept_by_drawing_again(tabsynth: Run) -> None:
    rule = "tabsynth:\n  constraints: [{kind: inequality, columns: [age, income]}]\n"
    Path("schema.yaml").write_text(SCHEMA + rule)
    assert tabsynth(*FIT, *BUDGET).code == 0
    assert "Kept by drawing again" in tabsynth("inspect", "model.tabsynth").out
    assert tabsynth("sample", "model.tabsynth", "-n", "300", "-o", "a.csv").code == 0
    rows = [line.split(",") for line in Path("a.csv").read_text().splitlines()[1:]]
    assert all(not r[2] or int(r[1]) <= float(r[2]) for r in rows)


def test_a_comparison_takes_no_budget(tabsynth: Run) -> None:
    words = ("compare", "table.csv", "--synthesizers", "trees", "-o", "result", "--quiet")
    assert tabsynth(*words, *BUDGET).refused(5) == "--epsilon"
    tabsynth(*words, "--source-id", "x").refused(2)
    named = ("compare", "table.csv", "--synthesizers", "noisy_margins", "-o", "result", "--quiet")
    assert "a privacy budget" in tabsynth(*named).err


@pytest.mark.parametrize("words", [["--deep"], ["--policy", "none.yaml"]])
def test_options_that_a_budget_rules_out(tabsynth: Run, words: list[str]) -> None:
    tabsynth(*RUN, *BUDGET, *words, "--quiet").refused(2)
    tabsynth(*RUN, "--with-private-report", "--quiet").refused(2)
    assert spent(tabsynth) == []


def test_a_private_report_of_records_that_break_the_schema_costs_nothing(tabsynth: Run) -> None:
    Path("table.csv").write_bytes(as_csv([*table(), ["p0", "Zug", "30", "1", "2020-01-01", "1"]]))
    assert tabsynth(*RUN, *BUDGET, "--with-private-report", "--quiet").code == 4
    assert spent(tabsynth) == []
    assert not Path("result").exists()


def test_a_large_epsilon_is_warned_of_and_taken(tabsynth: Run) -> None:
    done = tabsynth(*FIT, "--epsilon", "30", "--source-id", "survey")
    assert done.code == 0
    assert "warning: epsilon 30 is above 10" in done.err


# the ledger


def test_an_exhausted_budget_ends_with_5_and_leaves_nothing(tabsynth: Run) -> None:
    tabsynth("ledger", "cap", "--source-id", "survey", "--epsilon", "0.6")
    assert tabsynth(*FIT, *BUDGET).code == 0
    before = snapshot(Path())
    done = tabsynth(*RUN, *BUDGET, "--quiet")
    done.refused(5)
    assert "for source 'survey', whose cap is epsilon 0.6" in done.err
    assert snapshot(Path()) == before
    # nobody is told of a charge that was refused
    assert "charged" not in tabsynth(*RUN, *BUDGET).err
    assert len(spent(tabsynth)) == 1


def test_a_cap_opens_a_second_source(tabsynth: Run) -> None:
    tabsynth(*FIT, *BUDGET)
    other = ("--epsilon", "0.5", "--source-id", "census")
    assert "ledger cap --source-id census" in tabsynth(*FIT, *other, "--quiet").err
    capped = tabsynth("ledger", "cap", "--source-id", "census", "--epsilon", "1", "--delta", "1e-7")
    assert capped.out.startswith("source 'census' (unit: one record): epsilon 0 of 1 spent")
    assert tabsynth(*FIT, *other).code == 0
    shown = tabsynth("ledger", "show").out
    assert "source 'survey'" in shown
    assert "source 'census'" in shown


def test_show_and_verify_say_what_they_find(tabsynth: Run) -> None:
    for what in ("show", "verify"):
        tabsynth("ledger", what, "--quiet").refused(4)
    tabsynth(*FIT, *BUDGET)
    assert "4 entries" in tabsynth("ledger", "verify").out
    book = Path("home/ledger.sqlite")
    book.write_bytes(book.read_bytes().replace(b'"epsilon": 0.5', b'"epsilon": 0.1'))
    for words in (("ledger", "show"), ("ledger", "verify"), (*FIT, *BUDGET)):
        assert "a changed entry 3" in tabsynth(*words, "--quiet").err
        tabsynth(*words, "--quiet").refused(5)


def test_a_ledger_is_named_and_shared(tabsynth: Run) -> None:
    assert tabsynth(*FIT, *BUDGET, "--ledger", "ours.sqlite").code == 0
    assert "survey" in tabsynth("ledger", "show", "--ledger", "ours.sqlite").out
    assert not Path("home/ledger.sqlite").exists()
    assert tabsynth(*FIT[:-1], "ours.sqlite", *BUDGET, "--ledger", "ours.sqlite").code == 2


def test_a_ledger_that_cannot_be_written_is_refused(tabsynth: Run, tabsynth_process: Run) -> None:
    tabsynth(*FIT, *BUDGET)
    Path("home/ledger.sqlite").chmod(0o400)
    before = private_margins.REGISTER + WITHOUT_PRIVILEGES
    done = tabsynth_process(*FIT, *BUDGET, "--quiet", before=before)
    assert done.refused(5) == str(Path("home/ledger.sqlite").resolve())
    assert "a ledger that can be written" in done.err


# crashes

DYING = (
    f"{private_margins.REGISTER}; import os; from tabsynth import modelfile as f; "
    "from tabsynth import private_fit as p; from tests import private_margins as m"
)
KILL = "(lambda *a, **k: os.kill(os.getpid(), 9))"
STEPS = {
    "at intake": f"p.admit = (lambda real: lambda raw, *a, **k: {KILL}() if raw.num_rows else "
    "real(raw, *a, **k))(p.admit)",
    "in the fit": f"m.NoisyMargins.fit = {KILL}",
    "before the model is written": f"f.save = {KILL}",
    "before the commit": f"p.Ledger.commit = {KILL}",
}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_the_spend_charged_and_a_whole_model_or_none(
    tabsynth: Run, tabsynth_process: Run, step: str
) -> None:
    done = tabsynth_process(*FIT, *BUDGET, before=f"{DYING}; {STEPS[step]}")
    assert done.code == -9
    assert [p.name for p in Path().glob("*.tabsynth")] == ["model.tabsynth"] * (
        step == "before the commit"
    )
    (fit,) = spent(tabsynth)
    assert fit["committed"] is False
    if step == "before the commit":
        assert tabsynth("inspect", "model.tabsynth").code == 0
    assert tabsynth(*FIT, *BUDGET).code == 0
    assert manifest_of()["privacy"]["certificate"]["cumulative"]["fits"] == 2


def test_an_error_in_a_fit_leaves_the_spend_charged(
    tabsynth: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tabsynth(*FIT, *BUDGET, "--param", "share=2")
    assert done.code == 5
    assert [f["committed"] for f in spent(tabsynth)] == [False]
    assert "never committed, so it counts" in tabsynth("ledger", "show").out
