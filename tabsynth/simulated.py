"""Models that are made from a specification, without a table to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from tabsynth.constraints.plan import Plan
from tabsynth.modelfile import Fitted
from tabsynth.sources.procedural import Procedural
from tabsynth.sources.specification import Specification, load_specification, parse_specification

# records drawn before a model is handed out, so that what is wrong in it shows now
TRIED: Final = 1000


def simulate(specification: Specification | dict[str, Any] | str | Path) -> Fitted:
    """A model from a specification: its file, or what would stand in it.

    Args:
        specification: of the kind `procedural`.

    Returns:
        A model like any other, for `sample`, `evaluate` and the rest.

    Raises:
        SchemaError: it is none, its columns depend on each other in a circle, or an expression or
            a constraint makes no sense.
        DataError: distributions with parameters that are none, or constraints that hardly any
            record keeps.
    """
    if isinstance(specification, (str, Path)):
        specification = load_specification(specification)
    elif isinstance(specification, dict):
        specification = parse_specification(specification)
    schema = specification.schema_of_table
    Plan.redrawn(schema)
    fitted = Fitted(
        model=Procedural(specification).model(), schema=schema,
        synthesizer=Procedural.name, default_rows=specification.rows,
    )  # fmt: skip
    fitted.draw(TRIED, rng=np.random.default_rng(0))
    return fitted
