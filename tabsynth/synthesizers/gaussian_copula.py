"""A Gaussian copula over empirical margins: one correlation matrix carries all dependence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from tabsynth.encoding.codec import Codec, Codes
from tabsynth.encoding.freeze import MIN_COUNT, freeze_table
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.correlation import latent_correlation
from tabsynth.synthesizers.costs import copula_cost
from tabsynth.synthesizers.latent import LatentColumn
from tabsynth.synthesizers.margins import margin, require_possible
from tabsynth.synthesizers.odds import Odds, distinct, log_unrelated
from tabsynth.synthesizers.protocol import Cost, Model, ModelState, Size, Traits
from tabsynth.synthesizers.scaling import lay_out
from tabsynth.synthesizers.truncated import follow, log_probability, truncated_normal
from tabsynth.table import Table

LAYOUT_RECORDS: Final = 500_000


@dataclass(frozen=True)
class GaussianCopula:
    """Empirical margins joined by the correlation of a latent normal vector.

    Args:
        min_count: fewest records behind a category, frequent value or bin end.
    """

    name: ClassVar[str] = "gaussian_copula"
    summary: ClassVar[str] = "exact margins, pairwise dependence; very fast, exact conditions"
    traits: ClassVar[Traits] = Traits(
        places=True,
        cost="a fraction of a second for 50,000 records, seconds for millions",
        categories="laid out along one scale",
    )

    min_count: Annotated[int, Setting(ge=1)] = MIN_COUNT

    def cost(self, size: Size) -> Cost:
        """Time and memory of a fit."""
        return copula_cost(size)

    def fit(self, data: Table, *, rng: np.random.Generator) -> GaussianCopulaModel:
        """Learn margins, the order of categories, and the latent correlation.

        Args:
            data: records to learn from; the order of categories is learnt from at most
                500,000 of them, everything else from all.
            rng: picks those records.

        Raises:
            DataError: fewer than twice `min_count` records.

        Privacy: not differentially private; the model holds margins over groups of at least
            `min_count` records and one correlation per pair of columns.

        Source: the normal copula for mixed data as in Nelsen (2006), An Introduction to Copulas;
            distributional transform for ties, Rüschendorf (2009), doi:10.1016/j.jspi.2009.05.030.
        """
        codec, codes = freeze_table(data, min_count=self.min_count)
        k = self.min_count
        margins = [
            margin(code, c.cells, min_count=k) for code, c in zip(codes, codec.columns, strict=True)
        ]
        columns = lay_out(_some(codes, rng), margins, [c.ordered for c in codec.columns])
        return GaussianCopulaModel(codec, tuple(columns), latent_correlation(columns, codes))

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> Model:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        codec = Codec.restore(schema, state.settings["columns"], state.arrays)
        columns = [
            LatentColumn(state.arrays[f"{i}.order"], state.arrays[f"{i}.share"])
            for i in range(len(codec.columns))
        ]
        correlation = state.arrays["correlation"]
        if any(len(k.share) != c.cells for k, c in zip(columns, codec.columns, strict=True)):
            raise ValueError("expected a share for every cell")
        if correlation.shape != (len(columns), len(columns)):
            raise ValueError("expected a correlation for every pair of columns")
        unit = np.allclose(correlation.diagonal(), 1.0, rtol=0, atol=1e-6)
        if (
            correlation.dtype != np.float64
            or not unit
            or not np.allclose(correlation, correlation.T, rtol=0, atol=1e-6)
        ):
            raise ValueError("expected a symmetric correlation with a unit diagonal")
        np.linalg.cholesky(correlation)
        return GaussianCopulaModel(codec, tuple(columns), correlation)


@dataclass(frozen=True)
class GaussianCopulaModel:
    """Cells along a latent scale per column, and the correlation of the latent vector."""

    codec: Codec
    columns: tuple[LatentColumn, ...]
    correlation: NDArray[np.float64]

    @property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        return self.codec.schema

    @cached_property
    def _root(self) -> NDArray[np.float32]:
        return np.linalg.cholesky(self.correlation).astype(np.float32)

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; conditions enter through the conditional normal, without rejection."""
        if given is None or not given.schema.names:
            latent = self._root @ rng.standard_normal((len(self.columns), n), dtype=np.float32)
        else:
            latent = self._conditional(n, self.codec.encode_given(given), rng).astype(np.float32)
        codes = [c.cells(z) for c, z in zip(self.columns, latent, strict=True)]
        return self.codec.decode(codes, rng, given=given)

    def _conditional(
        self, n: int, given: dict[str, Codes], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Latent vectors, shape (columns, n), with the given columns inside their cells."""
        for name, codes in given.items():
            column = self.columns[self.schema.names.index(name)]
            require_possible(name, codes, column.share_by_cell)
        fixed = np.array([self.schema.names.index(name) for name in given])
        free = np.setdiff1d(np.arange(len(self.columns)), fixed)
        bounds = [self.columns[self.schema.names.index(x)].interval(k) for x, k in given.items()]
        low = np.stack([np.broadcast_to(b[0], n) for b in bounds])
        high = np.stack([np.broadcast_to(b[1], n) for b in bounds])
        inner = self.correlation[np.ix_(fixed, fixed)]
        latent = np.empty((len(self.columns), n))
        latent[fixed] = truncated_normal(inner, low, high, rng)
        if len(free):
            latent[free] = follow(self.correlation, fixed, free, latent[fixed], rng=rng)
        return latent

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """The probability of conditions, estimated where several columns are given.

        See `protocol.Conditional`. Nothing is weighted when records are drawn.
        """
        wanted = {self.schema.names.index(x): k for x, k in self.codec.encode_given(given).items()}
        unrelated = log_unrelated(wanted, [c.share_by_cell for c in self.columns])
        fixed = np.array(list(wanted))
        first, which = distinct(list(wanted.values()))
        low, high = (
            np.stack(ends)
            for ends in zip(*(self.columns[j].interval(k[first]) for j, k in wanted.items()),
                            strict=True)
        )  # fmt: skip
        inner = self.correlation[np.ix_(fixed, fixed)]
        joint = log_probability(inner, low, high, rng)
        # a cell without a share is an empty stretch
        joint[np.isneginf(unrelated[first])] = -np.inf
        odds = Odds(joint, unrelated[first], np.full(len(joint), np.inf))
        # what looks hopeless is looked at more closely
        closer = np.flatnonzero(odds.hopeless & np.isfinite(unrelated[first]))
        if len(closer):
            joint[closer] = log_probability(inner, low[:, closer], high[:, closer], rng)
        return Odds(joint[which], unrelated, np.full(len(which), np.inf))

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits; none where it has numbers."""
        share = self.columns[self.schema.names.index(column)].share_by_cell
        return self.codec.levels(column, np.flatnonzero(share))

    def state(self) -> ModelState:
        """What a model file holds of it."""
        settings, arrays = self.codec.state()
        for i, column in enumerate(self.columns):
            arrays |= {f"{i}.order": column.order, f"{i}.share": column.share}
        return ModelState({"columns": settings}, arrays | {"correlation": self.correlation})

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        d = len(self.columns)
        return [
            "One margin per column, and the order of its cells along a latent normal scale.",
            f"One correlation for each of {d * (d - 1) // 2} pairs of columns, nothing beyond.",
            *self.codec.describe(),
        ]


def _some(codes: list[Codes], rng: np.random.Generator) -> list[Codes]:
    rows = len(codes[0]) if codes else 0
    if rows <= LAYOUT_RECORDS:
        return codes
    picked = np.sort(rng.choice(rows, LAYOUT_RECORDS, replace=False))
    return [k[picked] for k in codes]
