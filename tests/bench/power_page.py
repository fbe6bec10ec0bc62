"""The figures of `attack_power` as a page: tables and curves."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

from tests.bench.record import REPORTS

WIDTH, HEIGHT, ACROSS = 240, 150, 3
LEFT, TOP, BOTTOM = 34, 30, 26


def write_page(body: dict[str, Any]) -> None:
    """Write `reports/benchmarks/attack-power.md` and the curves beside it."""
    (REPORTS / "attack-power.svg").write_text(curves(body["leaks"]), encoding="utf-8")
    (REPORTS / "attack-power.md").write_text(page(body), encoding="utf-8")


def page(body: dict[str, Any]) -> str:
    """The page in Markdown."""
    records = body["records"]
    parts = [
        "# What the attacks find, and what they leave alone\n",
        "Written by `python -m tests.bench attack_power`; figures with seeds, commit and versions "
        "in `attack-power.json`. Intervals are Clopper-Pearson, 95 %. The leaks are made by "
        "`tests/canaries/leaks.py`, the people by `tests/canaries/populations.py`.\n",
        f"## Nothing leaks ({records['nulls']:,} training records, holdout of half)\n",
        "How often the membership omnibus rejects, and how often any attack would fail the gate. "
        "*Uniform* is the Kolmogorov-Smirnov p-value of the p-values. Here and below, *gate fails* "
        "counts attacks alone: figures of copies (`unique_copies`, `near_copies`) can fail a table "
        "too. Where fewer repetitions left it open whether the rate at 0.05 lies below 8 %, the "
        "omnibus alone was repeated, up to 1,000 times and then 2,000.\n",
        _table(
            ["population", "synthetic table", "times", "p < 0.05", "p < 0.01", "gate fails", "by",
             "uniform"],
            [[c["table"], c["kind"], str(c["rejected"]["0.05"]["trials"]),
              _share(c["rejected"]["0.05"]), _share(c["rejected"]["0.01"]),
              _share(c["gate_fails"]), _by(c), f"{c['uniform']['p']:.2f}"] for c in body["nulls"]],
        ),
        f"## Planted leaks (households, {records['leaks']:,} training and synthetic records)\n",
        "![power curves](attack-power.svg)\n",
        "Share of repetitions in which the omnibus has p below 0.01, and in which any attack would "
        "fail the gate (attribute inference apart, which was tried at the largest size only). The "
        "size is the share of synthetic records that leak; for the overfitted generator, one over "
        "the smallest leaf.\n",
        _table(
            ["leak", "size", "omnibus", "gate fails", "failing figures", "attribute inference"],
            [[c["kind"], _percent(c["share"]), _share(c["omnibus"]), _share(c["gate_fails"]),
              _by(c), _share(c.get("attribute_inference"))] for c in body["leaks"]],
        ),
        "Not monotone beyond noise: " + ("; ".join(body["not_monotone"]) or "none") + ".\n",
        "## What the self-test promises, and what is found\n",
        "The self-test of a report plants copies in the attacker's view; here they are really "
        "planted in the synthetic table. Near copies have one field redrawn.\n",
        _promises(body),
        "## Adult (39,073 training records, a draw of the Gaussian copula)\n",
        _table(
            ["leak", "size", "omnibus", "CPU s"],
            [[c["kind"], _percent(c["share"]), _share(c["omnibus"]), f"{c['cpu_seconds']:.0f}"]
             for c in body["adult"]],
        ),
    ]  # fmt: skip
    return "\n".join(parts)


def curves(cells: list[dict[str, Any]]) -> str:
    """Small charts, one for each kind of leak: size to the right, power upwards."""
    kinds = [(k, list(g)) for k, g in groupby(cells, key=lambda c: c["kind"])]
    down = math.ceil(len(kinds) / ACROSS)
    charts = [
        f'<g transform="translate({(i % ACROSS) * WIDTH} {(i // ACROSS) * HEIGHT})">'
        f"{_chart(kind, list(group))}</g>"
        for i, (kind, group) in enumerate(kinds)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {ACROSS * WIDTH} {down * HEIGHT}" '
        'font-family="sans-serif" font-size="10" role="img">'
        "<title>Share of repetitions in which each planted leak is found, by its size</title>"
        f'<rect width="100%" height="100%" fill="white"/>{"".join(charts)}</svg>\n'
    )


def _chart(kind: str, cells: list[dict[str, Any]]) -> str:
    parts = [f'<text x="{LEFT}" y="18" font-weight="bold" font-size="11">{kind}</text>']
    for tick in (0, 0.5, 1):
        y = _y(tick)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - 12}" y1="{y}" y2="{y}" stroke="#ccc"/>'
            f'<text x="{LEFT - 4}" y="{y + 3}" text-anchor="end">{100 * tick:.0f} %</text>'
        )
    places = [LEFT + 14 + i * (WIDTH - LEFT - 40) / (len(cells) - 1) for i in range(len(cells))]
    line = " ".join(
        f"{x:.0f},{_y(c['omnibus']['share'])}" for x, c in zip(places, cells, strict=True)
    )
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f4e8c" stroke-width="1.5"/>')
    for x, cell in zip(places, cells, strict=True):
        found = cell["omnibus"]
        parts.append(
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_y(found["low"])}" y2="{_y(found["high"])}" '
            f'stroke="#1f4e8c"/><circle cx="{x:.0f}" cy="{_y(found["share"])}" r="3" '
            f'fill="#1f4e8c"/><text x="{x:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
            f"{_percent(cell['share'])}</text>"
        )
    return "".join(parts)


def _y(share: float) -> float:
    return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)


def _promises(body: dict[str, Any]) -> str:
    rows = []
    named = {"exact copies": "exact copies", "copies, one field changed": "near copies"}
    for table, cells in (("households", body["leaks"]), ("adult", body["adult"])):
        for cell in cells:
            if cell["kind"] in named:
                promised = body["self_test"][table][
                    f"{100 * cell['share']:g} % {named[cell['kind']]}"
                ]
                rows.append([table, named[cell["kind"]], _percent(cell["share"]),
                             f"{promised:.2f}", _share(cell["omnibus"])])  # fmt: skip
    return _table(["table", "leak", "size", "promised", "found"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _share(rate: dict[str, Any] | None) -> str:
    if rate is None:
        return ""
    return f"{rate['share']:.3g} ({rate['low']:.2g} to {rate['high']:.2g})"


def _by(cell: dict[str, Any]) -> str:
    trials = cell["omnibus"]["trials"]
    named = [f"{n} {k / trials:.2g}" for n, k in cell["failed_by"].items() if n != "membership_p"]
    return ", ".join(named) or "-"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share else "none"
