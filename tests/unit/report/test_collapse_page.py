from __future__ import annotations

from typing import Any

import pytest

from tabsynth.report.collapse import collapse_view, sentences
from tabsynth.report.html import render_html
from tabsynth.report.model import COLLAPSE, Report, Result


def finding(regime: str, figure: int | None = None, **more: Any) -> dict[str, Any]:
    failure = {"what": "tail_mass", "generation": figure, "figure": "tail_mass"}
    nothing = {"figure": failure if figure else None, "column": None, "group": None, "ended": None}
    return {"regime": regime, "within": not figure, "half_lives": {}, **nothing, **more}


def facts(*findings: dict[str, Any], share: float | None = None) -> dict[str, Any]:
    return {
        "kind": COLLAPSE, "regimes": [f["regime"] for f in findings], "findings": list(findings),
        "generations": 4, "seeds": [0, 1], "tolerance": 0.2, "smallest_real_share": share,
        "synthesizer": "trees", "parameters": {"closeness": 1}, "train_records": 4000,
        "holdout_records": 1000, "target": None, "protected": [], "most_records": {"pairs": 5000},
        "tabsynth": "0", "libraries": {"python": "3"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "No share of real records"),
        (0.0, "No real records are needed to keep the whole table within tolerance"),
        (0.25, "within tolerance: 25 %, of those tried; a column left it even so."),
    ],
)
def test_how_much_must_be_real(share: float | None, words: str) -> None:
    column = {"what": "a", "generation": 3, "figure": "variance_ratio"}
    found = [finding("bootstrap", 1), finding("replace", 2), finding("mix:.25", column=column)]
    assert words in sentences(facts(*found, share=share))[-1]


def test_a_synthesizer_that_is_far_off_at_once_is_no_collapse() -> None:
    said = sentences(facts(finding("bootstrap"), finding("replace", 1), finding("mix:0.5", 1)))
    assert "that is the synthesizer" in said[-1]


def test_what_became_of_each_regime() -> None:
    column = {"what": "a <b>", "generation": 3, "figure": "variance_ratio"}
    group = {"what": "sex=f", "generation": 2, "figure": "group_tv"}
    half = {"tail_mass": {"generations": 3.21, "low": 2.5, "high": 900.0}}
    told = facts(
        finding("bootstrap"),
        finding("replace", 2, column=column, group=group, half_lives=half),
        finding("accumulate", ended=[3, "data: expected more <records>"]),
    )
    said = sentences(told)
    assert said[1] == "bootstrap: stayed within the tolerance of 20 % for all 4 generations."
    assert (
        "replace: the tails left the tolerance of 20 % in generation 2, before all else" in said[2]
    )
    assert said[2].endswith("first column a <b> (variance, generation 3); first group sex=f "
                            "(generation 2).")  # fmt: skip
    assert said[3].startswith("accumulate: ended before generation 3 (data: expected more")
    results = [
        Result(name="tail_mass", family="fidelity", value=0.9 / g, unit="ratio", n=2, method="so",
               reference=1.0, regime=r, generation=g)
        for r in ("bootstrap", "replace", "accumulate")
        for g in range(1, 3 if r == "accumulate" else 5)
    ]  # fmt: skip
    report = Report(
        verdict="inconclusive", reasons=tuple(said), results=tuple(results), provenance=told
    )
    view = collapse_view(report)
    assert view["findings"][1]["half_lives"] == [("tails", "3.2", "[2.5, > 40]")]
    (chart,) = view["charts"]
    assert chart["rows"][2] == (
        "accumulate", [("0.900", ""), ("0.450", ""), ("n/a", ""), ("n/a", "")]
    )  # fmt: skip
    page = render_html(report)
    assert "<b>" not in page
    assert "a &lt;b&gt;" in page
