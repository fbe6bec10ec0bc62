"""From a figure and its error to a result: interval, spread over draws, and the 0 to 100 scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabsynth.comparison import score
from tabsynth.intervals import Z95
from tabsynth.report.model import Direction, Family, Result, Status


@dataclass(frozen=True)
class Figure:
    """One figure, and the same for real records and for independent columns.

    Args:
        value: for the synthetic table.
        error: its standard error, from the sampling of records.
        reference: for real records in the place of the synthetic ones; None where there are none.
        baseline: for independent columns in their place; None where there are none.
        column: the column, or columns joined by " × "; None for the overall figure.
        draws: for further synthetic tables of the same model.
        n: records or items it was computed on, where not those of the measure.
    """

    value: float
    error: float
    reference: float | None
    baseline: float | None
    column: str | None = None
    draws: tuple[float, ...] = ()
    n: int | None = None

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval.

        The variance between draws of the model is added to that of the records. Where the records'
        error already covers the synthetic side, the interval is a little too wide, not too narrow.
        """
        between = float(np.var([self.value, *self.draws], ddof=1)) if self.draws else 0.0
        return Z95 * float(np.sqrt(self.error**2 + between))


@dataclass(frozen=True)
class Measure:
    """What all figures of one measure share.

    Args:
        name: such as `pairwise_tv`.
        unit: such as `share`.
        method: how, in one line.
        n: synthetic or test records.
        seed: of the random draws.
        family: the question it belongs to.
        better: which direction is better.
        bounds: what the figure cannot pass.
        diagnostic: true for figures that are shown without a score.
    """

    name: str
    unit: str
    method: str
    n: int
    seed: int | None = None
    family: Family = "fidelity"
    better: Direction = "lower"
    bounds: tuple[float, float] = (0.0, 1.0)
    diagnostic: bool = False

    def result(self, figure: Figure) -> Result:
        """The figure as a result; without one where it is not a number."""
        if not np.isfinite(figure.value):
            return self.missing("needs values in every table", column=figure.column)
        margin = figure.margin
        points, status = self._scale(figure, margin)
        low, high = self.bounds
        shared = f"; and over {len(figure.draws) + 1} synthetic draws" if figure.draws else ""
        return Result(
            name=self.name,
            family=self.family,
            column=figure.column,
            value=figure.value,
            ci_low=min(figure.value, max(low, figure.value - margin)),
            ci_high=max(figure.value, min(high, figure.value + margin)),
            reference=_finite(figure.reference),
            baseline=_finite(figure.baseline),
            score=points,
            better=self.better,
            unit=self.unit,
            n=self.n if figure.n is None else figure.n,
            method=self.method + shared,
            seed=self.seed,
            status=status,
        )

    def missing(self, needed: str, *, column: str | None = None) -> Result:
        """The result where the figure cannot be taken."""
        return Result(
            name=self.name,
            family=self.family,
            column=column,
            value=None,
            better=self.better,
            unit=self.unit,
            n=self.n,
            method=needed,
            status="uninformative",
        )

    def _scale(self, figure: Figure, margin: float) -> tuple[float | None, Status]:
        reference, baseline = _finite(figure.reference), _finite(figure.baseline)
        if self.diagnostic:
            return None, "diagnostic"
        if reference is None or baseline is None:
            return None, "uninformative"
        return score(figure.value, reference, baseline, margin=margin, better=self.better)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
