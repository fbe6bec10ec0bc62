from __future__ import annotations

import json

from tests.e2e.scene import Place, Run, snapshot

NAMES = "independent,gaussian_copula"


def test_compare(place: Place, tabsynth: Run) -> None:
    out = place.outputs / "contest"
    done = tabsynth("compare", place.table, "--schema", place.schema, "--synthesizers", NAMES,
                    "--param", "independent.min_count=6", "--seed", 1, "-o", out)  # fmt: skip
    assert done.code == 0, done.err
    done.shows_no_secret()
    assert done.out.splitlines() == [
        "independent: inconclusive.",
        "gaussian_copula: inconclusive.",
        f"report: {out / 'report.html'}",
    ]
    assert "independent: measuring c2st_auc" in done.err
    assert {p.name for p in out.iterdir()} == {"report.html", "report.json"}
    body = json.loads((out / "report.json").read_text())
    assert list(body["provenance"]["synthesizers"]) == NAMES.split(",")
    assert body["provenance"]["synthesizers"]["independent"]["parameters"] == {"min_count": 6}
    assert {r["synthesizer"] for r in body["results"]} == set(NAMES.split(","))
    assert "Comparison of synthesizers" in (out / "report.html").read_text()


def test_what_cannot_be_compared_is_refused(place: Place, tabsynth: Run) -> None:
    before = snapshot(place.outputs)
    words = ["compare", place.table, "-o", place.outputs / "new", "--quiet", "--synthesizers"]
    assert tabsynth(*words, "magic").refused(2) == "--synthesizer"
    assert tabsynth(*words, "trees,trees").refused(2) == "--synthesizers"
    assert tabsynth(*words, NAMES, "--param", "closeness=1").refused(2) == "--param closeness"
    assert tabsynth(*words, NAMES, "--target", "height").refused(2) == "--target"
    few = place.given("few.csv", "a\n1\n2\n3\n")
    words[1] = few
    assert tabsynth(*words, NAMES).refused(4) == "--synthesizers"
    assert snapshot(place.outputs) == before
