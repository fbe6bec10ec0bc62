"""The code blocks of README and docs run, and the command line is documented in full."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tabsynth import comparison, gate
from tabsynth.attacks import attribute_inference, disco, membership, shadow
from tabsynth.metrics import detection, transfer, variation
from tabsynth.report.words import WORDS
from tests.golden.cli_reference import commands, options, reference
from tests.golden.figure_reference import FAMILIES, all_results, with_figures

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# needs an extra: tests/backends runs it where that is
ELSEWHERE = ROOT / "docs" / "reference-packages.md"
SETUP = ("make ", "git clone", "pip install", "python3 -m venv", "pre-commit")

# `run`, `evaluate` and `db copy-safe` exit with 3, "inconclusive", when nothing broken was found
SHELL = """
set -euo pipefail
tabsynth() {
  local code=0
  command tabsynth "$@" || code=$?
  if [ "$code" = 3 ]; then case "$1" in run|evaluate|db) return 0;; esac; fi
  return "$code"
}
"""


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int

    @property
    def is_setup(self) -> bool:
        return self.language == "bash" and self.code.startswith(SETUP)


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text[: found.start(2)].count("\n") + 1
        yield Block(found[1], found[2], line)


def setup_lines() -> list[Any]:
    pages = [*PAGES, ROOT / "CONTRIBUTING.md"]
    return [
        pytest.param(line.partition("#")[0].strip(), id=f"{page.name}:{block.line}:{line}")
        for page in pages
        for block in blocks(page)
        if block.is_setup
        for line in block.code.strip().splitlines()
    ]


@pytest.mark.parametrize("page", [p for p in PAGES if p != ELSEWHERE], ids=lambda p: p.name)
def test_blocks_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # where ledgers are remembered; never the person's own
    monkeypatch.setenv("TABSYNTH_DATA", str(tmp_path / "data"))
    # what a page sets is not for the next test
    with patch.dict(os.environ):
        run_blocks(page, tmp_path)


def run_blocks(page: Path, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "python":
            program = compile(
                "\n" * (block.line - 1) + block.code, str(page), "exec", dont_inherit=True
            )
            exec(program, namespace)  # noqa: S102 - our own committed text
        elif block.language == "bash" and not block.is_setup:
            done = shell(block.code, tmp_path)
            assert done.returncode == 0, f"{where}: exit {done.returncode}\n{done.stderr}"
        elif block.language == "text" and page.stem == "quickstart":
            reports = [f.read_text(encoding="utf-8") for f in tmp_path.rglob("report.json")]
            assert any(" ".join(block.code.split()) in text for text in reports), where
        else:
            assert block.language in ("bash", "text", "yaml", "toml"), where


def shell(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    scripts = Path(sys.executable).parent
    assert (scripts / "tabsynth").exists(), "expected the installed command beside this Python"
    path = os.pathsep.join([str(scripts), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-c", SHELL + code], cwd=folder, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("line", setup_lines())
def test_setup_lines_name_things_that_exist(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if line.startswith("make "):
        for target in line.split()[1:]:
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
    elif line.startswith("pip install"):
        for extra in re.findall(r"\[(.*?)\]", line):
            assert set(extra.split(",")) <= set(project["optional-dependencies"])
    elif line.startswith(("python ", ".venv/bin/python ", "$BIN/python ")):
        script = line.split()[1]
        assert (ROOT / script).exists(), script
    elif line.startswith("pre-commit"):
        assert (ROOT / ".pre-commit-config.yaml").exists()
    else:
        assert line.startswith(("git clone", "cd ", "python3 -m venv", ". .venv/"))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in commands().items():
        section = re.search(
            rf"^## tabsynth {name}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
        )
        assert section, f"docs/cli.md lacks the command {name}"
        for option in options(command):
            assert f"`{option}" in section[1], f"docs/cli.md lacks {option} of {name}"


def test_the_command_reference_is_up_to_date() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert reference() == text, "run `python tests/golden/regenerate.py`"


@pytest.mark.parametrize("page", FAMILIES)
def test_the_table_of_figures_is_up_to_date(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert with_figures(page, text) == text, "run `python tests/golden/regenerate.py`"


def test_every_figure_stands_in_a_table() -> None:
    assert {r.name for r in all_results()} == set(WORDS)


def test_every_setting_of_the_policy_is_documented_with_its_default() -> None:
    for name, setting in gate.Policy.model_fields.items():
        assert f"| `{name}` | {setting.default} |" in evaluation_guide()


def test_reasons_are_told_in_the_words_of_the_gate() -> None:
    table = evaluation_guide().partition("| reason | what to do |\n|---|---|\n")[2]
    told = [line.split("|")[1].strip() for line in table.partition("\n\n")[0].splitlines()]
    said = [
        node.value
        for node in ast.walk(ast.parse(Path(gate.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    shadows = "Shadow fits tell", "An attacker tells"
    assert set(shadows) <= set(told)
    for phrase in told:
        assert any(phrase in text for text in said), phrase


def test_sizes_that_are_documented_are_those_of_the_code() -> None:
    for size in (
        comparison.MAX_RECORDS, membership.PAIRS, membership.PAIRS // 4_000,
        4 * membership.MIN_RECORDS, attribute_inference.ATTEMPTS, disco.MOST, shadow.MAX_FITTED,
        2 * shadow.MAX_FITTED, detection.MAX_SIDE, detection.MAX_SIDE_NETWORK,
        transfer.MAX_RECORDS, variation.MAX_PAIRS, variation.MAX_TRIPLES,
    ):  # fmt: skip
        assert re.search(rf"\b{size:,}\b", evaluation_guide()), size


def evaluation_guide() -> str:
    return (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_a_broken_block_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\ntabsynth inspect nothing.tabsynth\n```\n", encoding="utf-8")
    (block,) = blocks(page)
    assert shell(block.code, tmp_path).returncode == 4
