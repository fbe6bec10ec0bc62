"""The only door to private records: questions in, noisy integers out, each paid in advance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from tabsynth.errors import PrivacyError
from tabsynth.privacy.calibration import SHARED, root_up, scale_for, sigma_for
from tabsynth.privacy.domain import Domain, Groups
from tabsynth.privacy.estimates import rounded_estimate, selection_terms
from tabsynth.privacy.gradients import critic_gradient, require_weights
from tabsynth.privacy.journal import Fresh, Journal
from tabsynth.privacy.moments import MAX_RADIUS, off_diagonal_bound, second_moments
from tabsynth.privacy.noise import Integers, NoiseSource
from tabsynth.privacy.spending import Account, Charge

Clique = tuple[int, ...]

# more cells than this in one query are refused: they would not fit in memory
MAX_CELLS: Final = 2**26
# distances are released in such fractions of a record
DISTANCE_STEPS: Final = 2**10
# public scores of a cell are below this, so that their sums stay inside 64 bits
MAX_SCORE: Final = 2**44


@dataclass(frozen=True, eq=False)
class Measurement:
    """A released marginal.

    Args:
        clique: columns by position, in increasing order.
        counts: noisy counts, integers, may be negative; shape (sizes of the clique's columns).
        sigma: standard deviation of the noise in each cell.
    """

    clique: Clique
    counts: Integers
    sigma: float


class PrivateTable:
    """Private records behind a door: it answers questions with noise and hands out nothing else.

    Neighbouring tables differ in all records of one privacy unit, present or absent; so the number
    of records is private too. A unit has at most `unit_bound` records, of any values whatever. Each
    answer states how far that moves the released integers, and debits its cost before any noise is
    drawn.

    Args:
        codes: per column the fine cell of each record, shape (records,), within the domain.
        domain: public.
        account: what answers are debited from.
        noise: where noise comes from.
        journal: keeps answers, for a fit that may have to go on later.
        unit_bound: most records of one privacy unit.

    Raises:
        ValueError: codes that are not within the domain, or not of one length.

    Privacy: what its methods return is differentially private, at the cost they debit; nothing
        else about it is.
    """

    __slots__ = ("_account", "_codes", "_domain", "_journal", "_noise", "_unit_bound")

    def __init__(
        self,
        codes: Sequence[NDArray[np.integer[Any]]],
        domain: Domain,
        account: Account,
        *,
        noise: NoiseSource,
        journal: Journal | None = None,
        unit_bound: int = 1,
    ) -> None:
        sizes = domain.fine_sizes
        if len(codes) != len(sizes) or len({c.shape for c in codes}) > 1 or unit_bound < 1:
            raise ValueError("expected codes of one length for each column of the domain")
        if any(
            len(c) and not 0 <= c.min() <= c.max() < k for c, k in zip(codes, sizes, strict=True)
        ):
            raise ValueError("expected codes within the domain")
        groups = zip(codes, domain.groups, strict=True)
        self._codes = tuple(np.asarray(c if g is None else g[c], np.int32) for c, g in groups)
        self._domain = domain
        self._account = account
        self._noise = noise
        self._journal: Journal = Fresh() if journal is None else journal
        self._unit_bound = unit_bound

    @property
    def domain(self) -> Domain:
        """What may be asked about; public."""
        return self._domain

    @property
    def remaining(self) -> float:
        """Rho that is left to spend."""
        return self._account.remaining

    def marginals(
        self,
        cliques: Sequence[Clique],
        *,
        rho: float,
        weights: Sequence[float] | None = None,
        stage: str,
    ) -> list[Measurement]:
        """Noisy counts of the cells of several sets of columns.

        A record adds 1 to one cell of each set. So the sets of one weight, k of them, are a vector
        that a unit moves by unit_bound * sqrt(k) in L2; it gets one discrete Gaussian release,
        whose share of the cost is that of the squared weights.

        Args:
            cliques: sets of columns by position, each in increasing order.
            rho: what all of it costs.
            weights: a set of twice the weight gets half the noise; all alike by default.
            stage: what the charge is called.

        Raises:
            BudgetError: it costs more than is left; nothing was drawn.
            ValueError: cliques or weights that make no sense, or of too many cells.
        """
        self._require_cliques(cliques)
        each = np.ones(len(cliques)) if weights is None else np.asarray(weights, float)
        if each.shape != (len(cliques),) or not (np.isfinite(each).all() and (each > 0).all()):
            raise ValueError("expected a finite weight above 0 for each set of columns")
        rho = self._account.affordable(rho, stage)
        level = np.unique(each, return_inverse=True)[1]
        shares = np.bincount(level, each**2) / np.sum(each**2)
        shares = shares if len(shares) == 1 else shares * SHARED
        charges = [
            self._gaussian_charge(stage, self._unit_bound * root_up(int(k)), rho * float(share))
            for k, share in zip(np.bincount(level), shares, strict=True)
        ]
        self._account.debit(charges)
        released: list[Measurement | None] = [None] * len(cliques)
        for one, charge in enumerate(charges):
            members = np.flatnonzero(level == one).tolist()
            shapes = [self._shape(cliques[k]) for k in members]
            noisy = self._noisy(
                charge,
                lambda own=members: np.concatenate(  # type: ignore[misc]
                    [self._marginal(cliques[k]).ravel() for k in own]
                ),
            )
            parts = np.split(noisy, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
            for k, part, shape in zip(members, parts, shapes, strict=True):
                released[k] = Measurement(cliques[k], part.reshape(shape), charge.scale)
        return [m for m in released if m is not None]

    def select(
        self,
        cliques: Sequence[Clique],
        estimates: Sequence[NDArray[Any]],
        *,
        rho: float,
        stage: str,
        penalties: Sequence[float] | None = None,
        weights: Sequence[float] | None = None,
    ) -> int:
        """A set of columns whose counts are far from an estimate, by the exponential mechanism.

        The score of set k is weight_k * (sum over cells |count - estimate_k| - penalty_k), weights
        in whole 65,536ths of the largest and estimates rounded. A record moves a score by at most
        its weight, up for some sets and down for others: so scores are not monotone and pay the
        full constant (see `accounting.selection_cost`).

        Args:
            cliques: candidates, sets of columns by position, each in increasing order.
            estimates: public counts, shaped as the candidates' cells.
            rho: what the choice costs.
            stage: what the charge is called.
            penalties: public, taken off the distance; 0 by default.
            weights: public, at least 0, one above 0; all alike by default.

        Returns:
            The position of the chosen candidate.

        Raises:
            BudgetError: it costs more than is left; nothing was drawn.
            ValueError: arguments that do not fit together, or out of reach.
        """
        self._require_cliques(cliques)
        steps, offsets = selection_terms(len(cliques), weights, penalties)
        rounded = [
            rounded_estimate(e, self._shape(c)) for e, c in zip(estimates, cliques, strict=True)
        ]
        rho = self._account.affordable(rho, stage)
        sensitivity = self._unit_bound * int(steps.max())
        scale = scale_for(self._noise, sensitivity, rho)
        charge = Charge(stage, "exponential mechanism", float(sensitivity), scale, rho)
        self._account.debit([charge])

        def drawn() -> Integers:
            terms = zip(cliques, rounded, steps, offsets, strict=True)
            scores = [
                int(step) * int(np.abs(self._marginal(clique) - estimate).sum()) - int(offset)
                for clique, estimate, step, offset in terms
            ]
            return np.array([self._noise.choose(np.array(scores, np.int64), scale)], np.int64)

        return int(self._journal.answer(charge, drawn)[0])

    def distances(
        self,
        cliques: Sequence[Clique],
        estimates: Sequence[NDArray[Any]],
        *,
        rho: float,
        stage: str,
    ) -> tuple[NDArray[np.float64], float]:
        """How far the counts of several sets of columns are from estimates, one number for each.

        The distance of a set is the sum over its cells of |count - estimate|, in 1,024ths of a
        record with estimates rounded to these. A record changes one count by 1, and so a distance
        by at most 1: k distances are a vector that a unit moves by unit_bound * sqrt(k) in L2,
        however many cells a set has.

        Args:
            cliques: sets of columns by position, each in increasing order.
            estimates: public counts, shaped as the sets' cells.
            rho: what all of it costs.
            stage: what the charge is called.

        Returns:
            Noisy distances in records, shape (sets,), may be negative; and the standard deviation
            of the noise in each.

        Raises:
            BudgetError: it costs more than is left; nothing was drawn.
            ValueError: arguments that do not fit together, or out of reach.
        """
        self._require_cliques(cliques)
        steps = DISTANCE_STEPS
        rounded = [
            rounded_estimate(np.asarray(e, float) * steps, self._shape(c))
            for e, c in zip(estimates, cliques, strict=True)
        ]
        rho = self._account.affordable(rho, stage)
        charge = self._gaussian_charge(stage, steps * self._unit_bound * root_up(len(cliques)), rho)
        self._account.debit([charge])
        asked = list(zip(cliques, rounded, strict=True))
        noisy = self._noisy(
            charge,
            lambda: np.array(
                [int(np.abs(steps * self._marginal(c) - estimate).sum()) for c, estimate in asked],
                np.int64,
            ),
        )
        return noisy / steps, charge.scale / steps

    def outcomes(
        self,
        scores: Sequence[Integers],
        cuts: Sequence[Integers],
        *,
        target: int,
        classes: Integers,
        rho: float,
        stage: str,
    ) -> tuple[Integers, float]:
        """How often public scores of records fall between cuts, by whether they are right.

        A record's score for class k is the sum over columns of scores[column][its cell, k]. It
        counts in the bin of that score, among those of class k or among the others. So a record
        adds 1 to one count for each of K classes, a vector that a unit moves by
        unit_bound * sqrt(K) in L2. Records without a class do not count.

        Args:
            scores: per column public whole numbers, shape (sizes[column], K), below 2^44.
            cuts: per class increasing whole numbers, shape (bins - 1,); a score equal to one lies
                above it.
            target: the column whose cells are classes; scores of its own cells are not read.
            classes: of each of its cells, shape (sizes[target],); -1 for none. Those from K on are
                among the others of every class.
            rho: what it costs.
            stage: what the charge is called.

        Returns:
            Noisy counts of shape (K, bins, 2): others and those of the class, may be negative; and
            the standard deviation of the noise in each.

        Raises:
            BudgetError: it costs more than is left; nothing was drawn.
            ValueError: arguments that do not fit together, or out of reach.
        """
        sizes, many, bins = self._domain.sizes, len(cuts), 1 + len(cuts[0])
        whole = [np.asarray(s, np.int64) for s in scores]
        if [s.shape for s in whole] != [(k, many) for k in sizes] or any(
            len(s) and int(np.abs(s).max()) >= MAX_SCORE // len(sizes) for s in whole
        ):
            raise ValueError("expected a score within reach per cell and class")
        if classes.shape != (sizes[target],) or any(len(c) != bins - 1 for c in cuts):
            raise ValueError("expected a class per cell of the target, and as many cuts per class")
        rho = self._account.affordable(rho, stage)
        charge = self._gaussian_charge(stage, self._unit_bound * root_up(many), rho)
        self._account.debit([charge])
        own = classes[self._codes[target]]
        others = [j for j in range(len(sizes)) if j != target]

        def exact() -> Integers:
            counts = np.zeros((many, bins, 2), np.int64)
            for k in range(many):
                total = np.zeros(len(own), np.int64)
                for j in others:
                    total += whole[j][self._codes[j], k]
                place = 2 * np.searchsorted(cuts[k], total, side="right") + (own == k)
                counts[k] = np.bincount(place[own >= 0], minlength=2 * bins).reshape(bins, 2)
            return counts

        return self._noisy(charge, exact), charge.scale

    def second_moments(
        self,
        scores: Sequence[Integers],
        *,
        radius: int,
        rho: float,
        stage: str,
        diagonal: bool = True,
    ) -> Integers:
        """Noisy sums of products of scores, each record's scores first brought within a ball.

        A record's vector (scores[0][its cell of column 0], ...) is shrunk, in whole numbers, to at
        most `radius` in L2. Its products, each pair of columns once, then have an L2 norm of at
        most radius^2, or without the diagonal radius^2 sqrt((1 - 1/d) / 2).

        Args:
            scores: per column a public whole number for each cell, shape (sizes[j],).
            radius: of the ball, 1 to 32,768.
            rho: what it costs.
            stage: what the charge is called.
            diagonal: whether squares are released too; where the margins tell them, leaving them
                out costs less noise.

        Returns:
            A symmetric matrix of shape (columns, columns); 0 on the diagonal without `diagonal`.

        Raises:
            BudgetError: it costs more than is left; nothing was drawn.
            ValueError: scores or a radius out of reach.
        """
        sizes = self._domain.sizes
        if [s.shape for s in scores] != [(k,) for k in sizes] or not 1 <= radius <= MAX_RADIUS:
            raise ValueError(f"expected a score per cell and a radius of 1 to {MAX_RADIUS:,}")
        rho = self._account.affordable(rho, stage)
        bound = float(radius**2) if diagonal else off_diagonal_bound(radius, len(scores))
        charge = self._gaussian_charge(stage, self._unit_bound * bound, rho)
        self._account.debit([charge])
        place = np.triu_indices(len(scores), k=0 if diagonal else 1)
        released = np.zeros((len(scores), len(scores)), np.int64)
        released[place] = self._noisy(
            charge, lambda: second_moments(self._codes, scores, radius)[place]
        )
        return np.asarray(np.triu(released) + np.triu(released, 1).T, np.int64)

    def critic_gradient(
        self, weights: Sequence[Integers], *, rho: float, stage: str
    ) -> tuple[list[Integers], float]:
        """The gradient of a critic's scores by its weights, summed over all records, with noise.

        A unit's score of a record is the largest of its pieces, each the sum of the weights of the
        record's cells. The record's gradient is 1 at its cells at the largest piece and 0
        elsewhere: of norm sqrt(columns * units), whatever the record and the weights are.

        Args:
            weights: per column public whole numbers, shape (sizes[j], units, pieces).
            rho: what it costs.
            stage: what the charge is called.

        Returns:
            The sum of gradients, shaped as the weights, integers that may be negative; and the
            standard deviation of the noise in each.

        Raises:
            BudgetError: it costs more than is left; nothing was drawn.
            ValueError: weights of another shape or out of reach.
        """
        require_weights(weights, self._domain.sizes, most=MAX_CELLS)
        rho = self._account.affordable(rho, stage)
        norm = root_up(len(weights) * weights[0].shape[1])
        charge = self._gaussian_charge(stage, self._unit_bound * norm, rho)
        self._account.debit([charge])
        noisy = self._noisy(
            charge,
            lambda: np.concatenate([e.ravel() for e in critic_gradient(self._codes, weights)]),
        )
        parts = np.split(noisy, np.cumsum([w.size for w in weights])[:-1])
        return [p.reshape(w.shape) for p, w in zip(parts, weights, strict=True)], charge.scale

    def coarsened(self, groups: Sequence[Groups]) -> PrivateTable:
        """The same records and the same account, asked about in coarser cells.

        Args:
            groups: see `Domain.coarsened`; public, or made from released measurements.
        """
        domain = self._domain.coarsened(groups)
        other = object.__new__(PrivateTable)
        other._codes = tuple(
            np.asarray(g, np.int32)[c] for g, c in zip(groups, self._codes, strict=True)
        )
        other._domain, other._account = domain, self._account
        other._noise, other._unit_bound = self._noise, self._unit_bound
        other._journal = self._journal
        return other

    def _noisy(self, charge: Charge, exact: Callable[[], Integers]) -> Integers:
        """Exact numbers plus noise, for a charge that was debited."""
        return self._journal.answer(charge, lambda: self._noise.gaussian(exact(), charge.scale))

    def _gaussian_charge(self, stage: str, sensitivity: float, rho: float) -> Charge:
        sigma = sigma_for(self._noise, sensitivity, rho)
        return Charge(stage, "discrete Gaussian", sensitivity, sigma, rho)

    def _shape(self, clique: Clique) -> tuple[int, ...]:
        return tuple(self._domain.sizes[column] for column in clique)

    def _marginal(self, clique: Clique) -> Integers:
        """Exact counts: for this class alone, and never returned without noise."""
        shape = self._shape(clique)
        cells = np.zeros(len(self._codes[0]), np.int64)
        for column, size in zip(clique, shape, strict=True):
            cells = cells * size + self._codes[column]
        return np.bincount(cells, minlength=math.prod(shape)).astype(np.int64).reshape(shape)

    def _require_cliques(self, cliques: Sequence[Clique]) -> None:
        columns = range(len(self._domain.sizes))
        for clique in cliques:
            if not clique or list(clique) != sorted(set(clique) & set(columns)):
                raise ValueError("expected sets of columns by position, each in increasing order")
            if math.prod(self._shape(clique)) > MAX_CELLS:
                raise ValueError(f"expected at most {MAX_CELLS:,} cells in one set of columns")
        if not cliques:
            raise ValueError("expected at least one set of columns")

    def __repr__(self) -> str:
        return f"PrivateTable({len(self._domain.sizes)} columns, rho {self.remaining:.4g} left)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise PrivacyError(
            "PrivateTable",
            expected="to stay in memory",
            got="a request for a copy of it",
            remedy="save what was released instead",
        )
