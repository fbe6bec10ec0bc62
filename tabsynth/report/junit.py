"""A report as JUnit XML, the form in which continuous integration shows test results."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final, NamedTuple

from tabsynth.report.charts import Scale, finite
from tabsynth.report.figures import about
from tabsynth.report.model import Report, Result

# what XML 1.0 has no way to write
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# figures that the gate fails on without a tolerance of their own
_RULES: Final = frozenset(
    {
        "valid_cells",
        "violations",
        "key_violations",
        "orphans",
        "constraint_violations",
        "unique_copies",
        "near_copies",
        "withheld_copies",
    }
)


class Case(NamedTuple):
    """One test case.

    Args:
        suite: `gate` for the verdict and its reasons, `figures` for what it rests on.
        name: what was tested.
        outcome: None when it passed, else `failure`, `error` or `skipped`.
        message: why.
    """

    suite: str
    name: str
    outcome: str | None = None
    message: str = ""


def junit_xml(report: Report) -> str:
    """The verdict and every figure that the gate looks at, as test cases.

    A failed gate is a failure. An inconclusive one is an error, JUnit's word for a test that could
    not be carried out: a build must not turn green on a verdict that was not given. A figure that
    could not be taken, or whose interval reaches beyond its tolerance, is skipped; the gate's
    error says what follows from it.

    Args:
        report: of any audience.

    Returns:
        XML without times or host names: the same report gives the same text.

    Privacy: holds the reasons and gated figures of the report, no more.
    """
    cases = [*_gate(report), *(_figure(r) for r in report.results if is_gated(r))]
    root = ET.Element("testsuites", {"name": "tabsynth", **_tally(cases)})
    for suite in dict.fromkeys(case.suite for case in cases):
        own = [case for case in cases if case.suite == suite]
        parent = ET.SubElement(root, "testsuite", {"name": f"tabsynth.{suite}", **_tally(own)})
        for case in own:
            _append(parent, case)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def is_gated(result: Result) -> bool:
    """Whether the gate looks at a figure: it has a tolerance, breaks the gate, or keeps a rule."""
    if result.status == "diagnostic":
        return False
    return result.tolerance is not None or result.status == "fail" or result.name in _RULES


def _gate(report: Report) -> list[Case]:
    if report.is_audit:
        return [Case("gate", "verdict", "skipped", "an audit has no gate")]
    if report.verdict == "pass":
        return [Case("gate", "verdict")]
    outcome = {"fail": "failure", "inconclusive": "error"}[report.verdict]
    reasons = report.reasons or (f"The verdict is {report.verdict}.",)
    return [
        Case("gate", f"reason {i}: {reason}", outcome, reason)
        for i, reason in enumerate(reasons, start=1)
    ]


def _figure(result: Result) -> Case:
    what = about(result)
    name = f"{result.name} [{what}]" if what else result.name
    if result.status == "fail":
        return Case("figures", name, "failure", _words(result))
    if result.value is None:
        return Case("figures", name, "skipped", f"no figure: {result.method}")
    if result.status == "attention" and result.tolerance is not None:
        return Case("figures", name, "skipped", f"not settled: {_words(result)}")
    return Case("figures", name)


def _words(result: Result) -> str:
    scale = Scale.of([result.value, result.ci_low, result.ci_high], percent=result.unit == "share")
    unit = "" if result.unit == "share" else f" {result.unit}"
    text = f"{scale.text(result.value)}{unit}"
    if finite(result.ci_low) is not None and finite(result.ci_high) is not None:
        text += f", 95 % interval {scale.text(result.ci_low)} to {scale.text(result.ci_high)}"
    if result.tolerance is not None:
        text += f", tolerance {result.tolerance:g}"
    return f"{text}; {result.method}"


def _tally(cases: list[Case]) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {name: str(outcomes.count(kind)) for name, kind in kinds.items()}
    return {"tests": str(len(cases)), **counts, "time": "0"}


def _append(parent: ET.Element, case: Case) -> None:
    element = ET.SubElement(
        parent, "testcase", classname=f"tabsynth.{case.suite}", name=_writable(case.name), time="0"
    )
    if case.outcome is None:
        return
    more = {} if case.outcome == "skipped" else {"type": _TYPES[case.outcome]}
    ET.SubElement(element, case.outcome, {"message": _writable(case.message), **more})


_TYPES: Final = {"failure": "fail", "error": "inconclusive"}


def _writable(text: str) -> str:
    """The text with characters that XML cannot hold made visible."""
    return _UNWRITABLE.sub("\ufffd", text)
