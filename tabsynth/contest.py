"""Several synthesizers on one split of one table, judged alike."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tabsynth.choice import configure, parameters_of, resolve
from tabsynth.errors import DataError, TabsynthError, UsageError, require_list
from tabsynth.gate import Policy
from tabsynth.machine import peak_memory
from tabsynth.refusals import check_protected, check_strata, check_target
from tabsynth.report.model import COMPARISON, Audience, Report, Result
from tabsynth.report_files import for_audience
from tabsynth.sampler import sample
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.workflow import as_table, evaluate, fit, fresh_seed, plan, split

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    TableLike: TypeAlias = Table | pd.DataFrame

NO_GATE: Final = (
    "A comparison has no gate and no verdict of its own: each synthesizer has one, and a person "
    "chooses."
)
# of each report's provenance, what is the same for all
_OWN: Final = ("synthesizer", "parameters", "choice", "seed", "command", "synthetic_records")

Parameters = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Judged:
    """What became of one synthesizer.

    Args:
        report: of its table; None where there is none.
        facts: for the provenance: verdict and reasons or an error, parameters, seconds, memory.
    """

    report: Report | None
    facts: dict[str, Any]


def compare(
    table: TableLike,
    synthesizers: Sequence[str],
    *,
    schema: TableSchema | None = None,
    parameters: Mapping[str, Any] | None = None,
    target: str | None = None,
    protected: Sequence[str] = (),
    strata: Sequence[str] = (),
    policy: Policy | None = None,
    deep: bool = False,
    audience: Audience = "internal",
    seed: int | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Report:
    """Fit several synthesizers to the same records and judge their tables by the same others.

    Args:
        table: the private records.
        synthesizers: registered names, each once.
        schema: what the table is; inferred when it is left out and `table` is a DataFrame.
        parameters: hyper-parameters; `trees.closeness` is one of `trees` alone, `min_count` one of
            every synthesizer that has it.
        target: column to predict, for utility and bias.
        protected: columns that name the groups to compare, for bias.
        strata: columns in which outcomes may rightly differ: groups are compared within them too.
        policy: what the gate accepts; by default the documented one.
        deep: attack with shadow fits as well; takes minutes for each.
        audience: whom the report is written for.
        seed: of split, fits, samples and evaluations; by default a fresh one.
        say: called with a line before each step.

    Returns:
        One report: every result says of which synthesizer it is, and `provenance["synthesizers"]`
        holds each one's verdict, reasons, seconds of fit and sampling, and bytes of memory at the
        peak of the fit. Where one failed, its error stands there. The report's own verdict is
        always `inconclusive`: a comparison has no gate.

    Raises:
        UsageError: an unknown synthesizer or parameter, or one that comes twice.
        DataError: a table that cannot be learnt from, or one on which every synthesizer failed.

    Privacy: as `tabsynth.run`; the report holds statistics of private data.
    """
    each = dealt_out(synthesizers, parameters or {})
    seed = fresh_seed() if seed is None else seed
    private = as_table(table, schema)
    check_target(target, private.schema)
    check_protected(protected, private.schema)
    check_strata(strata, protected, target, private.schema)
    train, holdout = split(private, seed=seed)

    def judged(name: str) -> Judged:
        return _judged(
            name, each[name], train, holdout, seed=seed,
            say=lambda line: say(f"{name}: {line}"), audience=audience,
            judge={"target": target, "protected": protected, "strata": strata,
                   "policy": policy, "deep": () if deep else None},
        )  # fmt: skip

    found = {name: judged(name) for name in synthesizers}
    command = _command(each, seed=seed, target=target, protected=protected, strata=strata)
    return _together(found, command if audience == "internal" else None, seed=seed)


def dealt_out(synthesizers: Sequence[str], parameters: Mapping[str, Any]) -> Parameters:
    """The hyper-parameters of each synthesizer.

    Raises:
        UsageError: no list, an unknown synthesizer, one that comes twice, or a parameter of none of
            them.
    """
    require_list("--synthesizers", synthesizers)
    if not synthesizers or len(set(synthesizers)) < len(synthesizers) or "auto" in synthesizers:
        raise UsageError(
            "--synthesizers", expected="names of synthesizers, each once",
            got="none, auto, or one that comes twice", remedy="see `tabsynth list synthesizers`",
        )  # fmt: skip
    each: dict[str, dict[str, Any]] = {resolve(name): {} for name in synthesizers}
    for key, value in parameters.items():
        owner, _, own = key.rpartition(".")
        takers = [owner] if owner else [n for n in each if own in parameters_of(n)]
        if not takers or (owner and owner not in each):
            raise UsageError(
                f"--param {key}",
                expected="a parameter of one of them, as PARAMETER or SYNTHESIZER.PARAMETER",
                got="another", remedy="see `tabsynth list synthesizers`",
            )  # fmt: skip
        for name in takers:
            each[name][own] = value
    for name, own_parameters in each.items():
        configure(name, own_parameters)
    return each


def _judged(
    name: str,
    parameters: Mapping[str, Any],
    train: Table,
    holdout: Table,
    *,
    seed: int,
    say: Callable[[str], object],
    audience: Audience,
    judge: Mapping[str, Any],
) -> Judged:
    """One synthesizer's table and report, or why there is none."""
    facts: dict[str, Any] = {"parameters": dict(parameters)}
    try:
        _, before = plan(train, name, parameters)
        say(before.estimate())
        start = perf_counter()
        with peak_memory() as peak:
            fitted = fit(train, synthesizer=name, parameters=parameters, seed=seed)
            facts |= {"fit_seconds": perf_counter() - start, "peak_memory": peak()}
        facts["parameters"] = fitted.parameters
        say("sampling")
        start = perf_counter()
        synthetic = sample(fitted, train.num_rows, seed=seed)
        facts["sample_seconds"] = perf_counter() - start
        report = evaluate(train, holdout, synthetic, model=fitted, seed=seed, say=say, **judge)
    except TabsynthError as error:
        say(f"failed: {error}")
        return Judged(None, {**facts, "error": str(error)})
    except MemoryError:
        say("failed: out of memory")
        return Judged(None, {**facts, "error": "out of memory"})
    except Exception as error:
        # the message of an unforeseen error may hold a value of a record
        say(f"failed: {type(error).__name__}")
        return Judged(None, {**facts, "error": f"{type(error).__name__}, a bug in it"})
    shown = for_audience(report, audience, train.schema)
    return Judged(shown, {"verdict": shown.verdict, "reasons": list(shown.reasons), **facts})


def _together(found: Mapping[str, Judged], command: str | None, *, seed: int) -> Report:
    reports = {name: j.report for name, j in found.items() if j.report is not None}
    if not reports:
        problems = "; ".join(f"{name}: {j.facts['error']}" for name, j in found.items())
        raise DataError(
            "--synthesizers", expected="one that can be fitted to this table",
            got=f"none ({problems})", remedy="correct the data or the schema, or name others",
        )  # fmt: skip
    first = next(iter(reports.values()))
    shared = {k: v for k, v in first.provenance.items() if k not in _OWN}
    internal = {"seed": seed, "command": command} if first.audience == "internal" else {}
    failed = [name for name in found if name not in reports]
    return Report(
        audience=first.audience,
        verdict="inconclusive",
        reasons=(
            NO_GATE,
            *(f"{name}: {report.verdict}." for name, report in reports.items()),
            *(f"{name} failed: {found[name].facts['error']}." for name in failed),
        ),
        results=tuple(
            _of(result, name) for name, report in reports.items() for result in report.results
        ),
        provenance={
            **shared,
            **internal,
            "kind": COMPARISON,
            "synthesizers": {name: j.facts for name, j in found.items()},
        },
    )


def _of(result: Result, synthesizer: str) -> Result:
    return result.model_copy(update={"synthesizer": synthesizer})


def _command(
    each: Parameters,
    *,
    seed: int,
    target: str | None,
    protected: Sequence[str],
    strata: Sequence[str],
) -> str:
    parts = ["tabsynth compare DATA --schema SCHEMA -o DIR", f"--synthesizers {','.join(each)}"]
    parts += [f"--param {n}.{k}={v}" for n, own in each.items() for k, v in own.items()]
    parts += [f"--target {shlex.quote(target)}"] if target else []
    parts += [f"--protected {shlex.quote(name)}" for name in protected]
    parts += [f"--strata {shlex.quote(name)}" for name in strata]
    return " ".join([*parts, f"--seed {seed}"])
