"""How many synthetic records beside real ones help a model that learns from both."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import t as student

from tabsynth.comparison import at_most
from tabsynth.errors import DataError, UsageError
from tabsynth.evaluator import no_warnings
from tabsynth.io.atomic import atomic_files
from tabsynth.io.write import open_writer
from tabsynth.learners import features, one_thread
from tabsynth.machine import versions
from tabsynth.metrics.copies import overlap
from tabsynth.metrics.utility import MAX_CLASSES, MIN_TEST, ClassJudge, NumberJudge
from tabsynth.provenance import Labelled, require_unlabelled, stacked, unlabelled
from tabsynth.refusals import check_target
from tabsynth.report.mix import MIX, sentences
from tabsynth.report.model import Report, Result
from tabsynth.report_files import write_report
from tabsynth.table import Table
from tabsynth.threads import in_threads
from tabsynth.workflow import as_table, raw_table, split

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    TableLike: TypeAlias = Table | pd.DataFrame

RATIOS: Final = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
# synthetic records without any real one, as many as there are real ones
ALONE: Final = math.inf
REPEATS: Final = 12
FEWEST_REPEATS: Final = 3
MAX_REAL: Final = 20_000
MAX_TEST: Final = 10_000
RESULTS: Final = ("report.html", "report.json", "table.parquet")

Floats = NDArray[np.float64]
Say = Callable[[str], object]
Made = Literal["synthetic", "simulated"]


@dataclass(frozen=True)
class Split:
    """Real records to learn from, and others to test on."""

    learn: Table
    test: Table


@dataclass(frozen=True)
class Curve:
    """What was measured: utility by repeat and ratio.

    Args:
        ratios: synthetic records per real one, `ALONE` the last.
        utility: by figure (`roc_auc` and `pr_auc`, or `r2`), shape (repeats, ratios).
        spread: by how much the variance over repeats counts for that of their mean.
        tested: test records of a repeat.
        learnt: real records of a repeat.
    """

    ratios: tuple[float, ...]
    utility: dict[str, Floats]
    spread: float
    tested: int
    learnt: int

    @property
    def decisive(self) -> str:
        """The figure that decides."""
        return "r2" if "r2" in self.utility else "roc_auc"

    def gains(self, figure: str) -> Floats:
        """Each repeat's utility less that of its real records alone."""
        found = self.utility[figure]
        gains: Floats = found - found[:, :1]
        return gains

    def interval(self, values: Floats, *, comparisons: int = 1) -> tuple[float, float, float]:
        """Mean over repeats, and the ends of its 95 % interval.

        Args:
            values: one of each repeat.
            comparisons: so many intervals shall hold together.
        """
        mean, freedom = float(values.mean()), len(values) - 1
        error = math.sqrt(self.spread * float(np.var(values, ddof=1)))
        margin = float(student.ppf(1 - 0.025 / comparisons, freedom)) * error
        return mean, mean - margin, mean + margin

    def recommended(self) -> float:
        """The smallest ratio that surely helps; 0 where none does.

        Intervals hold for all ratios together: of several that do nothing, one would else seem to
        help far too often.
        """
        gains = self.gains(self.decisive)
        helped = [
            ratio
            for i, ratio in enumerate(self.ratios)
            if 0 < ratio < ALONE and self.interval(gains[:, i], comparisons=self.comparisons)[1] > 0
        ]
        return min(helped, default=0.0)

    @property
    def comparisons(self) -> int:
        """With how many mixtures real records alone are compared."""
        return sum(1 for ratio in self.ratios if 0 < ratio < ALONE)


def mix(
    real: TableLike,
    synthetic: TableLike | pa.Table,
    out: str | Path,
    *,
    target: str,
    holdout: TableLike | None = None,
    repeats: int = REPEATS,
    source: Made = "synthetic",
    generation: int | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Report:
    """Find out how many synthetic records beside real ones help to predict a column.

    Args:
        real: real records to learn from.
        synthetic: synthetic ones of the same columns.
        out: directory for the files named in `RESULTS`; all of them appear, or none.
        target: column to predict.
        holdout: real records that no synthesizer saw. Without them, a fifth of `real` is kept
            apart in each repeat, which flatters synthetic records that were made from all of it.
        repeats: splits; with a holdout, bootstrap draws of it, each with other synthetic records.
        source: what the table calls the synthetic records: `synthetic` or `simulated`.
        generation: how many fits lie between them and real records; the table then has a column
            `_generation`, 0 for real records.
        seed: of every random draw.
        say: called with a line after each repeat, from several threads.

    Returns:
        The report; it has no gate, and its verdict is always `inconclusive`. `provenance.ratio` is
        what is recommended: the smallest number of synthetic records per real one whose gain over
        real records alone is surely above 0, and 0 where nothing helped.

    Raises:
        UsageError: a target that is not modelled, or too few repeats.
        DataError: too few records, a target with one class, synthetic records of other columns, or
            a holdout of training or of synthetic records.
        OutputError: `out` cannot be written.

    Privacy: reads all real records; the table holds them all, and the report statistics of them.

    Source: Nadeau and Bengio (2003), doi:10.1023/A:1024068626366 (intervals over repeated splits).
    """
    _check_options(repeats, generation)
    whole = as_table(real)
    check_target(target, whole.schema)
    require_unlabelled(whole.schema, "--real")
    emitted = whole.schema.emitted
    known = whole.select(emitted)
    raw = unlabelled(raw_table(synthetic), whole.schema)
    drawn = Table.checked(raw, emitted, where="--synthetic")
    apart = None if holdout is None else as_table(holdout, whole.schema).select(emitted)
    _refuse(known, drawn, apart, target)
    curve = measure(whole, drawn, apart, target=target, repeats=repeats, seed=seed, say=say)
    ratio = curve.recommended()
    rng = np.random.default_rng([seed, *b"mixture"])
    chosen = at_most(drawn, round(ratio * known.num_rows), rng)
    parts = [
        Labelled("real", known, None if generation is None else 0),
        Labelled(source, chosen, generation),
    ]
    mixture = stacked([part for part in parts if part.table.num_rows])
    facts: dict[str, Any] = {
        **versions(),
        "kind": MIX,
        "command": _command(target, apart is not None, repeats, seed),
        "seed": seed,
        "real_records": known.num_rows,
        "synthetic_records": drawn.num_rows,
        "holdout_records": None if apart is None else apart.num_rows,
        "mixed_records": mixture.num_rows,
        "learnt_records": curve.learnt,
        "tested_records": curve.tested,
        "target": target,
        "repeats": repeats,
        "figure": curve.decisive,
        "ratio": ratio,
        "left_out": [r for r in RATIOS if r not in curve.ratios],
    }
    results = _results(curve, facts)
    report = Report(
        verdict="inconclusive", reasons=tuple(sentences(facts, results)), results=tuple(results),
        provenance=facts,
    )  # fmt: skip
    with atomic_files(out) as folder:
        write_report(report, folder)
        with open_writer(folder / "table.parquet", mixture.schema) as writer:
            writer.write(mixture.data)
    return report


def measure(
    real: Table,
    synthetic: Table,
    holdout: Table | None,
    *,
    target: str,
    repeats: int,
    seed: int,
    say: Say = lambda _: None,
) -> Curve:
    """The utility of each mixture in each repeat.

    Args:
        real: real records, with their privacy units.
        synthetic: of the columns that are emitted.
        holdout: see `mix`.
        target: see `mix`.
        repeats: see `mix`.
        seed: see `mix`.
        say: see `mix`.
    """
    possible = [r for r in RATIOS if r * real.num_rows <= synthetic.num_rows]
    ratios = (*possible, ALONE)

    def repeat(number: int) -> tuple[dict[str, list[float]], int, int]:
        rng = np.random.default_rng([seed, number, *b"mix"])
        parts = _parts(real, holdout, rng)
        found = _utilities(parts, synthetic.modelled, ratios, target=target, rng=rng)
        say(f"repeat {number + 1} of {repeats}")
        return found, parts.learn.num_rows, parts.test.num_rows

    with no_warnings(), one_thread():
        done = in_threads(repeat, range(repeats))
    utility = {figure: np.array([found[figure] for found, _, _ in done]) for figure in done[0][0]}
    if not all(np.isfinite(values).all() for values in utility.values()):
        raise DataError(
            f"column {target!r}", expected="several values in every split",
            got="a split without them", remedy="give more records, or name another --target",
        )  # fmt: skip
    learnt, tested = done[0][1], done[0][2]
    # repeated splits overlap: their mean varies more than a mean of independent ones (Nadeau and
    # Bengio); bootstrap draws of the holdout vary as the figure itself does
    spread = 1 / repeats + tested / learnt if holdout is None else 1.0
    return Curve(ratios, utility, spread, tested, learnt)


def _parts(real: Table, holdout: Table | None, rng: np.random.Generator) -> Split:
    if holdout is None:
        learn, test = split(real, seed=int(rng.integers(2**31)))
    else:
        # never fewer real records than the synthetic ones were made from: these would bring back
        # what was left out, and seem to help
        learn, test = real, holdout.take(rng.integers(0, holdout.num_rows, holdout.num_rows))
    return Split(at_most(learn.modelled, MAX_REAL, rng), at_most(test.modelled, MAX_TEST, rng))


def _utilities(
    parts: Split,
    synthetic: Table,
    ratios: Sequence[float],
    *,
    target: str,
    rng: np.random.Generator,
) -> dict[str, list[float]]:
    """Every figure for every ratio; larger mixtures hold the synthetic records of smaller ones."""
    size = parts.learn.num_rows
    drawn = synthetic.take(rng.permutation(synthetic.num_rows)[: round(max(RATIOS) * size)])
    (test, real, made), categorical = features([parts.test, parts.learn, drawn])
    column = parts.learn.schema.names.index(target)
    test = test[~np.isnan(test[:, column])]
    asked, truth = np.delete(test, column, 1), test[:, column]
    others = np.delete(categorical, column)
    classify = bool(categorical[column])
    classes = np.unique(truth)
    judge = ClassJudge(classes) if classify else NumberJudge()
    found: dict[str, list[float]] = {}
    for ratio in ratios:
        mixed = (
            made[:size] if ratio == ALONE else np.concatenate([real, made[: round(ratio * size)]])
        )
        mixed = mixed[~np.isnan(mixed[:, column])]
        guess = judge.learn(mixed, column, others, asked)
        quality = judge.quality(truth, guess)
        if not classify:
            found.setdefault("r2", []).append(quality)
            continue
        found.setdefault("roc_auc", []).append(quality)
        found.setdefault("pr_auc", []).append(_precision(truth, guess, classes))
    return found


def _precision(truth: Floats, guess: Floats, classes: Floats) -> float:
    """Average precision of the rarest class."""
    from sklearn.metrics import average_precision_score

    rarest = int(np.argmin([np.count_nonzero(truth == c) for c in classes]))
    return float(average_precision_score(truth == classes[rarest], guess[:, rarest]))


def _check_options(repeats: int, generation: int | None) -> None:
    if repeats < FEWEST_REPEATS:
        raise UsageError("--repeats", expected=f"at least {FEWEST_REPEATS}", got=str(repeats),
                         remedy="ask for more: intervals come from their differences")  # fmt: skip
    if generation is not None and generation < 1:
        raise UsageError("--generation", expected="at least 1", got=str(generation),
                         remedy="count fits from real records on")  # fmt: skip


def _refuse(real: Table, synthetic: Table, holdout: Table | None, target: str) -> None:
    if len(real.schema.modelled_names) < 2:
        raise DataError("--real", expected="a column beside the target to learn from", got="none",
                        remedy="give more columns")  # fmt: skip
    enough = 5 * MIN_TEST
    if real.num_rows < enough:
        raise DataError("--real", expected=f"at least {enough} records", got=str(real.num_rows),
                        remedy="give more")  # fmt: skip
    if synthetic.num_rows < RATIOS[1] * real.num_rows:
        raise DataError(
            "--synthetic", expected=f"at least {math.ceil(RATIOS[1] * real.num_rows)} records, a "
            "tenth of the real ones", got=str(synthetic.num_rows), remedy="draw more of them",
        )  # fmt: skip
    if real.schema.field(target).is_categorical:
        classes = len(real.column(target).drop_null().unique())
        if not 2 <= classes <= MAX_CLASSES:
            raise DataError(
                f"column {target!r}", expected=f"a target with 2 to {MAX_CLASSES} classes",
                got=f"{classes}", remedy="name another --target",
            )  # fmt: skip
    if holdout is None:
        return
    if holdout.num_rows < MIN_TEST:
        raise DataError("--holdout", expected=f"at least {MIN_TEST} records",
                        got=str(holdout.num_rows), remedy="give more")  # fmt: skip
    for table, name in ((real, "--real"), (synthetic, "--synthetic")):
        if overlap(table.modelled, holdout.modelled):
            raise DataError(
                "--holdout", expected=f"records that are not in {name}",
                got="mostly the same records", remedy="keep records apart before the fit",
            )  # fmt: skip


def _results(curve: Curve, facts: dict[str, Any]) -> list[Result]:
    how = (
        f"{facts['repeats']} bootstrap draws of the holdout, each with other synthetic records"
        if facts["holdout_records"] is not None
        else f"{facts['repeats']} random splits; variance after Nadeau and Bengio"
    )
    shared: dict[str, Any] = {
        "family": "utility", "better": "higher", "n": curve.tested, "seed": facts["seed"],
        "status": "diagnostic",
    }  # fmt: skip
    units = {"roc_auc": "AUC", "pr_auc": "average precision", "r2": "R²"}
    results = []
    for figure, values in curve.utility.items():
        gains = curve.gains(figure)
        alone = float(values[:, 0].mean())
        for i, ratio in enumerate(curve.ratios):
            group = "synthetic alone" if ratio == ALONE else f"{ratio:g} synthetic per real"
            mean, low, high = curve.interval(values[:, i])
            results.append(
                Result(name=figure, value=mean, ci_low=low, ci_high=high, group=group,
                       reference=alone, unit=units[figure],
                       method=f"boosted trees; {how}", **shared)
            )  # fmt: skip
            if ratio == 0:
                continue
            mean, low, high = curve.interval(gains[:, i], comparisons=curve.comparisons)
            results.append(
                Result(name=f"{figure}_gain", value=mean, ci_low=low, ci_high=high, group=group,
                       reference=0.0, unit=units[figure],
                       method=f"paired with real records alone; {how}; intervals for "
                       f"{curve.comparisons} mixtures together (Bonferroni)", **shared)
            )  # fmt: skip
    return results


def _command(target: str, held: bool, repeats: int, seed: int) -> str:
    parts = ["tabsynth mix --real REAL --synthetic SYNTHETIC --schema SCHEMA"]
    parts += ["--holdout HOLDOUT"] if held else []
    return " ".join([*parts, f"--target {shlex.quote(target)} --repeats {repeats} --seed {seed}",
                     "-o DIR"])  # fmt: skip
