"""Private synthesizers side by side, as a page."""

from __future__ import annotations

from typing import Any

FIGURES = {
    "columns_tv": "columns", "pairs_tv": "pairs", "triples_tv": "triples", "c2st": "C2ST",
    "tstr": "TSTR", "fit_cpu_seconds": "fit, CPU s",
}  # fmt: skip


def page(body: dict[str, Any]) -> str:
    """The page in Markdown."""
    parts = [
        "# Private synthesizers by epsilon\n",
        "Written by `python -m tests.bench private`; commit, machine and versions are in "
        f"`private.json`. Seeds {', '.join(map(str, body['seeds']))}, of split, sampling and "
        f"judge; noise is OpenDP's. Delta {body['delta']:g}. Mean [least, most]. Figures as in "
        "`tests/bench/judge.py`: total variation against the training records, C2ST against the "
        "holdout (0.5 is perfect), TSTR on the holdout. *p* is that of the membership omnibus, "
        "tried at epsilon 1 alone: the least of all runs. Names with a colon are other projects, "
        "in environments of their own and with their own noise: smartnoise-synth, dpmm, and "
        "opendp's contingency tables; they were told the same domains, and missing values are a "
        "category for them. For smartnoise-synth and opendp, which want bins, numbers are cut into "
        "20 of one width; dpmm finds its own for a tenth of the budget. "
        "google's dpsynth is on no package index and was not run.\n",
        *([body["note"] + "\n"] if "note" in body else []),
    ]
    for table in dict.fromkeys(row["table"] for row in body["rows"]):
        head = ["epsilon", "synthesizer", "runs", *FIGURES.values(), "least p"]
        rows = [row for row in body["rows"] if row["table"] == table]
        lines = [_line(row) for row in sorted(rows, key=lambda r: (r["epsilon"], r["engine"]))]
        table_lines = [head, ["---"] * len(head), *lines]
        parts += [f"## {table}\n", *("| " + " | ".join(line) + " |" for line in table_lines), ""]
        failed = [row for row in rows if "failed" in row]
        parts += [f"- {r['engine']} at epsilon {r['epsilon']:g}: {r['failed']}" for r in failed]
        versions = dict.fromkeys(
            r["version"] for row in rows for r in row["runs"] if "version" in r
        )
        parts += [f"\nVersions: {', '.join(versions)}.\n"] if versions else []
    return "\n".join(parts)


def _line(row: dict[str, Any]) -> list[str]:
    runs = row["runs"]
    if not runs:
        return [f"{row['epsilon']:g}", row["engine"], "0", *[""] * (len(FIGURES) + 1)]
    known = [r["membership_p"] for r in runs if r.get("membership_p") is not None]
    return [
        f"{row['epsilon']:g}", row["engine"], str(len(runs)),
        *(_spread([r[k] for r in runs]) for k in FIGURES), f"{min(known):.2g}" if known else "",
    ]  # fmt: skip


def _spread(values: list[float]) -> str:
    mean = sum(values) / len(values)
    return f"{mean:.3g} [{min(values):.3g}, {max(values):.3g}]"
