"""The guide's commands run where the reference packages are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_docs import ELSEWHERE, run_blocks


def test_blocks_of_the_guide_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(ELSEWHERE, tmp_path)
    assert (tmp_path / "surgery.csv").exists()
