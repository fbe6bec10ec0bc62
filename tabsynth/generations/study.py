"""A test for model collapse: chains of generations under several regimes, and what they lose."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import t as student

from tabsynth.comparison import at_most
from tabsynth.errors import DataError, OutputError, TabsynthError, UsageError
from tabsynth.evaluator import no_warnings
from tabsynth.generations import figures
from tabsynth.generations.chain import Chain, Method
from tabsynth.generations.figures import Yardstick
from tabsynth.generations.findings import (
    TOLERANCE,
    Finding,
    Study,
    find,
    smallest_real_share,
)
from tabsynth.generations.journal import Journal, digest
from tabsynth.generations.regimes import ASKED, Regime, parse_regimes
from tabsynth.io.atomic import atomic_files
from tabsynth.machine import versions
from tabsynth.metrics.utility import MAX_CLASSES
from tabsynth.refusals import check_protected, check_target
from tabsynth.report.collapse import COLLAPSE, MEASURES, sentences
from tabsynth.report.model import Report, Result
from tabsynth.report_files import write_report
from tabsynth.rerun import by_method
from tabsynth.schema.files import dump_schema
from tabsynth.table import Table
from tabsynth.threads import in_threads
from tabsynth.workflow import as_table, split
from tabsynth.workflow import plan as plan_fit

GENERATIONS: Final = 8
SEEDS: Final = 3
RECORDS: Final = 20_000
MIN_RECORDS: Final = 250
RESULTS: Final = ("report.html", "report.json", "collapse.json")

Say = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """What a study does with a table.

    Args:
        regimes: what generations learn from; names separated by commas.
        generations: how many a chain has.
        seeds: how many chains each regime has.
        records: the most real records that a first fit learns from.
        tolerance: how much of a figure may be lost.
        seed: of the first chain; the others have the following ones.
    """

    regimes: str = ASKED
    generations: int = GENERATIONS
    seeds: int = SEEDS
    records: int = RECORDS
    tolerance: float = TOLERANCE
    seed: int = 0

    def check(self) -> tuple[Regime, ...]:
        """The regimes.

        Raises:
            UsageError: something that makes no sense.
        """
        for option, value in (("--generations", self.generations), ("--seeds", self.seeds)):
            if value < 1:
                raise UsageError(option, expected="at least 1", got=str(value),
                                 remedy="ask for 1 or more")  # fmt: skip
        if self.records < MIN_RECORDS:
            raise UsageError("--records", expected=f"at least {MIN_RECORDS}", got=str(self.records),
                             remedy="ask for more")  # fmt: skip
        if not 0 < self.tolerance < 1:
            raise UsageError("--tolerance", expected="a share between 0 and 1", got="another",
                             remedy="write for example 0.2")  # fmt: skip
        return parse_regimes(self.regimes)


def collapse(
    table: Any,
    out: str | Path,
    *,
    plan: Plan | None = None,
    synthesizer: str = "auto",
    parameters: Mapping[str, Any] | None = None,
    target: str | None = None,
    protected: Sequence[str] = (),
    say: Say = lambda _: None,
) -> Report:
    """Find out what becomes of a table when synthesizers learn from what synthesizers drew.

    Args:
        table: the real records, a Table or a DataFrame.
        out: directory for the files named in `RESULTS`. Until they are there, it keeps finished
            generations in a hidden folder, from which the same call goes on after it was stopped.
        plan: regimes, generations, seeds and sizes; by default the documented ones.
        synthesizer: a registered name, or `auto`.
        parameters: hyper-parameters by name, values or texts.
        target: column to predict.
        protected: columns that name groups.
        say: called with a line after each generation, from several threads.

    Returns:
        The report; it has no gate, and its verdict is always `inconclusive`.

    Raises:
        UsageError: options that make no sense, or columns that are not modelled.
        DataError: too few records, a target with one class, or a table that cannot be learnt from.
        OutputError: `out` cannot be written, or holds another study that was broken off.

    Privacy: reads all real records; report and figures are statistics of them and not
        differentially private. The tables of generations are removed when all is done.

    Source: Shumailov et al. (2024), doi:10.1038/s41586-024-07566-y (replace); Gerstgrasser et al.
        (2024), arXiv:2404.01413 (accumulate); Alemohammad et al. (2023), arXiv:2307.01850 (mix).
    """
    wanted = plan or Plan()
    regimes = wanted.check()
    real = as_table(table)
    check_target(target, real.schema)
    check_protected(protected, real.schema)
    chance = _require_enough(real, target)
    yardsticks = [
        _yardstick(real, wanted, seed, target=target, protected=tuple(protected))
        for seed in range(wanted.seed, wanted.seed + wanted.seeds)
    ]
    method = _method(yardsticks[0].train, synthesizer, parameters or {})
    key = {
        "data": digest(real), "schema": dump_schema(real.schema), "plan": asdict(wanted),
        "synthesizer": method.synthesizer, "parameters": {k: str(v) for k, v in
        method.parameters.items()}, "target": target, "protected": list(protected), **versions(),
    }  # fmt: skip
    journal = Journal.open(Path(out), key)
    if journal.steps:
        say(f"going on after {journal.steps} finished generations in {journal.folder}")
    try:
        study = _run(regimes, yardsticks, method, wanted, journal=journal, chance=chance, say=say)
    except TabsynthError as error:
        # a full disk is no reason to lose what was done
        if not isinstance(error, OutputError):
            journal.withdraw()
        raise
    except BaseException:
        say(f"stopped: {journal.steps} finished generations stay in {journal.folder}; the same "
            "call goes on from there")  # fmt: skip
        raise
    report = _report(study, yardsticks, method, wanted)
    with atomic_files(out) as folder:
        write_report(report, folder)
        listed = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries(study))
        (folder / "collapse.json").write_text(f"[\n{listed}\n]\n", encoding="utf-8")
    kept = journal.steps
    journal.clear()
    say(f"removed what was kept of {kept} generations, their synthetic tables among it")
    return report


def entries(study: Study) -> list[dict[str, Any]]:
    """All figures, one entry each: regime, seed, generation, metric (with `:part`), value."""
    return [
        {"regime": step.regime, "seed": step.seed, "generation": step.generation,
         "metric": metric, "value": value}
        for step, outcome in study.outcomes.items()
        for metric, value in outcome.figures.items()
    ]  # fmt: skip


def _require_enough(real: Table, target: str | None) -> float:
    """Refuse tables on which nothing could be seen.

    Returns:
        What a target is predicted with when nothing is learnt.
    """
    if real.num_rows < MIN_RECORDS:
        raise DataError("data", expected=f"at least {MIN_RECORDS} records", got=str(real.num_rows),
                        remedy="give more: with fewer, chance hides what is lost")  # fmt: skip
    if target is None:
        return 0.5
    if not real.schema.field(target).is_categorical:
        return 0.0
    classes = len(real.column(target).drop_null().unique())
    if not 2 <= classes <= MAX_CLASSES:
        raise DataError(
            f"column {target!r}", expected=f"a target with 2 to {MAX_CLASSES} classes",
            got=f"{classes}", remedy="name another --target, or none",
        )  # fmt: skip
    return 0.5


def _yardstick(
    real: Table, wanted: Plan, seed: int, *, target: str | None, protected: tuple[str, ...]
) -> Yardstick:
    train, holdout = split(real, seed=seed)
    rng = np.random.default_rng([seed, *b"collapse"])
    parts = [at_most(part.modelled, wanted.records, rng) for part in (train, holdout)]
    return Yardstick(parts[0], parts[1], target=target, protected=protected, seed=seed)


def _method(train: Table, synthesizer: str, parameters: Mapping[str, Any]) -> Method:
    _, before = plan_fit(train, synthesizer, parameters)
    return Method(before.choice.name, dict(parameters))


def _run(
    regimes: Sequence[Regime],
    yardsticks: Sequence[Yardstick],
    method: Method,
    wanted: Plan,
    *,
    journal: Journal,
    chance: float,
    say: Say,
) -> Study:
    def chain(regime: Regime, yardstick: Yardstick) -> Chain:
        return Chain(regime, yardstick, method, wanted.generations, journal, say)

    chains = [chain(regime, yardstick) for yardstick in yardsticks for regime in regimes]
    # long ones first, so that no core is left with the longest at the end
    chains.sort(key=lambda c: c.regime.kind != "accumulate")
    with no_warnings():
        references = in_threads(lambda yardstick: yardstick.reference, yardsticks)
        if len(regimes) > 1:
            in_threads(lambda y: chain(regimes[1], y).first(), yardsticks)
        done = [found for one in in_threads(Chain.run, chains) for found in one]
    order = {regime.name: place for place, regime in enumerate(regimes)}
    done.sort(key=lambda found: (order[found[0].regime], found[0].seed, found[0].generation))
    return Study(
        tuple(regimes), dict(done),
        {y.seed: found for y, found in zip(yardsticks, references, strict=True)}, chance,
    )  # fmt: skip


def _report(study: Study, yardsticks: Sequence[Yardstick], method: Method, wanted: Plan) -> Report:
    findings = find(study, wanted.tolerance)
    share = smallest_real_share(findings)
    first = yardsticks[0]
    facts: dict[str, Any] = {
        **versions(),
        "kind": COLLAPSE,
        "command": _command(first, method, wanted),
        "seed": wanted.seed,
        "train_records": first.train.num_rows,
        "holdout_records": first.holdout.num_rows,
        "synthetic_records": first.train.num_rows,
        "synthesizer": method.synthesizer,
        "parameters": dict(method.parameters),
        "regimes": [regime.name for regime in study.regimes],
        "generations": wanted.generations,
        "seeds": [y.seed for y in yardsticks],
        "tolerance": wanted.tolerance,
        "target": first.target,
        "protected": list(first.protected),
        "most_records": {
            "pairs": figures.PAIRED, "telling apart, a side": figures.TOLD_APART,
            "learning the target": figures.TAUGHT, "testing the target": figures.TESTED,
            "members and controls": figures.SUSPECTS,
        },
        "findings": [_as_json(finding) for finding in findings],
        "smallest_real_share": share,
    }  # fmt: skip
    results = [
        found
        for regime in study.regimes
        for name in MEASURES
        for found in _results(study, regime, name)
    ]
    return Report(
        verdict="inconclusive",
        reasons=tuple(sentences(facts)),
        results=tuple(results),
        provenance=facts,
    )


def _results(study: Study, regime: Regime, name: str) -> Iterable[Result]:
    """A figure of one regime, a result for each generation: the mean over seeds."""
    measure = MEASURES[name]
    known = [found[name] for found in study.references.values() if name in found]
    records = len(study.references)
    for generation, by_seed in study.values(regime, name).items():
        values = np.array(list(by_seed.values()))
        mean, margin = float(values.mean()), 0.0
        if len(values) > 1:
            spread = float(np.std(values, ddof=1)) / np.sqrt(len(values))
            margin = float(student.ppf(0.975, len(values) - 1)) * spread
        low, high = measure.bounds
        several = len(values) > 1
        yield Result(
            name=name, family=measure.family, value=mean,
            ci_low=min(mean, max(low, mean - margin)) if several else None,
            ci_high=max(mean, min(high, mean + margin)) if several else None,
            reference=float(np.mean(known)) if known else None, better=measure.better,
            unit=_unit(measure.unit, study.chance), n=len(values),
            method=f"mean over {len(values)} of {records} chains, each with a split of its own; "
            "95 % interval by Student's t",
            regime=regime.name, generation=generation, status="diagnostic",
        )  # fmt: skip


def _unit(unit: str, chance: float) -> str:
    return "R²" if unit == "AUC or R²" and not chance else unit.partition(" or ")[0]


def _as_json(finding: Finding) -> dict[str, Any]:
    body = {k: v for k, v in asdict(finding).items() if k != "regime"}
    return {"regime": finding.regime.name, "within": finding.within, **body}


def _command(first: Yardstick, method: Method, wanted: Plan) -> str:
    parts = ["tabsynth collapse DATA --schema SCHEMA -o DIR"]
    parts += by_method(method.synthesizer, method.parameters)
    parts += [f"--regimes {wanted.regimes}", f"--generations {wanted.generations}"]
    parts += [f"--seeds {wanted.seeds}", f"--records {wanted.records}"]
    parts += [f"--tolerance {wanted.tolerance:g}"]
    parts += [f"--target {shlex.quote(first.target)}"] if first.target else []
    parts += [f"--protected {shlex.quote(name)}" for name in first.protected]
    return " ".join([*parts, f"--seed {wanted.seed}"])


__all__ = ["GENERATIONS", "RECORDS", "RESULTS", "SEEDS", "Plan", "collapse", "entries"]
