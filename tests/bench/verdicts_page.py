"""The verdicts on tables whose truth is known, as a page."""

from __future__ import annotations

from typing import Any

VERDICTS = ("pass", "inconclusive", "fail")


def page(body: dict[str, Any]) -> str:
    """The page in Markdown."""
    full, repeated = body["in_full"], body["over_splits"]
    splits = len(repeated["seeds"])
    return "\n".join([
        "# What the gate says where the truth is known\n",
        f"Written by `python -m tests.bench verdicts`; {body['table']}. Seed {body['seed']}, "
        f"target `{body['target']}`, protected {', '.join(body['protected'])}, default policy. "
        "Seeds, commit, versions and every reason are in `verdicts.json`.\n",
        "## One split, everything measured\n",
        "*p* is that of the membership omnibus, *power* how often its self-test finds 1 % near "
        "copies. C2ST is the AUC of trees telling synthetic records from the holdout, *pairs* the "
        "mean total variation of pairs of columns; in brackets the same for real records. "
        "*CPU* is the time of the whole evaluation on all cores together; *wall* depends on what "
        "else ran.\n",
        _table(
            ["synthetic table", "train / holdout / synthetic", "truth", "verdict", "p", "power",
             "C2ST", "pairs", "CPU s", "wall s"],
            [[_linked(row), " / ".join(f"{n:,}" for n in row["records"]), row["truth"],
              f"**{row['verdict']}**", _number(row["membership_p"]), _number(row["power"]),
              _beside(row["c2st_auc"]), _beside(row["pairwise_tv"]), f"{row['cpu_seconds']:.0f}",
              f"{row['wall_seconds']:.0f}"] for row in full],
        ),
        "Reasons:\n",
        *(f"- *{row['synthetic']}*: {' '.join(row['reasons'])}" for row in full),
        f"\n## {splits} splits, attacks only\n",
        "Another split, fit and draw each time; attacks, and the metrics that the gate reads. "
        f"Intervals are Clopper-Pearson, 95 %.{_made_by(body)}\n",
        _table(
            ["synthetic table", *VERDICTS, "failing figures (times)", "p, median [least, most]",
             "power, median"],
            [[_says(full, row["case"]), *(_rate(row["verdicts"][v]) for v in VERDICTS),
              ", ".join(f"{n} ({k})" for n, k in row["failed_by"].items()) or "none",
              _spread(row["membership_p"]), _number(_median(row["power"]))]
             for row in repeated["cases"]],
        ),
    ])  # fmt: skip


def _made_by(body: dict[str, Any]) -> str:
    """Which code the splits are of, where it is another than that of the first table."""
    repeated = body["over_splits"]
    if repeated["commit"] == body["commit"]:
        return ""
    return f" This part is of commit {repeated['commit']}{repeated.get('since', '')}."


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _linked(row: dict[str, Any]) -> str:
    says: str = row["synthetic"]
    return f"[{says}](../examples/{row['report']}/report.html)" if row["report"] else says


def _says(full: list[dict[str, Any]], case: str) -> str:
    says: str = next(row["synthetic"] for row in full if row["case"] == case)
    return says


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _beside(figures: list[float | None]) -> str:
    value, low, high, reference = (_number(f) for f in figures)
    return f"{value} [{low}, {high}] ({reference})"


def _rate(rate: dict[str, Any]) -> str:
    return f"{rate['hits']} of {rate['trials']} [{rate['low']:.2f}, {rate['high']:.2f}]"


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _spread(values: list[float]) -> str:
    return f"{_median(values):.3g} [{min(values):.3g}, {max(values):.3g}]"
