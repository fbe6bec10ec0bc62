"""The command line that does a run again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from tabsynth.modelfile import Fitted


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
    parts = ["tabsynth run DATA --schema SCHEMA -o DIR", f"--synthesizer {fitted.synthesizer}"]
    parts += [f"--param {shlex.quote(f'{k}={v}')}" for k, v in fitted.parameters.items()]
    parts += [f"-n {n}"] if n else []
    parts += [f"--target {shlex.quote(target)}"] if target else []
    parts += [f"--protected {shlex.quote(name)}" for name in protected]
    parts += [f"--strata {shlex.quote(name)}" for name in strata]
    return " ".join([*parts, f"--seed {seed}"])
