"""Do more records of rare classes help to find them, and what does SMOTE-NC do there?

`tabsynth augment` on Adult with its positive class cut to 1 %, on online_shoppers, and on 50 error
codes of which 10 have 10 to 19 records; SMOTE-NC (imbalanced-learn) in the same folds, by the same
judge, with as many new records, and in the same bootstrap draws.
"""

from __future__ import annotations

import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import tabsynth as ts
from tabsynth import rare_trials
from tabsynth.augmenting import _classes, _interval
from tabsynth.evaluator import no_warnings
from tabsynth.learners import features, one_thread
from tabsynth.metrics.utility import ClassJudge
from tabsynth.rare_trials import NOTHING, SYNTHETIC, Classes, folds
from tabsynth.report.model import Report
from tabsynth.table import Table
from tests.bench.record import REPORTS, write
from tests.bench.tables import adult_whole, shoppers

SEEDS = (0, 1, 2)
# boosted trees of fifty classes take minutes
ONE_SEED = "50 error codes"
FIGURES = {"pr_auc": "PR-AUC", "recall": "recall at precision 0.5"}


def adult_of_one_percent(seed: int) -> pd.DataFrame:
    """All people of at most 50K, and so few of the others that they are one in a hundred."""
    frame = adult_whole()
    others = frame[frame["income"] == ">50K"]
    rest = frame[frame["income"] != ">50K"]
    kept = np.random.default_rng(seed).permutation(len(others))[: len(rest) // 99]
    return pd.concat([rest, others.iloc[kept]], ignore_index=True)


def error_codes(seed: int) -> pd.DataFrame:
    """4,000 faults of machines: each code at a heat, load and site of its own; 10 are rare."""
    rng = np.random.default_rng(seed)
    rare = rng.integers(10, 20, 10)
    common = rng.multinomial(4000 - rare.sum(), rng.dirichlet(np.full(40, 3.0)))
    code = np.repeat(np.arange(50), [*common, *rare])
    centre = np.random.default_rng(99).uniform(-3, 3, (50, 3))
    heat, load, hum = (centre[code, j] + rng.normal(0, 0.8, len(code)) for j in range(3))
    site = np.where(rng.random(len(code)) < 0.7, code % 7, rng.integers(0, 7, len(code)))
    return pd.DataFrame(
        {
            "heat": heat.round(3), "load": load.round(3), "hum": hum.round(3),
            "site": np.char.add("S", site.astype(str)),
            "code": np.char.add("E", np.char.zfill(code.astype(str), 2)),
        }
    )  # fmt: skip


TABLES: dict[str, tuple[Any, dict[str, Any]]] = {
    "adult, 1 % positive": (adult_of_one_percent, {"target": "income", "rare": ">50K"}),
    "online_shoppers": (lambda _: shoppers(), {"target": "Revenue", "rare": "true"}),
    "50 error codes": (error_codes, {"target": "code", "rare": None}),
}


def main() -> None:
    """About fifteen minutes of CPU."""
    rows = [
        trial(name, make(seed), words, seed)
        for name, (make, words) in TABLES.items()
        for seed in (SEEDS[:1] if name == ONE_SEED else SEEDS)
    ]
    body = {"imbalanced-learn": version("imbalanced-learn"), "seeds": list(SEEDS), "rows": rows}
    write("augment", body)
    (REPORTS / "augment.md").write_text(page(body), encoding="utf-8")


def trial(name: str, frame: pd.DataFrame, words: dict[str, Any], seed: int) -> dict[str, Any]:
    """What `augment` reports of one table, and SMOTE-NC beside it."""
    table = Table.from_pandas(frame, ts.infer_schema(frame))
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = ts.augment(table, Path(folder, "out"), seed=seed, **words)
    seconds = time.process_time() - start
    classes, _ = _classes(table, words["target"], words["rare"], None)
    smote = with_smote(table, classes, seed)
    few = int(np.count_nonzero(np.bincount(classes.of(table)) < 20))
    row = {"table": name, "seed": seed, "records": table.num_rows, "cpu_seconds": seconds,
           "classes_under_20": few,
           "helped": report.provenance["helped"], "figures": {}}  # fmt: skip
    for figure in FIGURES:
        row["figures"][figure] = {
            r.group: [r.value, r.ci_low, r.ci_high] for r in report.results if r.name == figure
        } | {"SMOTE-NC": smote[figure]}
        row["figures"][f"{figure}_gain"] = {
            r.group: [r.value, r.ci_low, r.ci_high]
            for r in report.results if r.name == f"{figure}_gain"
        }  # fmt: skip
    row["closer"] = _three(report, "closer_to_learnt")
    row["copies"] = _three(report, "copies")
    print(row, flush=True)
    return row


def _three(report: Report, name: str) -> list[float | None]:
    found = report.find(name)
    return [found.value, found.ci_low, found.ci_high]


def with_smote(table: Table, classes: Classes, seed: int) -> dict[str, list[float]]:
    """The figures of SMOTE-NC in the folds of `augment`."""
    from imblearn.over_sampling import SMOTENC

    places = classes.of(table)
    units = np.asarray(table.units)
    guesses = np.zeros((table.num_rows, len(classes.values)))
    for learn, test in folds(places, units, seed=seed):
        own = places[learn]
        more = classes.more(own, share=len(learn) / table.num_rows)
        parts = [table.take(rows).modelled for rows in (test, learn)]
        (asked, known), categorical = features(parts)
        column = parts[0].schema.names.index(classes.target)
        asked, known = np.delete(asked, column, 1), np.delete(known, column, 1)
        others = np.delete(categorical, column)
        # it knows no missing values: a category of their own, and the median of a number
        fill = np.where(others, -1.0, np.nanmedian(known, axis=0))
        full = np.where(np.isnan(known), fill, known)
        wanted = {c: int((own == c).sum() + n) for c, n in zip(classes.rare, more, strict=True)}
        maker = SMOTENC(
            np.flatnonzero(others).tolist(), sampling_strategy=wanted, random_state=seed
        )
        with no_warnings():
            made, target = maker.fit_resample(full, own)
        made[:, others] = np.where(made[:, others] < 0, np.nan, made[:, others])
        judge = ClassJudge(np.arange(len(classes.values), dtype=np.float64))
        records = np.column_stack([made, target.astype(np.float64)])
        with no_warnings(), one_thread():
            guesses[test] = judge.learn(records, made.shape[1], others, asked)
    draws = rare_trials._draws(units, np.random.default_rng([seed, *b"augment draws"]))
    found = rare_trials._figures({"SMOTE-NC": guesses}, places, classes.rare, draws)[0]
    return {
        figure: list(_interval(np.nanmean(found[i], axis=0)).values())
        for i, figure in enumerate(FIGURES)
    }


def page(body: dict[str, Any]) -> str:
    """The tables of `augment.md`."""
    lines = [
        "# More records of rare classes", "",
        "Written by `python -m tests.bench augment`; commit, machine and versions are in "
        "`augment.json`. Five folds, the synthesizer that `auto` picks; 95 % intervals by paired "
        "bootstrap over test records. SMOTE-NC: imbalanced-learn "
        f"{body['imbalanced-learn']}, five neighbours, as many new records in the same folds. "
        "*Closer*: how much oftener than chance a new record is nearer to a real one that was "
        "learnt from; 0 is chance.", "",
    ]  # fmt: skip
    arms = [NOTHING, "class weights", "oversampling", "SMOTE-NC", SYNTHETIC]
    for figure, title in FIGURES.items():
        lines += [f"## {title}", "", "| table | seed | " + " | ".join(arms) + " | gain | helped |",
                  "| --- | --- |" + " --- |" * (len(arms) + 2)]  # fmt: skip
        for row in body["rows"]:
            found = row["figures"][figure]
            gain = row["figures"][f"{figure}_gain"][SYNTHETIC]
            cells = [_text(found[arm]) for arm in arms]
            helped = "yes" if gain[1] > 0 else "not shown"
            lines.append(
                f"| {row['table']} | {row['seed']} | " + " | ".join([*cells, _text(gain), helped])
                + " |"
            )  # fmt: skip
        lines.append("")
    lines += ["## Nearness and cost", "", "| table | seed | closer | copies | CPU s |",
              "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for row in body["rows"]:
        lines.append(
            f"| {row['table']} | {row['seed']} | {_text(row['closer'])} | {_text(row['copies'])} "
            f"| {row['cpu_seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _text(three: list[float]) -> str:
    return f"{three[0]:.3f} [{three[1]:.3f}, {three[2]:.3f}]"
