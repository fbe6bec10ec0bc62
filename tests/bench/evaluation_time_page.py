"""Time and memory of the evaluation, as a page."""

from __future__ import annotations

from typing import Any


def page(body: dict[str, Any]) -> str:
    """The page in Markdown."""
    load = body["load_average"][-1]
    parts = [
        "# Time and memory of the evaluation\n",
        "Written by `python -m tests.bench evaluation_time`; commit, machine and versions are in "
        "`evaluation-time.json`. Each measure ran alone in a process of its own, its learners on "
        "one thread; *all attacks* and *evaluate* as the command runs them, on all cores, the "
        "latter with four further draws of the model. *Records* is the most that a figure rests "
        "on: larger tables are sampled. *Peak* is all the memory that the process held, with "
        "Python, its libraries and the tables. Wall seconds depend on what else the machine did "
        f"(load average {load:.1f} at the end). First attacks, then metrics. Of a million records "
        "the membership attack tries a small part; what it can find there is told in the "
        "[guide](../../docs/evaluation.md).\n",
    ]
    for name, rows in body["tables"].items():
        parts += [f"## {name}\n", _table(rows)]
    return "\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [["measure", "CPU s", "wall s", "peak MiB", "of which before", "records"], ["---"] * 6]
    lines += [
        [row["name"], f"{row['cpu_seconds']:.1f}", f"{row['wall_seconds']:.1f}",
         f"{row['peak_mib']:,}", f"{row['tables_mib']:,}", f"{row['records_at_most']:,}"]
        for row in sorted(rows, key=lambda r: (r["kind"], -r["cpu_seconds"]))
    ]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
