"""Habits that a linter does not know."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tabsynth"
MODULES = sorted(PACKAGE.rglob("*.py"))
BANNED = {"utils", "util", "common", "helpers", "core", "base", "misc"}


COMMANDS = PACKAGE / "commands"
CALLS = {
    ("workflow.py", "run"), ("workflow.py", "evaluate"), ("contest.py", "compare"),
    ("copying.py", "copy_safe"),
}  # fmt: skip


def functions(module: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 40


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_modules_and_functions_stay_small(module: Path) -> None:
    assert module.stem not in BANNED
    assert len(module.relative_to(PACKAGE).parts) <= 2
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 500
    for function in functions(module):
        body = ast.get_docstring(function, clean=False) or ""
        assert function.end_lineno is not None
        length = function.end_lineno - function.lineno - body.count("\n")
        assert length <= 60, f"{function.name} has {length} lines"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_parameters_are_few_or_named(module: Path) -> None:
    # parameters of a command, and of the calls of the workflow that stand behind one, are the
    # options of the command line
    if module.is_relative_to(COMMANDS):
        return
    for function in functions(module):
        if (module.name, function.name) in CALLS:
            continue
        positional = [a.arg for a in function.args.posonlyargs + function.args.args]
        named = [a.arg for a in function.args.kwonlyargs]
        own = [p for p in positional if p not in ("self", "cls")]
        assert len(own) <= 4, f"{function.name} takes {len(own)} parameters by position"
        assert len(own) + len(named) <= 10, f"{function.name} takes too many parameters"


def test_randomness_is_always_handed_in() -> None:
    for module in MODULES:
        text = module.read_text(encoding="utf-8")
        assert "np.random.seed" not in text, module
        assert "random.seed(" not in text, module
