"""What attacks return: outcomes on training records beside the same on records never seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.intervals import Z95, newcombe
from tabsynth.report.model import Result

MIN_ATTEMPTS: Final = 20

Outcomes = NDArray[np.bool_]


@dataclass(frozen=True)
class Trials:
    """Attempts of one attack: hits on training records, and on control records.

    Whatever an attacker gets right about people who were never in the training table is knowledge
    about the population. Only what he gets right more often about members is a leak.

    Args:
        name: of the figure, such as `linkability`.
        members: outcome of each attempt on a training record, shape (attempts,).
        controls: the same attack on control records.
        method: how the attack works and what the attacker knows, in one line.
        baseline: attempts on training records by an attacker without the synthetic table.
        column: the column attacked, where it is one.
        group: the variant, such as `top 5 %`.
        scale: what a hit on a control counts, where the two tables are attacked at once and one is
            larger: members per control.
        either: whether members and controls tell of the same attempts, each of which hits one of
            them at most.
        gated: whether the gate looks at it; a diagnostic can neither pass nor fail.
    """

    name: str
    members: Outcomes
    controls: Outcomes
    method: str
    baseline: Outcomes | None = None
    column: str | None = None
    group: str | None = None
    scale: float = 1.0
    either: bool = False
    gated: bool = True


def advantage(trials: Trials, *, seed: int | None = None) -> Result:
    """Hits on members minus hits on controls, as a share of attempts, with its 95 % interval.

    Returns:
        A figure within -1 and 1, lower is better, 0 without a leak. Its baseline is the advantage
        over controls of an attacker who never saw the synthetic table. No figure with fewer than
        20 attempts on a side: a few lucky guesses would look like a leak.

    Source: Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873.
    """
    compared = min(len(trials.members), len(trials.controls)) >= MIN_ATTEMPTS
    scale = trials.scale
    low, high = (
        newcombe(trials.members, trials.controls, Z95, scale=scale, either=trials.either)
        if compared
        else (None, None)
    )
    known = trials.baseline if compared else None
    return Result(
        name=trials.name,
        family="privacy",
        column=trials.column,
        group=trials.group,
        value=float(trials.members.mean() - scale * trials.controls.mean()) if compared else None,
        ci_low=low,
        ci_high=high,
        reference=0.0,
        baseline=None
        if known is None or not len(known)
        else float(known.mean() - scale * trials.controls.mean()),
        unit="share",
        n=len(trials.members) + len(trials.controls),
        method=f"{trials.method}; members minus controls, Newcombe interval"
        if compared
        else f"needs at least {MIN_ATTEMPTS} attempts on training and on control records",
        seed=seed,
        status=("ok" if trials.gated else "diagnostic") if compared else "uninformative",
    )


def nothing_to_try(trials: Trials, why: str) -> Result:
    """The result of an attack that finds too few openings in a table that is large enough.

    That is no lack of evidence, and stands in no one's way: a diagnostic without a figure.
    """
    update = {"value": None, "ci_low": None, "ci_high": None, "status": "diagnostic"}
    return advantage(trials).model_copy(update={**update, "method": f"needs {why}"})


Attack = Callable[[Comparison], list[Result]]
