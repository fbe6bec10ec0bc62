from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tabsynth.report.html import summary_html
from tabsynth.report.model import Report


def test_json_comes_back_the_same(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(report.to_json(), encoding="utf-8")
    assert Report.load(path) == report


def test_find(report: Report) -> None:
    assert report.find("univariate_tv").column is None
    assert report.find("univariate_tv", "age").column == "age"
    with pytest.raises(KeyError, match="univariate_tv"):
        report.find("univariate_tv", "absent")


def test_unknown_keys_are_refused(report: Report) -> None:
    text = report.to_json().replace('"verdict"', '"verdikt"')
    with pytest.raises(ValidationError):
        Report.model_validate_json(text)


def test_shows_itself(report: Report) -> None:
    assert repr(report) == f"Report(verdict='inconclusive', {len(report.results)} results)"
    assert report._repr_html_() == summary_html(report)
