"""Runs metrics and attacks over a comparison and applies the gate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tabsynth import registry
from tabsynth.attacks.shadow import shadow
from tabsynth.bias.persons import groups_of_few
from tabsynth.comparison import Comparison
from tabsynth.gate import Policy, gate, held
from tabsynth.learners import one_thread
from tabsynth.machine import versions
from tabsynth.metrics.bias import real_groupings, real_outcome
from tabsynth.report.model import Report, Result
from tabsynth.report.suppression import OF_FEW
from tabsynth.threads import in_threads

Progress = Callable[[str], object]


def judge(
    comparison: Comparison,
    *,
    policy: Policy | None = None,
    deep: Sequence[int] | None = None,
    beside: Sequence[Result] = (),
    provenance: dict[str, Any] | None = None,
    progress: Progress = lambda _: None,
) -> Report:
    """Measure a synthetic table against real ones, attack it, and say what follows.

    Args:
        comparison: training, holdout and synthetic records.
        policy: what the gate accepts; by default the documented one.
        deep: asks for shadow fits, on targets chosen among the training records and on those at
            these positions; None for no shadow fits.
        beside: figures that were measured elsewhere and count as those of metrics do.
        provenance: what to add to the report about where the table came from.
        progress: called with the name of each metric and attack before it runs.

    Returns:
        The report; see `gate.gate` for its verdict.

    Privacy: the report holds statistics of private data and is not differentially private.
    """
    policy = policy or Policy()
    figures, attacked = (_measure(kind, comparison, progress) for kind in ("metrics", "attacks"))
    figures += beside
    if deep is not None:
        attacked += shadow(comparison, targets=deep, say=progress)
    attacked = [held(r, policy) for r in attacked]
    verdict, reasons = gate(figures, attacked, policy)
    return Report(
        verdict=verdict,
        reasons=tuple(reasons),
        results=(*figures, *attacked),
        provenance={
            **_provenance(comparison),
            "policy": policy.model_dump(),
            **(provenance or {}),
        },
    )


def _measure(kind: registry.Kind, comparison: Comparison, progress: Progress) -> list[Result]:
    """Results of all registered metrics or attacks, in the order of their names."""

    def measure(name: str) -> list[Result]:
        progress(name)
        results: list[Result] = registry.find(kind, name)(comparison)
        return results

    # learners take one thread each: that is quicker than many threads for one of them
    with one_thread(), no_warnings():
        return [r for results in in_threads(measure, registry.names(kind)) for r in results]


@contextmanager
def no_warnings() -> Iterator[None]:
    """Within it nothing warns, and afterwards warnings are as they were before.

    Learners take the filters of the whole process away and put them back, each in its thread; in
    between the others find none, complain of that, and put back what is not there any more.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # where there is no filter at all, Python shows a warning
        warnings.showwarning = _say_nothing
        yield


def _say_nothing(*_: object, **__: object) -> None:
    """In the place of what shows a warning."""


def _provenance(comparison: Comparison) -> dict[str, Any]:
    tables = (comparison.train, comparison.holdout)
    few: list[list[str]] = []
    if any(table.owners is not None for table in tables):
        few = groups_of_few(tables, real_groupings(comparison), real_outcome(comparison))
    return {
        **versions(),
        "columns": {
            "modelled": list(comparison.train.schema.modelled_names),
            "invented": [f.name for f in comparison.train.schema.fields if f.is_generated],
            "withheld": [f.name for f in comparison.train.schema.fields if f.tabsynth.free_text],
        },
        "evaluation_seed": comparison.seed,
        "train_records": comparison.train.num_rows,
        "holdout_records": comparison.holdout.num_rows,
        "synthetic_records": comparison.synthetic.num_rows,
        "target": comparison.target,
        **({"strata": list(comparison.strata)} if comparison.strata else {}),
        **({OF_FEW: few} if few else {}),
    }
