"""What must hold of every registered private synthesizer for its claim to be true.

The whole fit is replayed on neighbouring tables: given the same answers it must ask the same
questions, and the questions may drift apart by no more than the account was debited.
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grimp
import numpy as np
import pytest

from tabsynth import registry
from tabsynth.privacy.private_table import PrivateTable
from tests import quick
from tests.audit import DifferentQuestionsError, path_cost
from tests.private import private

NAMES = registry.names("private_synthesizers")
PUBLIC = [name for name in registry.names("synthesizers") if ":" not in name]
SIZES = (4, 2, 5, 3)
# how records may be reached: by none of these
CLOSED = {
    "tabsynth.encoding.analysis",
    "tabsynth.encoding.freeze",
    "tabsynth.comparison",
    "tabsynth.privacy.calibration",
    "tabsynth.privacy.discovery",
    "tabsynth.privacy.gradients",
    "tabsynth.privacy.intake",
    "tabsynth.privacy.noise",
    "tabsynth.privacy.spending",
}

each_name = pytest.mark.parametrize("name", NAMES)


def kind(name: str) -> Any:
    return registry.find("private_synthesizers", name)


def fit(name: str) -> Callable[[PrivateTable], Any]:
    return lambda table: quick.private(name).fit(table, rng=np.random.default_rng(5))


def maker(rows: Any, bound: int) -> Callable[[Any], PrivateTable]:
    return lambda noise: private(rows, *SIZES, rho=0.5, noise=noise, unit_bound=bound)


def records(n: int) -> Any:
    """Records whose columns depend on each other, in the first cells of each column."""
    rng = np.random.default_rng(n)
    base = rng.integers(0, 2, n)
    return np.stack([base, base, base + rng.integers(0, 2, n), rng.integers(0, 2, n)], axis=1)


def test_there_is_something_to_prove() -> None:
    assert "mst" in NAMES


@each_name
def test_a_fit_takes_a_private_table_and_nothing_else(name: str) -> None:
    hints = typing.get_type_hints(kind(name).fit)
    assert hints.pop("rng") is np.random.Generator
    hints.pop("return")
    assert list(hints.values()) == [PrivateTable]


@each_name
def test_its_modules_reach_records_by_the_door_alone(name: str) -> None:
    """All synthesizer modules that it leads to, and what each of them imports itself.

    But for those of public synthesizers, whose models it may use: their `fit` needs a `Table`,
    which nothing here can make of records that it cannot reach.
    """
    graph = grimp.build_graph("tabsynth")
    home = kind(name).__module__
    public = {registry.synthesizer(other).__module__ for other in PUBLIC}
    parts = {home} | {
        module
        for module in graph.find_upstream_modules(home)
        if module.startswith("tabsynth.synthesizers.")
    }
    assert home not in public
    for module in parts - public:
        assert not graph.find_modules_directly_imported_by(module) & CLOSED, module


@each_name
def test_its_modules_name_nothing_that_is_private_to_the_door(name: str) -> None:
    """No attribute of `PrivateTable` that holds records is named anywhere in them."""
    hidden = set(PrivateTable.__slots__) | {"_marginal"}
    graph = grimp.build_graph("tabsynth")
    home = kind(name).__module__
    for module in {home, *graph.find_upstream_modules(home)}:
        if not module.startswith("tabsynth.synthesizers."):
            continue
        path = Path(inspect.getfile(__import__(module, fromlist=["_"])))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            # its own `self._codes` would be another object's
            if isinstance(node, ast.Attribute) and node.attr in hidden:
                assert isinstance(node.value, ast.Name), module
                assert node.value.id == "self", module


@each_name
@pytest.mark.parametrize("bound", [1, 3])
@pytest.mark.parametrize("others", [0, 1, 60])
def test_a_whole_fit_costs_no_more_than_it_paid(name: str, bound: int, others: int) -> None:
    """One unit of extreme records, in cells where there was nobody, joins and leaves."""
    rows = records(others)
    unit = np.array([[3, 1, 4, 2]] * bound)
    both = np.concatenate([rows, unit])
    for seed, (first, second) in enumerate([(both, rows), (rows, both)]):
        found = path_cost(fit(name), maker(first, bound), maker(second, bound), seed=seed)
        assert not found.broken
        # all of the budget is debited, and most of it drives these tables apart
        assert found.claimed == pytest.approx(0.5, rel=1e-6)
        assert found.cost > 0.1 * found.claimed


def test_a_fit_that_looks_at_records_would_be_found_out() -> None:
    class Peeking:
        def fit(self, data: PrivateTable, *, rng: np.random.Generator) -> None:
            many = len(data._codes[0]) > 5
            data.marginals([(0,)] if many else [(1,)], rho=0.5, stage="s")

    rows = records(5)
    one_more = np.concatenate([rows, rows[:1]])
    with pytest.raises(DifferentQuestionsError):
        path_cost(lambda t: Peeking().fit(t, rng=np.random.default_rng(0)),
                  maker(one_more, 1), maker(rows, 1))  # fmt: skip
