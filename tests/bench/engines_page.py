"""The engines side by side, as a page."""

from __future__ import annotations

from typing import Any

from tabsynth.machine import in_words

FIGURES = {
    "c2st": "C2ST", "excess": "excess closeness", "copies": "copies",
    "holdout_copies": "holdout's copies", "columns_tv": "columns", "pairs_tv": "pairs",
    "triples_tv": "triples", "tstr": "TSTR",
}  # fmt: skip
LEVEL = 0.01


def page(body: dict[str, Any]) -> str:
    """The page in Markdown."""
    seconds, few = body["slow"]
    parts = [
        "# Engines side by side\n",
        "Written by `python -m tests.bench engines`; commit, machine and versions are in "
        f"`engines.json`. Seeds {', '.join(map(str, body['seeds']))}, of split, fit and sample; "
        f"engines that take more than {seconds:.0f} CPU seconds for a fit are tried on the first "
        f"{'one' if few == 1 else few} only. Mean [least, most]. Figures as in "
        "`tests/bench/judge.py`: C2ST against the holdout (0.5 is perfect), excess closeness (0 is "
        "chance, 1 a copier), total variation against the training records, TSTR on the holdout. "
        f"*p* is that of the membership omnibus: how many runs were below {LEVEL}. Memory is that "
        "of the fit at its peak, beyond the table. CPU seconds are those of all threads; seconds "
        "by the clock depend on what else the machine did. Networks are named with their epochs, "
        "which are fewer than their default, and alike.\n",
    ]
    for table in dict.fromkeys(row["table"] for row in body["engines"]):
        rows = [row for row in body["engines"] if row["table"] == table]
        head = ["engine", "runs", *FIGURES.values(), f"p < {LEVEL}", "fit, CPU s", "fit, s",
                "rows/CPU s", "rows/s", "memory"]  # fmt: skip
        lines = [head, ["---"] * len(head), *(_line(row) for row in rows)]
        parts += [f"## {table}\n", *("| " + " | ".join(line) + " |" for line in lines), ""]
    return "\n".join(parts)


def _line(row: dict[str, Any]) -> list[str]:
    runs = row["runs"]
    if not runs:
        return [row["engine"], "0", f"failed: {row.get('failed', 'no message')}"]
    known = [r["membership_p"] for r in runs if r["membership_p"] is not None]
    low = f"{sum(p < LEVEL for p in known)} of {len(known)}" if known else "not asked"
    cost = [""] * 5
    if "fit_seconds" in runs[0]:
        cost = [
            *(_spread([r[key] for r in runs]) for key in ("fit_cpu_seconds", "fit_seconds")),
            *(
                f"{sum(r[key] for r in runs) / len(runs):,.0f}"
                for key in ("rows_per_cpu_second", "rows_per_second")
            ),
            in_words(max(r["memory"] or 0 for r in runs)),
        ]
    return [
        row["engine"], str(len(runs)), *(_spread([r[k] for r in runs]) for k in FIGURES),
        low, *cost,
    ]  # fmt: skip


def _spread(values: list[float]) -> str:
    mean = sum(values) / len(values)
    return f"{mean:.3g} [{min(values):.3g}, {max(values):.3g}]"
