"""A report as an evaluation of 15 columns would give it, and builders for odd ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tabsynth.report.model import Report
from tests.unit.report.full import base_report, full_report


@pytest.fixture(scope="session")
def report() -> Report:
    return base_report()


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    return base_report


@pytest.fixture(scope="session")
def full() -> Report:
    return full_report(base_report())


@pytest.fixture(scope="session")
def leaky() -> Report:
    return full_report(base_report(), leak=True)
