"""The command line that does a run again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from tabsynth.modelfile import Fitted


def by_method(synthesizer: str, parameters: Mapping[str, Any]) -> list[str]:
    """The options that name a synthesizer and its parameters."""
    given = [f"--param {shlex.quote(f'{k}={v}')}" for k, v in parameters.items()]
    return [f"--synthesizer {synthesizer}", *given]


def run_again(
    fitted: Fitted,
    *,
    seed: int,
    n: int | None,
    target: str | None,
    protected: Sequence[str],
    strata: Sequence[str],
) -> str:
    """What makes the same run again; names of files stand for themselves."""
    parts = ["tabsynth run DATA --schema SCHEMA -o DIR"]
    parts += by_method(fitted.synthesizer, fitted.parameters)
    parts += [f"-n {n}"] if n else []
    parts += [f"--target {shlex.quote(target)}"] if target else []
    parts += [f"--protected {shlex.quote(name)}" for name in protected]
    parts += [f"--strata {shlex.quote(name)}" for name in strata]
    return " ".join([*parts, f"--seed {seed}"])
