"""Synthetic databases beside real ones, as a page."""

from __future__ import annotations

from typing import Any


def page(body: dict[str, Any]) -> str:
    """The page in Markdown."""
    parts = [
        "# Synthetic databases\n",
        "Written by `python -m tests.bench databases`; commit, machine and versions are in "
        "`databases.json`. Learnt with trees, seeds "
        f"{', '.join(map(str, body['seeds']))}; median [least, most]. Seconds are by the clock; "
        "what else the machine did counts in them, CPU seconds say it without. Total variation is "
        "against all real records that were learnt from; beside it, that of one half of the real "
        "families against the other, each half as many. C2ST (0.5 is perfect) is against a "
        "holdout: a fifth of the entities with all that hangs from them, which a second fit did "
        "not see; a list that is looked up (district) stands whole in both parts, and its C2ST "
        "tells nothing. Numbers of children are compared one by one: the 77 districts have hardly "
        "two alike, so that no two samples of districts come near each other.\n",
    ]
    for name, found in body["databases"].items():
        parts += [f"## {name}\n", *_database(found)]
    parts.append("## sdv's multi-table synthesizer on a part of berka\n")
    parts.append("Tables account, loan, order and disp, without keys that lead elsewhere.\n")
    for name, found in body["smaller"].items():
        parts += [f"### {name}\n", *_database(found)]
    targets = "; ".join(f"{what} {bound}" for what, bound in body["targets"].items())
    parts.append(f"Targets: {targets}.\n")
    return "\n".join(parts)


def _database(found: dict[str, Any]) -> list[str]:
    records = ", ".join(f"{name} {count:,}" for name, count in found["records"].items())
    fit, sample = (
        f"{_told(found[f'{what}_s'], 1)} s ({_told(found[f'{what}_cpu_s'], 1)} CPU s)"
        for what in ("fit", "sample")
    )
    peak = f"{found['peak_mib_of_the_process']:.0f} MiB"
    lines = [f"Records: {records}. Fit {fit}, sample {sample}; the process at its peak {peak}.\n",
             "| relation | children per parent | halves | in 20 levels | pairs | halves |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    keys = ("children_tv", "children_tv_of_halves", "children_20_levels_tv", "pairs_tv",
            "pairs_tv_of_halves")  # fmt: skip
    for name, held in found["relations"].items():
        cells = [_told(held[key], 3) if key in held else "" for key in keys]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    lines += ["", "| table | C2ST |", "|---|---|"]
    lines += [f"| {name} | {_told(spread, 3)} |" for name, spread in found["c2st"].items()]
    return [*lines, ""]


def _told(spread: dict[str, float], digits: int) -> str:
    if spread["min"] == spread["max"]:
        return f"{spread['median']:.{digits}f}"
    low, high = spread["min"], spread["max"]
    return f"{spread['median']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
