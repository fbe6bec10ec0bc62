"""A simulator as its user declares it: its parameters, and what runs it."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field as Setting
from pydantic import model_validator

from tabsynth.schema.generator import Strict
from tabsynth.sources.priors import Prior

# what an argument of a command may hold beside the parameters
ALWAYS: Final = ("n", "seed", "out")
NAME: Final = r"^[A-Za-z][A-Za-z0-9_.:-]{0,99}$"


class Simulation(Strict):
    """A simulator and how it is fitted.

    Args:
        source: says what this file is.
        simulator: its name: an entry point of the group `tabsynth.simulators`, or, beside
            `command`, any name. A model file holds this name alone.
        command: a program and its arguments, run without a shell. `{n}`, `{seed}` and `{NAME}` of
            each parameter are filled in; it writes CSV to `{out}`, else to its standard output.
        title: for people.
        parameters: the prior of each.
        rows: how many records `sample` draws unasked, where nothing was fitted.
        time_limit: seconds that one run may take.
        simulations: runs that a fit makes.
        records: the most records of each of these runs.
        accept: share of the runs near the real table that the fit rests on.
    """

    source: Literal["simulation"]
    simulator: str = Setting(pattern=NAME)
    command: tuple[str, ...] | None = Setting(default=None, min_length=1)
    title: str | None = None
    parameters: dict[str, Prior] = Setting(min_length=1, max_length=50)
    rows: int = Setting(default=1000, ge=1, lt=1 << 40)
    time_limit: float = Setting(default=60, gt=0, le=86_400)
    simulations: int = Setting(default=1000, ge=100, le=1_000_000)
    records: int = Setting(default=1000, ge=20, le=1_000_000)
    accept: float = Setting(default=0.2, ge=0.01, le=0.5)

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name in self.parameters:
            if not name.isidentifier() or name in ALWAYS:
                raise ValueError(
                    f"expected parameters with names of letters, other than {', '.join(ALWAYS)}"
                )
        return self

    @property
    def without_command(self) -> Simulation:
        """What a model file holds: nothing that could be run."""
        return self.model_copy(update={"command": None})
