"""What does `closeness` of trees trade: how faithful, against how near to the training records?"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

import tabsynth as ts
from tests.bench.engines import SEEDS, judged
from tests.bench.record import REPORTS, write
from tests.bench.tables import FRAMES, TARGETS, table

CLOSENESS = (0.0, 0.25, 0.5, 0.75, 1.0)
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 560, 320, 60, 48, 48
LINES = ("#0b5f66", "#7d4a00", "#566066")
DASHES = ("", "7 4", "2 3")


def main() -> None:
    """Fit trees at five settings to three tables, five seeds each."""
    points = [
        {"table": name, "closeness": c, "runs": [trial(name, c, seed) for seed in SEEDS]}
        for name in FRAMES
        for c in CLOSENESS
    ]
    write("frontier", {"seeds": list(SEEDS), "points": points})
    (REPORTS / "frontier.svg").write_text(drawing(points), encoding="utf-8")


def trial(name: str, closeness: float, seed: int, *, records: int | None = None) -> dict[str, Any]:
    """Detection, excess closeness and the omnibus' p-value, and the rest that is judged."""
    train, holdout = ts.split(table(name, records), seed=seed)
    model = ts.fit(train, synthesizer="trees", parameters={"closeness": closeness}, seed=seed)
    drawn = ts.sample(model, train.num_rows, seed=seed).to_pandas()
    return judged(train, holdout, drawn, target=TARGETS[name], seed=seed)


def drawing(points: list[dict[str, Any]]) -> str:
    """Excess closeness to the right, C2ST upwards; a line for each table, in steps of closeness."""
    means = [
        (p["table"], p["closeness"],
         *(float(np.mean([r[k] for r in p["runs"]])) for k in ("excess", "c2st")))
        for p in points
    ]  # fmt: skip
    right = max(0.1, *(m[2] for m in means))
    left = min(0.0, *(m[2] for m in means))
    top = max(0.6, *(m[3] for m in means))

    def place(excess: float, c2st: float) -> tuple[float, float]:
        across = (excess - left) / (right - left) * (WIDTH - LEFT - 24)
        up = (c2st - 0.5) / (top - 0.5) * (HEIGHT - TOP - BOTTOM)
        return round(LEFT + across, 1), round(HEIGHT - BOTTOM - up, 1)

    parts, words = [_axes(place, (left, right), top)], []
    for i, name in enumerate(dict.fromkeys(m[0] for m in means)):
        own = [(c, e, a) for n, c, e, a in means if n == name]
        spots = [place(e, a) for _, e, a in own]
        path = " ".join(f"{x},{y}" for x, y in spots)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{LINES[i]}" stroke-width="2" '
            f'stroke-dasharray="{DASHES[i]}"/>'
        )
        parts += [f'<circle cx="{x}" cy="{y}" r="4" fill="{LINES[i]}"/>' for x, y in spots]
        x, y = spots[0]
        parts.append(f'<text x="{x + 8}" y="{y - 8}" fill="{LINES[i]}">{escape(name)}</text>')
        each = ", ".join(f"closeness {c:g}: excess {e:.3f}, C2ST {a:.3f}" for c, e, a in own)
        words.append(f"{name}: {each}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12" aria-labelledby="t d">'
        '<title id="t">C2ST against excess closeness, by closeness</title>'
        f'<desc id="d">{escape(". ".join(words))}</desc>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fcfcf9"/>{"".join(parts)}</svg>\n'
    )


def _axes(place: Any, ends: tuple[float, float], top: float) -> str:
    parts = []
    for excess in np.linspace(*ends, 5):
        x, y = place(excess, 0.5)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{excess:.2f}</text>')
    for c2st in np.linspace(0.5, top, 5):
        x, y = place(ends[0], c2st)
        parts.append(
            f'<line x1="{x}" x2="{WIDTH - 24}" y1="{y}" y2="{y}" stroke="#dcdfd8"/>'
            f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{c2st:.3f}</text>'
        )
    middle = (LEFT + WIDTH) / 2
    return (
        f'<g fill="#566066">{"".join(parts)}<text x="{middle}" y="{HEIGHT - 10}" '
        'text-anchor="middle">excess closeness; 0 is chance, 1 a copier</text>'
        '<text x="8" y="14">C2ST; 0.5: nobody can tell</text></g>'
    )
