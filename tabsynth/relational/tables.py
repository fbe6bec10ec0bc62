"""Each table of a synthetic database by itself: rules, and figures where there is a holdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tabsynth.comparison import Comparison, Metric
from tabsynth.database import Database
from tabsynth.learners import one_thread
from tabsynth.metrics.constraints import constraint_violations
from tabsynth.metrics.copies import exact_copies
from tabsynth.metrics.detection import c2st_auc
from tabsynth.metrics.missingness import missingness
from tabsynth.metrics.validity import validity
from tabsynth.metrics.variation import pairwise_tv, univariate_tv
from tabsynth.relational.apart import alone, own_table, whose
from tabsynth.report.model import Result
from tabsynth.schema.check import Violation

RULES: Final[tuple[Metric, ...]] = (validity, constraint_violations)
FIGURES: Final[tuple[Metric, ...]] = (
    univariate_tv, pairwise_tv, missingness, c2st_auc, exact_copies,
)  # fmt: skip

Say = Callable[[str], object]


def table_results(
    train: Database,
    synthetic: Database,
    holdout: Database | None,
    violations: Mapping[str, tuple[Violation, ...]],
    *,
    entity: str,
    seed: int,
    say: Say = lambda _: None,
) -> list[Result]:
    """Figures of every table, each with the table's name.

    Args:
        train: real records that were fitted.
        synthetic: what was drawn.
        holdout: real records that no fit saw; without them only rules are checked.
        violations: where the synthetic tables break their schemas.
        entity: the table whose records are protected: what one of them alone has in several
            records is its own, and intervals and folds go by them.
        seed: of every random draw.
        say: called with a line before each table.

    Returns:
        Rules of the schema, keys and constraints; and against the holdout, of columns that are no
        keys: `univariate_tv`, `pairwise_tv`, `missing_rate`, `c2st_auc` and copies. Nothing but
        rules of a table that is empty on one side, or has keys alone.

    Privacy: reads all records; not differentially private.
    """
    results = []
    for name in train.schema.tables:
        say(f"measuring table {name}")
        real, apart, drawn = (d.tables[name] for d in (train, holdout or train, synthetic))
        whole = Comparison(real, apart, drawn, violations=violations.get(name, ()), seed=seed)
        found = [r for rule in RULES for r in rule(whole)]
        schema = alone(train.schema, name)
        filled = all(t.num_rows for t in (real, apart, drawn))
        if holdout is not None and schema is not None and filled:
            real, apart, drawn = (
                replace(own_table(d, name, schema), persons=whose(d, name, entity))
                for d in (train, holdout, synthetic)
            )
            own = Comparison(real, apart, drawn, seed=seed)
            with one_thread():
                found += [r for measure in FIGURES for r in measure(own)]
        results += [r.model_copy(update={"table": name}) for r in found]
    return results
