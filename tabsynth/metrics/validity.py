"""Whether synthetic records keep their schema: types, domains, constraints, keys."""

from __future__ import annotations

from tabsynth.comparison import Comparison
from tabsynth.report.model import Result


def validity(comparison: Comparison) -> list[Result]:
    """Share of cells that keep the schema, and each kind of violation by column.

    Returns:
        `valid_cells`, higher is better; `key_violations`, where the schema names keys: the share
        of records whose key is missing or repeated, lower is better; a `violations` figure per
        column and rule that is broken, lower is better. Anything broken fails.

    Privacy: reads synthetic records and the schema only.
    """
    rows = max(comparison.synthetic.num_rows, 1)
    cells = rows * len(comparison.synthetic.schema.fields)
    broken = sum(min(v.count, rows) for v in comparison.violations)
    overall = Result(
        name="valid_cells",
        family="validity",
        value=max(0.0, 1 - broken / cells),
        reference=1.0,
        better="higher",
        unit="share",
        n=rows,
        method="types, domains, constraints and keys of the schema",
        status="fail" if comparison.violations else "ok",
    )
    kinds = [
        Result(
            name="violations",
            family="validity",
            column=violation.column,
            group=violation.rule,
            value=min(violation.count / rows, 1.0),
            reference=0.0,
            unit="share",
            n=rows,
            method=f"expected {violation.expected}",
            status="fail",
        )
        for violation in comparison.violations
    ]
    return [overall, *_keys(comparison), *kinds]


def _keys(comparison: Comparison) -> list[Result]:
    """The records that break a key of the schema; nothing where it names none."""
    schema, rows = comparison.synthetic.schema, comparison.synthetic.num_rows
    unique = {f.name for f in schema.fields if f.constraints.unique}
    keys = len(unique - set(schema.primary_key)) + bool(schema.primary_key)
    if not keys:
        return []
    rules = {"unique", "primaryKey"}
    broken = sum(
        v.count
        for v in comparison.violations
        if v.rule in rules or (v.rule == "required" and v.column in schema.primary_key)
    )
    return [
        Result(
            name="key_violations",
            family="validity",
            value=min(broken / max(rows, 1), 1.0),
            reference=0.0,
            unit="share",
            n=rows,
            method=f"values missing from or repeated in {keys} "
            f"{'key' if keys == 1 else 'keys'} of the schema",
            status="fail" if broken else "ok",
        )
    ]
