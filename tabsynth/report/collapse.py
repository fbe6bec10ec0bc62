"""What the page of a study of model collapse shows: its findings in words, and a chart a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from tabsynth.report.charts import Scale
from tabsynth.report.lines import Dot, Frame, Line, line_chart, swatch
from tabsynth.report.model import COLLAPSE, Direction, Family, Report, Result

NO_GATE: Final = (
    "A study of collapse has no gate: it says what becomes of these records when synthesizers "
    "learn from what synthesizers drew, and how many real ones stop that."
)
FLOOR: Final = "bootstrap"
# half-lives beyond so many times the generations that were made are not told
FORESIGHT: Final = 10


@dataclass(frozen=True)
class Measure:
    """A figure of every generation, in words.

    Args:
        title: its name for readers.
        lost: its name in a sentence on what is lost first.
        meaning: what it says.
        family: the question it belongs to.
        unit: of its values; of two, the second is that of a number to predict.
        better: which direction is better.
        bounds: what it cannot pass.
        beside: what its reference is.
    """

    title: str
    lost: str
    meaning: str
    family: Family = "fidelity"
    unit: str = "ratio"
    better: Direction = "higher"
    bounds: tuple[float, float] = (0.0, float("inf"))
    beside: str = "real training records"


MEASURES: Final[dict[str, Measure]] = {
    "variance_ratio_median": Measure(
        "Variance, median column", "the variance",
        "The variance of each number over that of the holdout: 1 is right, less is narrower. The "
        "median over columns.",
    ),
    "variance_ratio_worst": Measure(
        "Variance, worst column", "the variance of a column",
        "The same for the column that is farthest from 1.",
    ),
    "entropy_ratio_median": Measure(
        "Entropy, median column", "the entropy",
        "The entropy of each column, numbers cut at the training records' 20 quantiles, over that "
        "of the holdout: 1 is right, with less records are more alike. The median over columns.",
    ),
    "entropy_ratio_worst": Measure(
        "Entropy, worst column", "the entropy of a column",
        "The same for the column that is farthest from 1.",
    ),
    "tail_mass": Measure(
        "Tails", "the tails",
        "How many values lie beyond the training records' 1 and 99 % quantiles, over how many of "
        "the holdout do.",
    ),
    "rare_survival": Measure(
        "Rare categories that survive", "rare categories",
        "Of the categories that at most 1 % but at least 5 of the holdout records have, the share "
        "that still occurs at all.", unit="share", bounds=(0.0, 1.0),
    ),
    "pairwise_score": Measure(
        "Pairs of columns", "pairs of columns",
        "How near the joint distributions of pairs are to the holdout's, from 0 (as if columns had "
        "nothing to do with each other) to 100 (as real records).", unit="score",
        bounds=(0.0, 100.0),
    ),
    "c2st_auc": Measure(
        "Told from real records", "telling apart",
        "AUC of boosted trees that tell the generation from the holdout: 0.5 is not at all. They "
        "see everything, so this does not decide on the tolerance.", unit="AUC",
        better="lower", bounds=(0.0, 1.0),
    ),
    "tstr": Measure(
        "Prediction of the target", "prediction of the target",
        "How well boosted trees that learnt from the generation predict the target of the holdout.",
        family="utility", unit="AUC or R²", bounds=(float("-inf"), 1.0),
    ),
    "minority_recall": Measure(
        "Rarest class found", "recall of the rarest class",
        "Of the holdout records of the target's rarest class, the share that these trees call so.",
        family="utility", unit="share", bounds=(0.0, 1.0),
    ),
    "group_tv_worst": Measure(
        "Worst group", "a group",
        "How far the columns of a protected group are from those of the same group in the holdout; "
        "the group that is farthest.", family="bias", unit="total variation", better="lower",
        bounds=(0.0, 1.0),
    ),
    "membership_auc": Measure(
        "Members of the first table", "membership",
        "AUC of telling who was in the first real table by how near the generation comes to them, "
        "beside people never seen.", family="privacy", unit="AUC", better="lower",
        bounds=(0.0, 1.0), beside="chance",
    ),
}  # fmt: skip
_PART_OF: Final = {"variance_ratio": "variance", "entropy_ratio": "entropy"}
# figures whose half-life the table shows, with the head of the column
_HALF_LIVES: Final = {
    "variance_ratio_median": "variance", "entropy_ratio_median": "entropy", "tail_mass": "tails",
    "rare_survival": "rare categories", "pairwise_score": "pairs", "c2st_auc": "telling apart",
    "tstr": "prediction", "minority_recall": "rarest class",
}  # fmt: skip
_EXPLAINED: Final = {
    "bootstrap": "nothing is learnt: each generation is drawn, with replacement, from the one "
    "before. What is lost here is lost by chance alone, whatever the method; it is the floor.",
    "replace": "each generation learns from the one before alone.",
    "accumulate": "each generation learns from the real records and all generations before it.",
    "mix": "each generation learns from as many records as there are real ones, of which this "
    "share is real, drawn anew each time, and the rest of the generation before it.",
}


def sentences(facts: Mapping[str, Any]) -> list[str]:
    """The reasons of a report: what each regime came to, and how much must be real."""
    generations, tolerance = facts["generations"], facts["tolerance"]
    said = [NO_GATE]
    for finding in facts["findings"]:
        said.append(f"{finding['regime']}: {_fate(finding, generations, tolerance)}")
    return [*said, _share_sentence(facts)]


def collapse_view(report: Report, *, fragment: bool = False) -> dict[str, Any]:
    """What the template needs.

    Args:
        report: on a study of collapse.
        fragment: for a notebook, without the page around it.
    """
    facts = report.provenance
    regimes = [str(name) for name in facts["regimes"]]
    style = {name: i for i, name in enumerate(regimes)}
    return {
        "fragment": fragment,
        "audience": report.audience,
        "reasons": report.reasons,
        "legend": [(name, Markup(swatch(style[name]))) for name in regimes],
        "regimes": [(name, _EXPLAINED[name.partition(":")[0]]) for name in regimes],
        "heads": _heads(facts["findings"]),
        "findings": [
            _finding_row(f, _heads(facts["findings"]), FORESIGHT * facts["generations"])
            for f in facts["findings"]
        ],
        "charts": [
            _chart(report, name, regimes) for name in MEASURES
            if any(r.name == name for r in report.results)
        ],
        "command": facts.get("command"),
        "generations": facts["generations"],
        "seeds": len(facts["seeds"]),
        "tolerance": f"{100 * facts['tolerance']:g} %",
        "facts": _facts(facts),
    }  # fmt: skip


def _fate(finding: Mapping[str, Any], generations: int, tolerance: float) -> str:
    parts = []
    if finding["ended"]:
        parts.append(f"ended before generation {finding['ended'][0]} ({finding['ended'][1]})")
    if finding["figure"]:
        lost = MEASURES[finding["figure"]["what"]].lost
        parts.append(
            f"{lost} left the tolerance of {100 * tolerance:g} % in generation "
            f"{finding['figure']['generation']}, before all else"
        )
    if not parts:
        several = f"all {generations} generations" if generations > 1 else "its one generation"
        parts.append(f"stayed within the tolerance of {100 * tolerance:g} % for {several}")
    if finding["column"]:
        parts.append(f"first column {_failure(finding['column'])}")
    if finding["group"]:
        parts.append(f"first group {_failure(finding['group'])}")
    return "; ".join(parts) + "."


def _failure(failure: Mapping[str, Any]) -> str:
    figure = _PART_OF.get(failure["figure"])
    return (
        f"{failure['what']} ({f'{figure}, ' if figure else ''}generation {failure['generation']})"
    )


def _share_sentence(facts: Mapping[str, Any]) -> str:
    share = facts["smallest_real_share"]
    at_once = [f["figure"] for f in facts["findings"] if f["regime"] != FLOOR]
    if any(figure and figure["generation"] == 1 for figure in at_once):
        return (
            "The first generation, which learnt from real records alone, is beyond tolerance "
            "already: that is the synthesizer, and no share of real records mends it. The curves "
            "show what later generations add to it."
        )
    if share is None:
        return (
            "No share of real records among those tried keeps the whole table within tolerance "
            "when generations replace each other."
        )
    own = [f for f in facts["findings"] if _real_share(f["regime"]) == share]
    lost = [f"a {part}" for part in ("column", "group") if any(f[part] for f in own)]
    even_so = f"; {' and '.join(lost)} left it even so" if lost else ""
    if share == 0:
        return (
            "No real records are needed to keep the whole table within tolerance for so many "
            f"generations{even_so}."
        )
    return (
        "The smallest share of real records that keeps the whole table within tolerance: "
        f"{100 * share:g} %, of those tried{even_so}."
    )


def _real_share(regime: str) -> float | None:
    """Of a regime in which generations replace each other; None of the others."""
    kind, _, share = regime.partition(":")
    return 0.0 if kind == "replace" else float(share) if kind == "mix" else None


def _heads(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for name in _HALF_LIVES if any(name in f["half_lives"] for f in findings)]


def _finding_row(finding: Mapping[str, Any], heads: Sequence[str], limit: int) -> dict[str, Any]:
    figure = finding["figure"]
    first = ""
    if finding["ended"]:
        first = f"ended before generation {finding['ended'][0]}"
    elif figure:
        first = f"{MEASURES[figure['what']].lost}, generation {figure['generation']}"
    return {
        "name": finding["regime"],
        "within": finding["within"],
        "first": first,
        "column": _failure(finding["column"]) if finding["column"] else "",
        "group": _failure(finding["group"]) if finding["group"] else "",
        "half_lives": [
            (_HALF_LIVES[head], *_half_life(finding["half_lives"].get(head), limit))
            for head in heads
        ],
    }


def _half_life(found: Mapping[str, Any] | None, limit: int) -> tuple[str, str]:
    """In generations, with its interval; ends beyond the limit are not told."""
    if found is None or found["generations"] is None:
        return "", ""
    interval = ""
    if found["low"] is not None:
        high = f"{found['high']:.2g}" if found["high"] <= limit else f"> {limit}"
        interval = f"[{found['low']:.2g}, {high}]"
    return f"{found['generations']:.2g}", interval


def _chart(report: Report, name: str, regimes: Sequence[str]) -> dict[str, Any]:
    measure, own = MEASURES[name], [r for r in report.results if r.name == name]
    generations = tuple(range(1, int(report.provenance["generations"]) + 1))
    reference = next((r.reference for r in own if r.reference is not None), None)
    lines = [
        Line(regime, tuple(_dot(r) for r in own if r.regime == regime), style)
        for style, regime in enumerate(regimes)
    ]
    scale = Scale.of([r.value for r in own], percent=measure.unit == "share")
    direction = "1 is right" if measure.unit == "ratio" else f"{measure.better} is better"
    chart = line_chart(
        lines,
        Frame(tuple(map(str, generations)), "generation", reference, measure.beside,
              percent=measure.unit == "share", bounds=measure.bounds),
        ident=f"chart-{name.replace('_', '-')}",
        title=f"{measure.title}, by generation",
        description=_described(lines, scale),
    )  # fmt: skip
    rows = []
    for regime in regimes:
        by_generation = {r.generation: r for r in own if r.regime == regime}
        cells = [_cell(by_generation.get(g), scale) for g in generations]
        rows.append((regime, cells))
    return {
        "name": name,
        "title": measure.title,
        "meaning": measure.meaning,
        "unit": own[0].unit,
        "direction": direction,
        "reference": scale.text(reference) if reference is not None else None,
        "beside": measure.beside,
        "chart": Markup(chart),
        "generations": generations,
        "rows": rows,
    }


def _dot(result: Result) -> Dot:
    assert result.generation is not None and result.value is not None
    return Dot(result.generation - 1, result.value, result.ci_low, result.ci_high)


def _cell(result: Result | None, scale: Scale) -> tuple[str, str]:
    if result is None:
        return "n/a", ""
    interval = ""
    if result.ci_low is not None and result.ci_high is not None:
        low, high = (scale.text(end, unit=False) for end in (result.ci_low, result.ci_high))
        interval = f"[{low}, {high}]"
    return scale.text(result.value), interval


def _described(lines: Sequence[Line], scale: Scale) -> str:
    said = [
        f"{line.name}: {scale.text(line.dots[0].value)} in generation {line.dots[0].at + 1}, "
        f"{scale.text(line.dots[-1].value)} in generation {line.dots[-1].at + 1}"
        for line in lines
        if line.dots
    ]
    return f"{'; '.join(said)}. The table below holds all figures with their intervals."


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = [("synthesizer", str(facts["synthesizer"]))]
    shown += [("parameters", ", ".join(f"{k}={v}" for k, v in facts["parameters"].items()))]
    for key in ("train_records", "holdout_records"):
        shown.append((key.replace("_", " "), f"{facts[key]:,}"))
    shown.append(("seeds", ", ".join(map(str, facts["seeds"]))))
    shown.append(("target", str(facts["target"] or "")))
    shown.append(("protected", ", ".join(facts["protected"])))
    most = facts["most_records"]
    shown.append(("most records used", ", ".join(f"{k} {v:,}" for k, v in most.items())))
    shown.append(("tabsynth", str(facts["tabsynth"])))
    shown.append(("libraries", ", ".join(f"{k} {v}" for k, v in facts["libraries"].items())))
    return [(key, value) for key, value in shown if value]


__all__ = ["COLLAPSE", "MEASURES", "Measure", "collapse_view", "sentences"]
