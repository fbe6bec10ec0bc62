"""Contract checks that the author of a plugin runs on their own synthesizer or metric.

They are small, need no test framework, and raise AssertionError with a sentence about what broke.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import random
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.attacks.trials import Attack
from tabsynth.comparison import Comparison, Metric
from tabsynth.errors import ConditionError, DataError
from tabsynth.report.model import Result
from tabsynth.schema.check import check
from tabsynth.schema.model import Constraints, FieldExtension, FieldSchema, TableSchema
from tabsynth.synthesizers.protocol import Conditional, Model, ModelState, Synthesizer, Traits
from tabsynth.table import Table

ROWS: Final = 300
_RARE: Final = "rare"


def check_synthesizer(kind: type[Synthesizer]) -> None:
    """Check that a synthesizer keeps the contract of `synthesizers.protocol`.

    It must be a frozen dataclass that works with its defaults; draw as many valid records as it is
    asked for, the same ones for the same generator; meet or refuse conditions; come back whole from
    its state; keep no array with one entry per record; and never emit a category of 4 records.
    The last two are not asked of a synthesizer whose `traits` own up to them: `guards_rare_values`
    is false, as of the reference packages. What it holds must then stand in `describe`.

    Args:
        kind: the class, not an instance.

    Raises:
        AssertionError: says what broke, and on which part of the contract.

    Privacy: runs on a table of its own; reads no private data.

    Example:
        >>> from tabsynth.synthesizers.independent import Independent
        >>> check_synthesizer(Independent)
    """
    who = getattr(kind, "__name__", repr(kind))
    maker = _check_form(kind, who)
    guards = getattr(kind, "traits", Traits()).guards_rare_values
    table = _table(np.random.default_rng(0))
    model = maker.fit(table, rng=np.random.default_rng(1))
    _require(
        isinstance(model, Model), who, "fit to return a Model (schema, sample, state, describe)"
    )
    _check_draws(model, table.schema, who)
    if guards:
        _check_rare(model, who)
    else:
        _check_warned(model, who)
    # only now: what a first call imports may itself touch the global state
    before = _global_state()
    _check_repeats(maker, model, table, who)
    _check_conditions(model, who)
    _check_state(kind, model, who)
    if guards:
        _check_arrays(model.state(), table, who)
    _require(_global_state() == before, who, "no use of global random state; draw from `rng` only")
    _check_refusal(maker, table, who)


def check_metric(function: Metric) -> None:
    """Check that a metric is a pure function of a comparison that returns proper results.

    Args:
        function: takes a `Comparison` and returns a list of `Result`, empty where it has nothing to
            say.

    Raises:
        AssertionError: says what broke, and on which comparison.

    Privacy: runs on tables of its own; reads no private data.

    Example:
        >>> from tabsynth.metrics.validity import validity
        >>> check_metric(validity)
    """
    _check_measure(function)


def check_attack(function: Attack) -> None:
    """Check that an attack is a pure function of a comparison that returns proper results.

    Args:
        function: takes a `Comparison` and returns a list of `Result` of the family privacy; what
            the gate shall hold to its tolerance has the status `ok` and an interval.

    Raises:
        AssertionError: says what broke, and on which comparison.

    Privacy: runs on tables of its own; reads no private data.
    """
    for where, results in _check_measure(function):
        for result in results:
            named = f"{where}, {result.name}"
            _require(result.family == "privacy", named, "the family privacy")
            bounded = result.ci_high is not None or result.unit == "p-value"
            held = result.status == "ok" and result.value is not None
            _require(bounded or not held, named, "an interval, or another status than ok")


def _check_measure(function: Metric | Attack) -> list[tuple[str, list[Result]]]:
    who = getattr(function, "__name__", repr(function))
    _require(
        bool((function.__doc__ or "").strip()), who, "a docstring, whose first line `list` shows"
    )
    found = []
    for case, comparison in _comparisons().items():
        results = function(comparison)
        before = _global_state()
        where = f"{who} on {case}"
        proper = isinstance(results, list) and all(isinstance(r, Result) for r in results)
        _require(proper, where, "a list of Result")
        for result in results:
            _check_result(result, where)
        places = [(r.name, r.column, r.group) for r in results]
        _require(len(set(places)) == len(places), where, "one result per name, column and group")
        _require(function(comparison) == results, where, "the same results for the same comparison")
        _require(
            _global_state() == before, where, "no use of global random state; use comparison.rng"
        )
        found.append((where, results))
    return found


def _same(first: pa.Table, second: pa.Table) -> bool:
    # by value: the order of a dictionary is nobody's business
    return bool(first.to_pydict() == second.to_pydict())


def _require(condition: bool, who: str, expected: str) -> None:
    # not an assert statement: it would vanish under python -O
    if not condition:
        raise AssertionError(f"{who}: expected {expected}")


def _check_form(kind: type[Synthesizer], who: str) -> Synthesizer:
    _require(isinstance(kind, type), who, "the class itself, not an instance")
    frozen = getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)
    _require(
        dataclasses.is_dataclass(kind) and frozen, who, "a frozen dataclass of hyper-parameters"
    )
    for label in ("name", "summary"):
        text = getattr(kind, label, None)
        _require(
            isinstance(text, str) and bool(text), who, f"a class variable {label!r} with a text"
        )
    try:
        maker = kind()
    except TypeError:
        raise AssertionError(f"{who}: expected a default for every hyper-parameter") from None
    _require(isinstance(maker, Synthesizer), who, "the methods fit and restore")
    return maker


def _check_draws(model: Model, schema: TableSchema, who: str) -> None:
    _require(model.schema == schema, who, "model.schema to be the schema of the fitted table")
    lines = model.describe()
    told = isinstance(lines, list) and bool(lines) and all(isinstance(x, str) for x in lines)
    _require(told, who, "describe() to return sentences")
    for rows in (1, 2 * ROWS):
        drawn = model.sample(rows, rng=np.random.default_rng(2))
        _require(drawn.num_rows == rows, who, f"{rows} records from sample({rows})")
        _require(drawn.schema == schema, who, "sample to return a table of the model's schema")
        stored, violations = check(drawn.data, schema)
        said = "; ".join(v.sentence() for v in violations)
        _require(not violations, who, f"records that keep the schema, not these: {said}")
        typed = stored.schema.types == drawn.data.schema.types
        _require(typed, who, "columns of the schema's storage types")
        _require(_same(stored, drawn.data), who, "values as exact as the schema says")


def _check_rare(model: Model, who: str) -> None:
    emitted = set(model.sample(20 * ROWS, rng=np.random.default_rng(3)).column("group").to_pylist())
    _require(_RARE not in emitted, who, "never to emit an undeclared category of 4 records")


def _check_warned(model: Model, who: str) -> None:
    warned = any(line.startswith("Warning: ") for line in model.describe())
    _require(warned, who, "describe() to warn of the values of single records that it may emit")


def _check_repeats(maker: Synthesizer, model: Model, table: Table, who: str) -> None:
    first = model.sample(ROWS, rng=np.random.default_rng(4)).data
    again = model.sample(ROWS, rng=np.random.default_rng(4)).data
    _require(_same(first, again), who, "the same records from the same generator")
    other = model.sample(ROWS, rng=np.random.default_rng(5)).data
    _require(not _same(first, other), who, "other records from another generator")
    fitted = maker.fit(table, rng=np.random.default_rng(1))
    refit = fitted.sample(ROWS, rng=np.random.default_rng(4)).data
    _require(_same(first, refit), who, "the same model from the same table and generator")


def _check_conditions(model: Model, who: str) -> None:
    one = _given(model.schema, {"level": ["high"], "age": [40]})
    drawn = model.sample(50, rng=np.random.default_rng(6), given=one)
    _require(drawn.num_rows == 50, who, "one condition to hold for all n records")
    for name, wanted in (("level", "high"), ("age", 40)):
        met = drawn.column(name).to_pylist() == [wanted] * 50
        _require(met, who, f"every record to meet the condition on {name!r}")
    each = _given(model.schema, {"level": ["low", None, "high"]})
    levels = model.sample(3, rng=np.random.default_rng(7), given=each).column("level").to_pylist()
    met = len(levels) == 3 and (levels[0], levels[2]) == ("low", "high")
    _require(met, who, "one condition per record, a missing one being free")
    if isinstance(model, Conditional):
        _check_odds(model, model.schema, who)
    _require_refused(
        lambda: model.sample(
            5, rng=np.random.default_rng(8), given=_given(model.schema, {"age": [100_000]})
        ),
        ConditionError, who, "a condition far outside the data to raise ConditionError",
    )  # fmt: skip


def _check_odds(model: Conditional, schema: TableSchema, who: str) -> None:
    levels = model.levels("level")
    _require(sorted(levels) == ["high", "low", "middle"], who, "levels() to list the categories")
    given = _given(schema, {"level": levels})
    odds = model.odds(3, given=given, rng=np.random.default_rng(10))
    _require(len(odds.probability) == 3, who, "odds() to answer for every condition")
    total = float(odds.probability.sum())
    _require(abs(total - 1) < 0.1, who, "probabilities of all categories to add up to about 1")
    _require(bool((odds.effective > 0).all()), who, "at least some draws behind every record")


def _check_state(kind: type[Synthesizer], model: Model, who: str) -> None:
    state = model.state()
    _require(isinstance(state, ModelState), who, "state() to return a ModelState")
    try:
        settings = json.loads(json.dumps(state.settings, allow_nan=False))
    except (TypeError, ValueError):
        raise AssertionError(f"{who}: expected settings of JSON values only") from None
    for name, array in (*state.arrays.items(), *state.weights.items()):
        plain = isinstance(array, np.ndarray) and array.dtype.kind in "biuf"
        _require(plain, who, f"array {name!r} to hold plain numbers")
    back = kind.restore(model.schema, ModelState(settings, dict(state.arrays), dict(state.weights)))
    first, second = (m.sample(ROWS, rng=np.random.default_rng(9)).data for m in (model, back))
    _require(_same(first, second), who, "a restored model to draw the same records")
    _require(back.describe() == model.describe(), who, "a restored model to describe itself alike")


def _check_arrays(state: ModelState, table: Table, who: str) -> None:
    for name, array in state.arrays.items():
        longest = max(array.shape, default=0)
        per_record = longest >= table.num_rows or array.size >= table.num_rows * 8
        square = array.ndim == 2 and set(array.shape) == {len(table.schema.fields)}
        _require(square or not per_record, who, f"no entry per record, as array {name!r} may have")
    for name, array in state.weights.items():
        _require(table.num_rows not in array.shape, who, f"no weight per record, as in {name!r}")


def _check_refusal(maker: Synthesizer, table: Table, who: str) -> None:
    empty = table.take(np.arange(0))
    _require_refused(
        lambda: maker.fit(empty, rng=np.random.default_rng(0)),
        DataError, who, "a table without records to raise DataError",
    )  # fmt: skip


def _require_refused(
    call: Callable[[], object], error: type[Exception], who: str, expected: str
) -> None:
    try:
        call()
    except error:
        return
    except Exception as other:
        # nothing here is private: the table is our own
        raise AssertionError(f"{who}: expected {expected}, not {type(other).__name__}") from other
    raise AssertionError(f"{who}: expected {expected}")


def _check_result(result: Result, where: str) -> None:
    named = f"{where}, {result.name}"
    figures = {
        "value": result.value, "ci_low": result.ci_low, "ci_high": result.ci_high,
        "reference": result.reference, "baseline": result.baseline,
    }  # fmt: skip
    for label, figure in figures.items():
        _require(figure is None or bool(np.isfinite(figure)), named, f"a finite {label}, or None")
    if result.value is not None and result.ci_low is not None and result.ci_high is not None:
        inside = result.ci_low - 1e-9 <= result.value <= result.ci_high + 1e-9
        _require(inside, named, "a value in its interval")
    _require(bool(result.name and result.unit and result.method), named, "a name, unit and method")
    _require(result.n >= 0, named, "n of at least 0")


def _comparisons() -> dict[str, Comparison]:
    rng = np.random.default_rng(0)
    train, holdout, synthetic = (_table(rng) for _ in range(3))
    gone = {f.name: pa.nulls(ROWS, t) for f, t in zip(train.schema.fields, train.data.schema.types,
                                                      strict=True)}  # fmt: skip
    blank = Table(train.schema, pa.table(gone))
    few = np.arange(12)
    return {
        "three tables": Comparison(train, holdout, synthetic),
        "a categorical target": Comparison(train, holdout, synthetic, target="level"),
        "a numeric target": Comparison(train, holdout, synthetic, target="amount", seed=1),
        "protected columns": Comparison(
            train, holdout, synthetic, target="member", protected=("level", "age")
        ),
        "a copy of train": Comparison(train, holdout, train, target="level"),
        "a synthetic table with every cell missing": Comparison(train, holdout, blank),
        "few records": Comparison(train.take(few), holdout.take(few), synthetic.take(few)),
    }


def _table(rng: np.random.Generator) -> Table:
    """300 records: every kind of column, missing cells, dependence, one category of 4 records."""
    age = rng.integers(20, 60, ROWS)
    group = rng.choice(["a", "b", "c"], ROWS).astype(object)
    group[:4] = _RARE
    level = np.where(age < 33, "low", np.where(age < 46, "middle", "high"))
    day, moment = dt.date(1965, 1, 1), dt.datetime(1969, 12, 31, 12)
    columns = {
        "age": _holes(age.tolist(), rng),
        "amount": _holes(np.round(age * 10 + rng.normal(0, 20, ROWS), 2).tolist(), rng),
        "ratio": rng.normal(size=ROWS),
        "member": _holes((age % 2 == 0).tolist(), rng),
        "group": group.tolist(),
        "level": level.tolist(),
        "born": [day + dt.timedelta(days=int(a) * 100) for a in age],
        "seen": [moment + dt.timedelta(hours=int(h)) for h in rng.integers(0, 200, ROWS)],
    }
    fields = (
        FieldSchema(name="age", type="integer"),
        FieldSchema(name="amount", type="number", tabsynth=FieldExtension(decimals=2)),
        FieldSchema(name="ratio", type="number", constraints=Constraints(required=True)),
        FieldSchema(name="member", type="boolean"),
        FieldSchema(name="group", type="string"),
        FieldSchema.model_validate(
            {"name": "level", "categories": ["low", "middle", "high"], "categoriesOrdered": True}
        ),
        FieldSchema(name="born", type="date"),
        FieldSchema(name="seen", type="datetime"),
    )
    return Table.checked(pa.table(columns), TableSchema(fields=fields))


def _holes(values: list[Any], rng: np.random.Generator) -> list[Any]:
    return [None if hole else v for v, hole in zip(values, rng.random(ROWS) < 0.1, strict=True)]


def _given(schema: TableSchema, columns: dict[str, list[Any]]) -> Table:
    fields = tuple(schema.field(name) for name in columns)
    return Table.checked(pa.table(columns), TableSchema(fields=fields))


def _global_state() -> tuple[object, ...]:
    words: NDArray[np.uint32] = np.random.get_state()[1]  # type: ignore[index] # noqa: NPY002
    return random.getstate(), words.tobytes()
