"""A Gaussian copula over empirical margins: one correlation matrix carries all dependence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting
from scipy.special import ndtr, ndtri

from tabsynth.encoding.analysis import analyze
from tabsynth.encoding.codec import Codec, Codes
from tabsynth.encoding.freeze import MIN_COUNT, freeze
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.correlation import latent_correlation
from tabsynth.synthesizers.costs import copula_cost
from tabsynth.synthesizers.latent import LatentColumn
from tabsynth.synthesizers.margins import margin, require_possible
from tabsynth.synthesizers.protocol import Cost, Model, ModelState, Size, Traits
from tabsynth.synthesizers.scaling import lay_out
from tabsynth.table import Table

GIBBS_SWEEPS: Final = 30
MAX_PATTERNS: Final = 64
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
        codec = freeze(analyze(data), min_count=self.min_count)
        codes = codec.encode(data)
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
            latent[free] = _follow(self.correlation, fixed, free, latent[fixed], rng=rng)
        return latent

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


def truncated_normal(
    correlation: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Normal vectors with that correlation, each inside its own box; shape (d, n).

    One bounded dimension is drawn exactly, several by Gibbs sampling over truncated normals; then
    those without a bound follow from the conditional normal (beyond 64 different sets of bounded
    dimensions, Gibbs sampling draws them too).

    Args:
        correlation: shape (d, d), positive definite.
        low: shape (d, n), may be -inf.
        high: shape (d, n), may be inf.
        rng: the only source of randomness.

    Source: Geweke (1991), Efficient simulation from the multivariate normal ... subject to linear
        constraints.
    """
    free = np.isinf(low) & np.isinf(high)
    draws = np.empty(low.shape)
    # one step between a bounded dimension and a free one is small when they go together closely:
    # Gibbs sampling over both would not arrive; so each set of bounded ones is drawn on its own
    patterns, which = np.unique(free, axis=1, return_inverse=True)
    if patterns.shape[1] > MAX_PATTERNS:
        return _gibbs(correlation, low, high, rng)
    for pattern, loose in enumerate(patterns.T):
        rows = np.flatnonzero(which.ravel() == pattern)
        bounded = np.flatnonzero(~loose)
        inner = correlation[np.ix_(bounded, bounded)]
        part = np.ix_(bounded, rows)
        draws[part] = _gibbs(inner, low[part], high[part], rng)
        if loose.any():
            rest = np.flatnonzero(loose)
            draws[np.ix_(rest, rows)] = _follow(correlation, bounded, rest, draws[part], rng=rng)
    return draws


def _follow(
    correlation: NDArray[np.float64],
    known: NDArray[np.intp],
    free: NDArray[np.intp],
    latent: NDArray[np.float64],
    *,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The free dimensions drawn given the known ones' values, shape (free, n)."""
    across = correlation[np.ix_(known, free)]
    weights = np.linalg.solve(correlation[np.ix_(known, known)], across).T
    rest = correlation[np.ix_(free, free)] - weights @ across
    root = np.linalg.cholesky(rest + 1e-9 * np.eye(len(free)))
    noise = rng.standard_normal((len(free), latent.shape[1]))
    drawn: NDArray[np.float64] = weights @ latent + root @ noise
    return drawn


def _gibbs(
    correlation: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    d = len(low)
    if not d:
        return np.empty(low.shape)
    precision = np.linalg.inv(correlation)
    draws = np.stack([_between(low[j], high[j], rng) for j in range(d)])
    for _ in range(GIBBS_SWEEPS if d > 1 else 0):
        for j in range(d):
            spread = 1 / np.sqrt(precision[j, j])
            pull = precision[j] @ draws - precision[j, j] * draws[j]
            mean = -pull / precision[j, j]
            inside = _between((low[j] - mean) / spread, (high[j] - mean) / spread, rng)
            draws[j] = np.clip(mean + spread * inside, low[j], high[j])
    return draws


def _between(
    low: NDArray[np.float64], high: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Standard normals between two ends, each of shape (n,)."""
    # in the lower tail ndtr keeps its relative precision; so both ends are mirrored into it
    mirror = low > 0
    a, b = np.where(mirror, -high, low), np.where(mirror, -low, high)
    below = ndtr(a)
    drawn = ndtri(below + rng.random(len(low)) * (ndtr(b) - below))
    drawn = np.clip(np.where(np.isfinite(drawn), drawn, np.clip(0.0, a, b)), a, b)
    drawn *= np.where(mirror, -1.0, 1.0)
    return np.asarray(drawn, np.float64)


def _some(codes: list[Codes], rng: np.random.Generator) -> list[Codes]:
    rows = len(codes[0]) if codes else 0
    if rows <= LAYOUT_RECORDS:
        return codes
    picked = np.sort(rng.choice(rows, LAYOUT_RECORDS, replace=False))
    return [k[picked] for k in codes]
