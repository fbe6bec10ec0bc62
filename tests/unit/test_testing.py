"""The contract checks for plugins pass on all that is built in, and fail on what is broken."""

from __future__ import annotations

import doctest
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import tabsynth.testing
from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.encoding.analysis import analyze
from tabsynth.encoding.freeze import freeze
from tabsynth.report.model import Result
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.independent import Independent
from tabsynth.synthesizers.protocol import Model, ModelState
from tabsynth.table import Table
from tabsynth.testing import check_metric, check_synthesizer
from tests import quick

# reference packages come with an extra; tests/backends tries them
OWN = [name for name in registry.names("synthesizers") if ":" not in name]


@pytest.mark.parametrize("name", OWN)
def test_registered_synthesizers_pass(name: str) -> None:
    check_synthesizer(quick.kind(name))


@pytest.mark.parametrize("name", ["validity", "univariate_tv"])
def test_registered_metrics_pass(name: str) -> None:
    check_metric(registry.find("metrics", name))


def test_examples_in_docstrings_run() -> None:
    assert doctest.testmod(tabsynth.testing).attempted > 0
    assert doctest.testmod(tabsynth.testing).failed == 0


@dataclass(frozen=True)
class Wrapped:
    """A model that passes everything on; faults override one method each."""

    inner: Model
    table: Table | None = None

    @property
    def schema(self) -> TableSchema:
        return self.inner.schema

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        return self.inner.sample(n, rng=rng, given=given)

    def state(self) -> ModelState:
        return self.inner.state()

    def describe(self) -> list[str]:
        return self.inner.describe()


class NotDeterministic(Wrapped):
    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        return self.inner.sample(n, rng=np.random.default_rng(), given=given)


class AlwaysTheSame(Wrapped):
    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        return self.inner.sample(n, rng=np.random.default_rng(0), given=given)


class Deaf(Wrapped):
    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        return self.inner.sample(n, rng=rng)


class OneShort(Wrapped):
    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        return self.inner.sample(max(1, n - 1), rng=rng, given=given)


class Copier(Wrapped):
    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        assert self.table is not None
        return self.table.take(rng.integers(0, self.table.num_rows, n))


class Global(Wrapped):
    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        random.random()
        return self.inner.sample(n, rng=rng, given=given)


class Hoarder(Wrapped):
    def state(self) -> ModelState:
        assert self.table is not None
        state = self.inner.state()
        codes = freeze(analyze(self.table)).encode(self.table)[0]
        return ModelState(state.settings, {**state.arrays, "codes": codes})


class Binary(Wrapped):
    def state(self) -> ModelState:
        return ModelState({**self.inner.state().settings, "blob": b"\x00"}, {})


class Silent(Wrapped):
    def describe(self) -> list[str]:
        return []


def broken(model: type[Wrapped]) -> Any:
    """A synthesizer whose models are of that kind."""

    @dataclass(frozen=True)
    class Broken:
        name: ClassVar[str] = "broken"
        summary: ClassVar[str] = "breaks one rule"

        def fit(self, data: Table, *, rng: np.random.Generator) -> Model:
            return model(Independent().fit(data, rng=rng), data)

        @classmethod
        def restore(cls, schema: TableSchema, state: ModelState) -> Model:
            return model(Independent.restore(schema, state))

    return Broken


def test_a_wrapped_model_passes() -> None:
    check_synthesizer(broken(Wrapped))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (NotDeterministic, "the same records from the same generator"),
        (AlwaysTheSame, "other records from another generator"),
        (Deaf, "meet the condition on 'level'"),
        (OneShort, r"600 records from sample\(600\)"),
        (Copier, "category of 4 records"),
        (Global, "no use of global random state"),
        (Hoarder, "no entry per record, as array 'codes'"),
        (Binary, "JSON values only"),
        (Silent, "sentences"),
    ],
)
def test_broken_synthesizers_fail(model: type[Wrapped], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_synthesizer(broken(model))


def test_the_form_is_checked() -> None:
    @dataclass
    class Thawed:
        name: ClassVar[str] = "thawed"
        summary: ClassVar[str] = "may change"

    @dataclass(frozen=True)
    class Demanding:
        depth: int
        name: ClassVar[str] = "demanding"
        summary: ClassVar[str] = "has no default"

    with pytest.raises(AssertionError, match="frozen dataclass"):
        check_synthesizer(Thawed)  # type: ignore[type-abstract]
    with pytest.raises(AssertionError, match="a default for every hyper-parameter"):
        check_synthesizer(Demanding)  # type: ignore[type-abstract]
    with pytest.raises(AssertionError, match="class itself"):
        check_synthesizer(Independent())  # type: ignore[arg-type]


def result(value: float | None = 0.5, **settings: Any) -> Result:
    return Result(
        name="m", family="fidelity", value=value, unit="share", n=1, method="test", **settings
    )


def drawn(comparison: Comparison) -> list[Result]:
    """A figure that depends on nothing that it is given."""
    return [result(float(np.random.default_rng().random()))]


def unbounded(comparison: Comparison) -> list[Result]:
    """A figure that is no number."""
    return [result(float("nan"))]


def outside(comparison: Comparison) -> list[Result]:
    """A figure outside its own interval."""
    return [result(0.5, ci_low=0.6, ci_high=0.7)]


def twice(comparison: Comparison) -> list[Result]:
    """One figure under one name, two times."""
    return [result(), result()]


def bare(comparison: Comparison) -> Any:
    """A number and no result."""
    return 0.5


def unsaid(comparison: Comparison) -> list[Result]:
    return []


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (drawn, "the same results"),
        (unbounded, "a finite value"),
        (outside, "a value in its interval"),
        (twice, "one result per name"),
        (bare, "a list of Result"),
        (unsaid, "a docstring"),
    ],
)
def test_broken_metrics_fail(metric: Callable[[Comparison], Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_metric(metric)
