from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.report.junit import junit_xml
from tabsynth.report.model import Report
from tests.unit.report.full import figure

MakeReport = Callable[..., Report]
# the attributes that the schema shared by common servers asks for and knows
SUITE = {"name", "tests", "failures", "errors", "skipped", "time"}
CASE = {"name", "classname", "time"}


def parse(report: Report) -> ET.Element:
    """The document, checked against the common JUnit schema."""
    text = junit_xml(report)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites')
    root = ET.fromstring(text.encode())
    assert root.tag == "testsuites"
    for parent in (root, *root):
        assert set(parent.attrib) == SUITE
        cases = list(parent.iter("testcase"))
        assert int(parent.attrib["tests"]) == len(cases)
        for kind, total in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(parent.attrib[total]) == len(list(parent.iter(kind)))
    for suite in root:
        assert suite.tag == "testsuite"
        assert {case.tag for case in suite} == {"testcase"}
        for case in suite:
            assert set(case.attrib) == CASE
            assert len(case) <= 1
            for outcome in case:
                assert outcome.tag in ("failure", "error", "skipped")
                wanted = {"message"} if outcome.tag == "skipped" else {"message", "type"}
                assert set(outcome.attrib) == wanted
    return root


def outcomes(root: ET.Element) -> dict[str, str]:
    return {
        case.attrib["name"]: case[0].tag if len(case) else "passed"
        for case in root.iter("testcase")
    }


def test_a_pass_is_green(full: Report) -> None:
    found = outcomes(parse(full))
    assert found["verdict"] == "passed"
    assert found["membership_p"] == "passed"
    assert set(found.values()) == {"passed"}


def test_a_leak_is_a_failure_with_its_reason(leaky: Report) -> None:
    root = parse(leaky)
    found = outcomes(root)
    assert found["membership_p"] == "failure"
    assert found[f"reason 1: {leaky.reasons[0]}"] == "failure"
    failures = [f for f in root.iter("failure") if "tolerance 0.01" in f.attrib["message"]]
    assert [f.attrib["type"] for f in failures] == ["fail"]


def test_an_inconclusive_gate_does_not_look_like_a_pass(make_report: MakeReport) -> None:
    root = parse(make_report(verdict="inconclusive", reasons=("too few records", "no power")))
    assert [e.attrib["message"] for e in root.iter("error")] == ["too few records", "no power"]
    assert {e.attrib["type"] for e in root.iter("error")} == {"inconclusive"}
    assert not list(root.iter("failure"))


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"value": 0.01}, "passed"),
        ({"value": 0.04, "status": "attention"}, "skipped"),
        ({"value": 0.09, "status": "fail"}, "failure"),
        ({"value": None, "status": "uninformative"}, "skipped"),
    ],
)
def test_outcomes_of_figures(more: dict[str, Any], outcome: str, make_report: MakeReport) -> None:
    result = figure("linkability", tolerance=0.05, **more)
    root = parse(make_report(results=(result,), verdict="pass", reasons=()))
    assert outcomes(root)["linkability"] == outcome


def test_what_the_gate_does_not_look_at_is_no_test(make_report: MakeReport) -> None:
    results = (
        figure("dcr_share", value=0.9, status="diagnostic", tolerance=0.05),
        figure("tstr", "utility", value=0.4, status="attention"),
    )
    root = parse(make_report(results=results, verdict="pass", reasons=()))
    assert list(outcomes(root)) == ["verdict"]


def test_a_verdict_without_reasons_still_fails(make_report: MakeReport) -> None:
    root = parse(make_report(results=(), verdict="fail", reasons=()))
    assert list(outcomes(root).values()) == ["failure"]


def test_an_audit_breaks_no_build(make_report: MakeReport) -> None:
    audit = make_report(results=(), reasons=("no gate", "why"), provenance={"kind": "audit"})
    assert outcomes(parse(audit)) == {"verdict": "skipped"}


anything = st.text(st.characters())


@given(anything, anything, anything)
def test_any_text_is_well_formed(reason: str, column: str, method: str) -> None:
    result = figure(
        "linkability", column=column, value=0.2, tolerance=0.05, status="fail", method=method
    )
    report = Report(verdict="fail", reasons=(reason,), results=(result,), provenance={})
    assert len(list(parse(report).iter("testcase"))) == 2


def test_the_same_report_gives_the_same_text(full: Report) -> None:
    assert junit_xml(full) == junit_xml(full)
