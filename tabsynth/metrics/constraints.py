"""Whether synthetic records keep the rules between columns that their schema states."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.constraints.combining import combined
from tabsynth.constraints.rules import broken
from tabsynth.report.model import Result
from tabsynth.schema.constraint import Combinations, Constraint
from tabsynth.table import Table

NAME: Final = "constraint_violations"
EXAMPLES: Final = 2
EXAMPLE_LENGTH: Final = 40

Mask = NDArray[np.bool_]


def constraint_violations(comparison: Comparison) -> list[Result]:
    """How many synthetic records break the constraints of the schema.

    Combinations that the schema does not list are those of the real records.

    Returns:
        The share of records that break any constraint, and the share for each; lower is better, and
        the reference is the holdout's share. A declared constraint that is broken fails; one that
        was only proposed from records deserves attention. The method shows up to two synthetic
        examples. Nothing where the schema has no constraints.

    Privacy: reads synthetic records, of real ones their combinations and the holdout's share of
        broken records; examples are synthetic values.
    """
    real = [comparison.train.modelled, comparison.holdout.modelled]
    synthetic = comparison.synthetic.modelled
    rules = synthetic.schema.tabsynth.constraints
    if not rules:
        return []
    known = [_known(rule, real) for rule in rules]
    masks = [broken(r, synthetic, known=k) for r, k in zip(rules, known, strict=True)]
    others = [broken(r, real[1], known=k) for r, k in zip(rules, known, strict=True)]
    each = [
        _result(
            mask, other, rules=(rule,), column=" × ".join(rule.involved) or None, group=rule.kind,
            method=f"{rule.words}{_examples(rule, synthetic, mask)}",
        )
        for rule, mask, other in zip(rules, masks, others, strict=True)
    ]  # fmt: skip
    declared = [i for i, rule in enumerate(rules) if not rule.observed]
    counted = declared or range(len(rules))
    overall = _result(
        np.logical_or.reduce([masks[i] for i in counted]),
        np.logical_or.reduce([others[i] for i in counted]),
        rules=tuple(rules[i] for i in counted), column=None, group=None,
        method=f"any of {len(counted)} {'declared' if declared else 'proposed'} constraints",
    )  # fmt: skip
    return [overall, *each]


def _known(rule: Constraint, real: list[Table]) -> list[str] | None:
    if not isinstance(rule, Combinations) or rule.allowed is not None:
        return None
    return [text for t in real for text in combined(t, rule.columns).dictionary.to_pylist()]


def _result(
    mask: Mask,
    other: Mask,
    *,
    rules: tuple[Constraint, ...],
    column: str | None,
    group: str | None,
    method: str,
) -> Result:
    declared = any(not rule.observed for rule in rules)
    worst = "fail" if declared else "attention"
    return Result(
        name=NAME,
        family="validity",
        column=column,
        group=group,
        value=float(mask.mean()) if len(mask) else 0.0,
        reference=float(other.mean()) if len(other) else 0.0,
        unit="share",
        n=len(mask),
        method=method,
        status=worst if mask.any() else "ok",
    )


def _examples(rule: Constraint, synthetic: Table, mask: Mask) -> str:
    shown: list[str] = []
    for row in np.flatnonzero(mask)[:200]:
        values = [synthetic.column(name)[int(row)].as_py() for name in rule.involved]
        text = ", ".join(f"{n} {_shown(v)}" for n, v in zip(rule.involved, values, strict=True))
        if text and text not in shown:
            shown.append(text)
        if len(shown) == EXAMPLES:
            break
    return f"; synthetic records show {' and '.join(shown)}" if shown else ""


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= EXAMPLE_LENGTH else text[: EXAMPLE_LENGTH - 1] + "…"
