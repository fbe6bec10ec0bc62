"""Text columns through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import tickets
from tests.e2e.scene import Run


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "tickets.csv"
    tickets.frame(600, 1).drop(columns="order").to_csv(path, index=False)
    return path


def test_texts_are_written_beside_records(table: Path, tabsynth: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = tabsynth(
        "run", table, "--text", "message=template", "--synthesizer", "independent",
        "--target", "category", "--seed", 1, "-o", out,
    )  # fmt: skip
    assert done.code in (0, 3), done.err
    assert "`message`: new texts are written" in done.err
    figures = {r["name"]: r for r in json.loads((out / "report.json").read_text())["results"]
               if r["column"] in ("message", "message × category")}  # fmt: skip
    assert figures["text_transfer"]["value"] > 0.9
    assert figures["text_replay"]["status"] in ("ok", "attention")
    assert "free_text: template" in (out / "schema.yaml").read_text()
    page = (out / "report.html").read_text()
    assert "Learning from synthetic texts" in page and "Replay of texts" in page
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    for path in (first, second):
        done = tabsynth("sample", out / "model.tabsynth", "-n", 50, "--seed", 5, "-o", path)
        assert done.code == 0, done.err
    assert first.read_bytes() == second.read_bytes()
    assert (
        "sentences, each shared by at least 5 records"
        in tabsynth("inspect", out / "model.tabsynth").out
    )


def test_the_scan_names_kinds_and_counts(table: Path, tabsynth: Run) -> None:
    done = tabsynth("schema", "scan", table, "--quiet")
    assert done.code == 0
    assert done.out.startswith("message: 600 records; email in ")
    assert "@" not in done.out and "Walker" not in done.out


@pytest.mark.parametrize(
    ("words", "code", "where"),
    [
        (["--text", "message=poem"], 2, "--text"),
        (["--text", "message"], 2, "--text"),
        (["--text", "story=template"], 2, "--text"),
        (["--text", "price=template"], 2, "--text"),
        (["--text", "message=template", "--text", "message=drop"], 2, "--text"),
        (["--text", "channel=template"], 0, ""),
        (["--text", "message=template", "--epsilon", 1, "--source-id", "s"], 2, "--text"),
        (["--text", "message=llm"], 2, "TABSYNTH_LLM_URL"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[object], code: int, where: str, table: Path, tabsynth: Run, tmp_path: Path
) -> None:
    command = "run" if "message=llm" in words else "fit"
    out = tmp_path / "out"
    done = tabsynth(command, table, *words, "--synthesizer", "mst" if "--epsilon" in words
                    else "independent", "-o", out, "--quiet")  # fmt: skip
    if code:
        assert done.refused(code) == where
        assert not out.exists()
    else:
        assert done.code == 0, done.err
