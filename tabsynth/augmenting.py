"""More records of rare classes, and whether they help to find them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import t as student

from tabsynth.errors import DataError, PrivacyError
from tabsynth.io.atomic import atomic_files
from tabsynth.io.write import open_writer
from tabsynth.machine import versions
from tabsynth.metrics.utility import MAX_CLASSES, MIN_TEST
from tabsynth.modelfile import Fitted
from tabsynth.provenance import Labelled, require_unlabelled, stacked
from tabsynth.rare_trials import (
    ARMS,
    DRAWS,
    FIGURES,
    FOLDS,
    NOTHING,
    OVERSAMPLING,
    SYNTHETIC,
    WEIGHTS,
    Classes,
    Trial,
    folds,
    tried,
)
from tabsynth.refusals import check_target
from tabsynth.report.augment import sentences
from tabsynth.report.model import AUGMENT, Report, Result
from tabsynth.report_files import write_report
from tabsynth.rerun import by_method
from tabsynth.schema.columns import spelled_out
from tabsynth.table import Table
from tabsynth.workflow import as_table, fit

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    TableLike: TypeAlias = Table | pd.DataFrame

# of a class of so many, each fold learns from 8 or more; of fewer than 5 nothing would come out,
# and what is made from a handful of people is those people
FEWEST: Final = 10
RESULTS: Final = ("report.html", "report.json", "table.parquet")

Say = Callable[[str], object]


def augment(
    data: TableLike,
    out: str | Path,
    *,
    target: str,
    rare: str | None = None,
    rows: int | None = None,
    synthesizer: str = "auto",
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Report:
    """Make more records of rare classes, and find out whether a model finds these better then.

    Args:
        data: real records.
        out: directory for the files named in `RESULTS`; all of them appear, or none.
        target: column whose classes are predicted.
        rare: the class that gets more records; by default all that have fewer than the largest.
        rows: how many new records in all; by default as many as bring each class to the size of the
            largest, but at most `MOST_PER_REAL` for a real one.
        synthesizer: a registered name, or `auto`.
        parameters: its hyper-parameters.
        seed: of every random draw.
        say: called with a line on each fit.

    Returns:
        The report; it has no gate, and its verdict is always `inconclusive`. `provenance.helped`
        says whether the gain over doing nothing is surely above 0.

    Raises:
        UsageError: a target that is not modelled, or an unknown synthesizer or parameter.
        DataError: too few records, a target that is a number or has one class, a class that does
            not occur or needs no more records.
        PrivacyError: a class of fewer than 10 persons: new records would be copies of them.
        OutputError: `out` cannot be written.

    Privacy: reads all real records; the table holds them all, and the report statistics of them.
    """
    whole = as_table(data)
    check_target(target, whole.schema)
    require_unlabelled(whole.schema)
    known = whole.take(
        np.flatnonzero(whole.column(target).is_valid().to_numpy(zero_copy_only=False))
    )
    classes, left = _classes(known, target, rare, rows)
    parts = folds(classes.of(known), np.asarray(known.units), seed=seed)
    chosen = {"synthesizer": synthesizer, "parameters": parameters}
    fits = []
    for k, (learn, _) in enumerate(parts):
        say(f"fold {k + 1} of {FOLDS}")
        fits.append(fit(known.take(learn), seed=seed, **chosen))  # type: ignore[arg-type]
    say("trying what was learnt on the records kept apart")
    trial = tried(known, classes, parts, fits, seed=seed)
    say("all records")
    fitted = fit(whole, seed=seed, **chosen)  # type: ignore[arg-type]
    more = classes.more(classes.of(known))
    drawn = classes.draw(fitted, more, seed=seed)
    table = stacked([Labelled("real", whole.select(drawn.schema)), Labelled(fitted.source, drawn)])
    results = _results(trial, classes, seed)
    facts = _facts(whole, fitted, classes, left, more=int(more.sum()), seed=seed)
    which = "--balance" if rare is None else f"--rare {shlex.quote(rare)}"
    facts["command"] = _command(fitted, which, classes, seed=seed)
    facts["tested_records"] = trial.tested
    gain = next(r for r in results if r.name == "pr_auc_gain" and r.group == SYNTHETIC)
    facts["helped"] = bool(gain.ci_low is not None and gain.ci_low > 0)
    report = Report(
        verdict="inconclusive", reasons=tuple(sentences(facts, results)), results=tuple(results),
        provenance=facts,
    )  # fmt: skip
    with atomic_files(out) as folder:
        write_report(report, folder)
        with open_writer(folder / "table.parquet", table.schema) as writer:
            writer.write(table.data)
    return report


def _classes(
    table: Table, target: str, rare: str | None, rows: int | None
) -> tuple[Classes, list[str]]:
    """The classes, and those that are too rare to be learnt from."""
    if not table.schema.field(target).is_categorical:
        raise DataError(f"column {target!r}", expected="a target with classes", got="numbers",
                        remedy="name another --target")  # fmt: skip
    if len(table.schema.modelled_names) < 2:
        raise DataError("data", expected="a column beside the target to learn from", got="none",
                        remedy="give more columns")  # fmt: skip
    if table.num_rows < FOLDS * MIN_TEST:
        raise DataError("data", expected=f"at least {FOLDS * MIN_TEST} records with a class",
                        got=str(table.num_rows), remedy="give more")  # fmt: skip
    counted = spelled_out(table.column(target)).value_counts()
    by_count = np.argsort(-counted.field("counts").to_numpy(), kind="stable")
    values = [counted.field("values")[int(i)].as_py() for i in by_count]
    counts = counted.field("counts").to_numpy()[by_count]
    if not 2 <= len(values) <= MAX_CLASSES:
        raise DataError(f"column {target!r}", expected=f"a target with 2 to {MAX_CLASSES} classes",
                        got=str(len(values)), remedy="name another --target")  # fmt: skip
    classes = Classes(target, tuple(values), (), rows)
    people = _people(table, classes)
    if rare is None:
        fewer = [i for i, n in enumerate(counts) if n < counts[0]]
        chosen = [i for i in fewer if people[i] >= FEWEST]
        left = [_text(values[i]) for i in fewer if people[i] < FEWEST]
        if not chosen:
            raise DataError(
                f"column {target!r}", expected=f"a class of {FEWEST} records or more that has "
                "fewer than the largest", got="none", remedy="there is nothing to balance",
            )  # fmt: skip
        return Classes(target, tuple(values), tuple(chosen), rows), left
    found = [i for i, v in enumerate(values) if _text(v) == rare]
    if not found:
        raise DataError("--rare", expected=f"a value that occurs in column {target!r}",
                        got="another one", remedy="look at how it is written there")  # fmt: skip
    if people[found[0]] < FEWEST:
        raise PrivacyError(
            "--rare", expected=f"a class of at least {FEWEST} records (or privacy units)",
            got="fewer", remedy="collect more of them: what is made from so few would copy them",
        )  # fmt: skip
    if counts[found[0]] == counts[0] and rows is None:
        raise DataError("--rare", expected="a class of fewer records than the largest",
                        got="the largest one",
                        remedy="name another, or say how many (-n)")  # fmt: skip
    return Classes(target, tuple(values), (found[0],), rows), []


def _people(table: Table, classes: Classes) -> list[int]:
    """Records, or privacy units, of each class."""
    places, units = classes.of(table), np.asarray(table.units)
    return [len(np.unique(units[places == i])) for i in range(len(classes.values))]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _results(trial: Trial, classes: Classes, seed: int) -> list[Result]:
    how = (
        f"boosted trees; {FOLDS} folds, new records made from what is learnt alone; {DRAWS} "
        "bootstrap draws of the test records (what other fits would give is not in it)"
    )
    shared: dict[str, Any] = {
        "n": trial.tested, "seed": seed, "status": "diagnostic", "method": how,
    }  # fmt: skip
    units = {"pr_auc": "average precision", "recall": "share"}
    results = []
    for figure in FIGURES:
        nothing = trial.mean(NOTHING, figure)
        new = trial.mean(SYNTHETIC, figure)
        own: dict[str, Any] = {
            **shared, "family": "utility", "better": "higher", "unit": units[figure],
        }  # fmt: skip
        for arm in ARMS:
            values = trial.mean(arm, figure)
            results.append(Result(name=figure, group=arm, reference=float(nothing[0]),
                                  **_interval(values), **own))  # fmt: skip
            if arm != NOTHING:
                results.append(Result(name=f"{figure}_gain", group=arm, reference=0.0,
                                      **_interval(values - nothing), **own))  # fmt: skip
        for arm in (WEIGHTS, OVERSAMPLING):
            lead = new - trial.mean(arm, figure)
            results.append(Result(name=f"{figure}_lead", group=arm, reference=0.0,
                                  **_interval(lead), **own))  # fmt: skip
    gains = trial.figures[ARMS.index(SYNTHETIC)] - trial.figures[ARMS.index(NOTHING)]
    if len(classes.rare) > 1:
        for j, c in enumerate(classes.rare):
            results.append(
                Result(name="class_gain", column=classes.target, group=_text(classes.values[c]),
                       reference=0.0, family="utility", better="higher", unit="average precision",
                       **_interval(gains[0, j]), **shared)
            )  # fmt: skip
    for name, values, reference in (
        ("closer_to_learnt", trial.closer, 0.0), ("copies", trial.copies, float(trial.met.mean())),
    ):  # fmt: skip
        own = {**shared, "method": f"mean of {FOLDS} folds; Student's t"}
        results.append(Result(name=name, family="privacy", better="lower", unit="share",
                              reference=reference, **_over_folds(values), **own))  # fmt: skip
    return results


def _interval(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    """The figure, and 95 % of its bootstrap draws."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return {"value": float(values[0]), "ci_low": float(low), "ci_high": float(high)}


def _over_folds(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    margin = float(student.ppf(0.975, len(values) - 1)) * error
    return {"value": mean, "ci_low": mean - margin, "ci_high": mean + margin}


def _facts(
    whole: Table, fitted: Fitted, classes: Classes, left: list[str], *, more: int, seed: int
) -> dict[str, Any]:
    return {
        **versions(),
        "kind": AUGMENT,
        "seed": seed,
        "synthesizer": fitted.synthesizer,
        "real_records": whole.num_rows,
        "new_records": more,
        "target": classes.target,
        "classes": [_text(classes.values[c]) for c in classes.rare],
        "left_alone": left,
    }


def _command(fitted: Fitted, which: str, classes: Classes, *, seed: int) -> str:
    parts = ["tabsynth augment DATA --schema SCHEMA", f"--target {shlex.quote(classes.target)}"]
    parts += [which, *by_method(fitted.synthesizer, fitted.parameters)]
    parts += [] if classes.rows is None else [f"-n {classes.rows}"]
    return " ".join([*parts, f"--seed {seed} -o DIR"])
