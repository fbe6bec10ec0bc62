"""Synthetic databases beside real ones, as a page."""

from __future__ import annotations

from typing import Any, Final

# figures of relations with a target, and the targets
_OF_RELATIONS: Final = (
    ("children per parent", "children_tv", 0.03),
    ("pairs of child and parent", "pairs_tv", 0.08),
)
_C2ST: Final = 0.60
_SECONDS: Final = 60


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
    parts += ["## Targets missed\n", *_missed(body)]
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


def _missed(body: dict[str, Any]) -> list[str]:
    """Our medians beyond the targets, beside what real records reach."""
    found = {**body["databases"], "the part of berka": body["smaller"]["tabsynth"]}
    lines = []
    for name, held in found.items():
        for relation, figures in held["relations"].items():
            for what, key, most in _OF_RELATIONS:
                if key in figures and (own := figures[key]["median"]) > most:
                    real = figures[f"{key}_of_halves"]["median"]
                    lines.append(f"- {name}, {relation}, {what}: {own:.3f}. {_beside(own, real)}")
        lines += [
            f"- {name}, {table}, C2ST: {spread['median']:.3f}."
            for table, spread in held["c2st"].items()
            if spread["median"] > _C2ST
        ]
        lines += [
            f"- {name}, seconds to {what}: {held[f'{what}_s']['median']:.0f}."
            for what in ("fit", "sample")
            if held[f"{what}_s"]["median"] > _SECONDS
        ]
    if not lines:
        return ["None.\n"]
    return [
        "Of two real samples the distance falls as the root of their number, where most values "
        "come several times. So what two halves are apart, divided by the root of 2, is about as "
        "near as other real records, as many as there are, would come to these; no synthesizer "
        "can be expected to come nearer, unless it repeats the very records. Where values come "
        "once (the numbers of children of 77 districts) it falls more slowly.\n",
        *lines, "",
    ]  # fmt: skip


def _beside(own: float, real: float) -> str:
    near = real / 2**0.5
    halves = f"two halves of the real families are {real:.3f} apart"
    if own <= 1.02 * near:
        return f"About as near as other real records would be ({near:.3f}): {halves}."
    if own <= real:
        return f"Nearer than halves, not as near as other real records ({near:.3f}): {halves}."
    return f"Further than other real records would be ({near:.3f}): {halves}."


def _told(spread: dict[str, float], digits: int) -> str:
    if spread["min"] == spread["max"]:
        return f"{spread['median']:.{digits}f}"
    low, high = spread["min"], spread["max"]
    return f"{spread['median']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
