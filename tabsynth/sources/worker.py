"""The process in which a simulator's entry point is called: a request a line, an answer a line."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tabsynth import registry


def main(name: str) -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # whatever the simulator prints goes where errors go
    os.dup2(2, 1)
    for line in sys.stdin:
        problem = _simulated(name, json.loads(line))
        answers.write(json.dumps({"problem": problem}) + "\n")
        answers.flush()


def _simulated(name: str, asked: dict[str, Any]) -> str | None:
    """Write the table that was asked for; what went wrong, in a line, otherwise."""
    from pyarrow import parquet

    from tabsynth.errors import TabsynthError
    from tabsynth.table import arrow_from_pandas

    try:
        simulator = registry.find("simulators", name)
        if asked.get("load"):
            return None
        frame = simulator(asked["parameters"], asked["n"], asked["seed"])
        if not hasattr(frame, "columns"):
            return f"it returned no DataFrame but a {type(frame).__name__}"
        parquet.write_table(arrow_from_pandas(frame), asked["out"])
    except TabsynthError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    main(sys.argv[1])
