"""Values of a column: drawn, and how likely given ones are, over whole columns at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.constraints.evaluation import calculated
from tabsynth.errors import DataError, SchemaError
from tabsynth.schema.columns import mask
from tabsynth.schema.model import FieldSchema, to_storage
from tabsynth.schema.parse import storage_type
from tabsynth.sources.draws import (
    ABOVE_0,
    POSITIVE_MEAN,
    Bernoulli,
    Categorical,
    Dates,
    Formula,
    frozen,
)
from tabsynth.sources.parameters import Floats, evaluated
from tabsynth.sources.specification import Column
from tabsynth.table import Table

# a number without decimals is one of such steps where its probability is asked for
STEP: Final = 1e-6
# less likely than this never happens
LEAST: Final = -700.0
LARGEST: Final = 2.0**62
SECOND: Final = 1_000_000
_KINDS: Final = {
    "number": ("number",), "integer": ("number",), "boolean": ("truth",), "string": ("text",),
    "date": ("date",), "datetime": ("datetime", "instant"), "time": ("time",),
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """One column for records whose parents are known.

    Args:
        column: as the specification has it.
        parents: the columns that it depends on, without missing values.
    """

    column: Column
    parents: Table

    @property
    def rows(self) -> int:
        """How many records."""
        return self.parents.num_rows

    def draw(self, rng: np.random.Generator) -> pa.Array:
        """A value for each record, in storage type.

        Raises:
            DataError: parameters that are none, or bounds that hold nothing of a distribution.
            SchemaError: an expression of another type than the column.
        """
        draw, field = self.column.draw, self.column.field
        if isinstance(draw, Formula):
            return self._calculated(draw)
        if isinstance(draw, Categorical):
            codes = _picked(self._shares(draw), rng)
            return _categories(codes, draw.categories, field)
        if isinstance(draw, Bernoulli):
            return pa.array(rng.random(self.rows) < self._parameters()["probability"])
        if isinstance(draw, Dates):
            first, last, unit = _ends(draw, field)
            drawn = first + unit * rng.integers(0, (last - first) // unit + 1, self.rows)
            return _moments(drawn, field)
        return self._number(rng)

    def log_mass(self, values: pa.Array) -> Floats:
        """Logarithm of how probable values are, shape (records,); -inf where they never occur."""
        draw = self.column.draw
        if isinstance(draw, Formula):
            found = _log(_equal(self._calculated(draw), values))
        elif isinstance(draw, Categorical):
            shares = self._shares(draw)
            texts = values.cast(pa.string())
            codes = pc.index_in(texts, value_set=pa.array(draw.categories)).fill_null(-1)
            places = codes.to_numpy(zero_copy_only=False)
            own = np.take_along_axis(shares, np.maximum(places, 0)[:, None], axis=1)[:, 0]
            found = _log(np.where(places < 0, 0.0, own))
        elif isinstance(draw, Bernoulli):
            share = self._parameters()["probability"]
            found = _log(np.where(mask(values), share, 1 - share))
        elif isinstance(draw, Dates):
            first, last, unit = _ends(draw, self.column.field)
            at = _whole(values)
            inside = (at >= first) & (at <= last) & ((at - first) % unit == 0)
            found = _log(inside / ((last - first) // unit + 1))
        else:
            found = self._log_mass_of_numbers(values)
        return np.where(found < LEAST, -np.inf, found)

    def hidden(self, columns: Table) -> Floats:
        """The probability that each value is not recorded, given all columns."""
        found = evaluated(self.column.missing, columns)
        if not ((found >= 0) & (found <= 1)).all():
            raise self._fault("missing", "a share from 0 to 1", ~((found >= 0) & (found <= 1)))
        return found

    def _parameters(self) -> dict[str, Floats]:
        draw = self.column.draw
        if draw is None:
            raise AssertionError("only drawn columns come here")
        found = {}
        for name, parameter in draw.parameters.items():
            values = evaluated(parameter, self.parents)
            good, words = np.isfinite(values) & (np.abs(values) < LARGEST), "a finite number"
            if isinstance(draw, Categorical):
                good, words = good & (values >= 0), "a share of at least 0"
            elif name == "probability":
                good, words = (values >= 0) & (values <= 1), "a share from 0 to 1, see `logistic`"
            elif name in ABOVE_0 or (name == "mean" and draw.kind in POSITIVE_MEAN):
                good, words = good & (values > 0), "a number above 0, see `exp`"
            elif name == "trials":
                good, words = good & (values >= 0), "a number of at least 0"
            if not good.all():
                raise self._fault(name, words, ~good)
            # counts are counts, also where a formula of other columns gives their number
            found[name] = np.rint(values) if name == "trials" else values
        return found

    def _fault(self, name: str, words: str, bad: NDArray[np.bool_]) -> DataError:
        return DataError(
            f"column {self.column.name!r}: {name}", expected=words,
            got=f"another value in {int(bad.sum()):,} of {self.rows:,} records",
            remedy="correct the specification",
        )  # fmt: skip

    def _shares(self, draw: Categorical) -> Floats:
        shares = np.column_stack(list(self._parameters().values())).reshape(self.rows, -1)
        total = shares.sum(axis=1, keepdims=True)
        if not (total > 0).all():
            raise self._fault("shares", "one above 0", total[:, 0] <= 0)
        return np.asarray(shares / total)

    def _calculated(self, draw: Formula) -> pa.Array:
        field = self.column.field
        found = calculated(draw.expression, self.parents)
        if found.kind not in _KINDS[field.type]:
            raise SchemaError(
                f"column {field.name!r}", expected=f"an expression of type {field.type}",
                got=f"a {found.kind}", remedy="correct the expression, or `type`",
            )  # fmt: skip
        unknown = ~found.known
        if found.kind == "text":
            texts = pc.if_else(pa.array(unknown), None, found.values)
            return texts.cast(pa.string()).dictionary_encode()
        if found.kind == "truth":
            return pa.array(np.asarray(found.values, bool), mask=unknown)
        if found.kind == "number":
            bounded = self._rounded(np.where(unknown, 0.0, np.asarray(found.values, float)))
            return pa.array(bounded, storage_type(field), mask=unknown)
        return _moments(np.asarray(found.values), field, unknown)

    def _distribution(self) -> Any:
        draw, whole = self.column.draw, self.column.kind == "integer"
        at = self._parameters()
        if "low" in at:
            if whole:
                at = {"low": np.ceil(at["low"]), "high": np.floor(at["high"])}
            wrong = at["low"] > at["high"] if whole else at["low"] >= at["high"]
            if wrong.any():
                raise self._fault("low", "a number below high", wrong)
        # what overflows shows in the numbers drawn
        with np.errstate(over="ignore"):
            return frozen(draw, at, whole=whole)

    def _number(self, rng: np.random.Generator) -> pa.Array:
        distribution = self._distribution()
        below, inside = self._within(distribution)
        if below is None or inside is None:
            drawn = distribution.rvs(size=self.rows, random_state=rng)
        else:
            drawn = distribution.ppf(below + inside * rng.random(self.rows))
        return pa.array(self._rounded(drawn), storage_type(self.column.field))

    def _within(self, distribution: Any) -> tuple[Floats | None, Floats | None]:
        """How much of the distribution lies below the bounds, and within them; None unbounded."""
        low, high = self.column.minimum, self.column.maximum
        if low is None and high is None:
            return None, None
        counts = hasattr(distribution, "pmf")
        # what is rounded to a bound lies half a step beyond it
        edge = 0.5 if counts else self._step / 2
        below = np.zeros(self.rows) if low is None else distribution.cdf(low - edge)
        upto = np.ones(self.rows) if high is None else distribution.cdf(high + edge)
        inside = upto - below
        if not (inside > 0).all():
            raise self._fault("bounds", "some of its distribution within them", ~(inside > 0))
        return below, inside

    @property
    def _step(self) -> float:
        if self.column.kind == "integer":
            return 1.0
        return STEP if self.column.decimals is None else 10.0**-self.column.decimals

    def _rounded(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Numbers of the column's type and decimals, within its bounds."""
        column = self.column
        if not (np.isfinite(numbers) & (np.abs(numbers) < LARGEST)).all():
            raise self._fault("values", "numbers that 64 bits hold",
                              ~(np.isfinite(numbers) & (np.abs(numbers) < LARGEST)))  # fmt: skip
        if column.kind == "integer":
            numbers = np.rint(numbers).astype(np.int64)
        elif column.decimals is not None:
            scale = 10.0**column.decimals
            small = np.abs(numbers) * scale < 2.0**53
            numbers = np.where(small, np.rint(numbers * scale) / scale, numbers)
        else:
            numbers = np.asarray(numbers, float)
        if column.minimum is None and column.maximum is None:
            return numbers
        return np.asarray(np.clip(numbers, column.minimum, column.maximum))

    def _log_mass_of_numbers(self, values: pa.Array) -> Floats:
        distribution = self._distribution()
        at = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        with np.errstate(all="ignore"):
            if hasattr(distribution, "pmf"):
                found = distribution.logpmf(at)
            else:
                half = self._step / 2
                mass = distribution.cdf(at + half) - distribution.cdf(at - half)
                # a difference of so small numbers has lost its digits
                dense = distribution.logpdf(at) + np.log(self._step)
                found = np.where(mass > 1e-9, _log(mass), dense)
        _, inside = self._within(distribution)
        if inside is not None:
            low, high = self.column.minimum, self.column.maximum
            beyond = (at < (-np.inf if low is None else low)) | (
                at > (np.inf if high is None else high)
            )
            found = np.where(beyond, -np.inf, found - np.log(inside))
        return np.asarray(np.where(np.isnan(found), -np.inf, found))


def _log(shares: NDArray[Any]) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.asarray(shares, float)))


def _picked(shares: Floats, rng: np.random.Generator) -> NDArray[np.int32]:
    """A category for each record, shape (records,)."""
    drawn = rng.random(len(shares))[:, None]
    above = drawn >= np.cumsum(shares, axis=1)[:, :-1]
    return np.asarray(above.sum(axis=1), np.int32)


def _categories(
    codes: NDArray[np.int32], categories: tuple[str, ...], field: FieldSchema
) -> pa.Array:
    if field.type == "integer":
        return pa.array(np.array([int(c) for c in categories])[codes], pa.int64())
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(categories))


def _ends(draw: Dates, field: FieldSchema) -> tuple[int, int, int]:
    """First and last value and the unit between them, on the storage scale."""
    first, last = (int(to_storage(text, field)) for text in (draw.first, draw.last))
    return first, last, 1 if field.type == "date" else SECOND


def _moments(
    whole: NDArray[Any], field: FieldSchema, unknown: NDArray[np.bool_] | None = None
) -> pa.Array:
    width = pa.int32() if field.type == "date" else pa.int64()
    return pa.array(whole, width, mask=unknown).cast(storage_type(field))


def _whole(values: pa.Array) -> NDArray[np.int64]:
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    return np.asarray(values.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _equal(made: pa.Array, wanted: pa.Array) -> NDArray[np.bool_]:
    if pa.types.is_dictionary(made.type):
        made, wanted = made.cast(pa.string()), wanted.cast(pa.string())
    if pa.types.is_floating(made.type):
        first, second = (a.fill_null(np.nan).to_numpy(zero_copy_only=False) for a in (made, wanted))
        return np.asarray(np.isclose(first, second, rtol=1e-9, atol=0))
    return mask(pc.equal(made, wanted).fill_null(False))
