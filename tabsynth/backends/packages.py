"""The reference packages: whether they are there, under which licence, and with what randomness."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np

from tabsynth.errors import ModelFileError, UsageError

NAMES: Final = ("sdv", "ctgan", "rdt", "copulas")
LICENCE: Final = (
    "licence: sdv, ctgan, rdt and copulas stand under the Business Source License 1.1, which does "
    "not allow a commercial service that makes synthetic data for others; tabsynth itself does"
)
# what they do goes through global state: of random numbers, warnings and standard output
_ALONE: Final = threading.RLock()
_told: Final = threading.Event()


def installed() -> dict[str, str] | None:
    """Their versions, or None when one is not installed."""
    try:
        return {name: version(name) for name in NAMES}
    except PackageNotFoundError:
        return None


def require_installed(synthesizer: str) -> None:
    """Refuse to make a synthesizer whose packages are not there.

    Raises:
        UsageError: they are not.
    """
    if installed() is None:
        raise UsageError(
            f"--synthesizer {synthesizer}", expected="the packages sdv and ctgan", got="none",
            remedy="install them (pip install 'tabsynth[sdv]') or choose another synthesizer",
        )  # fmt: skip


def require_versions(fitted_with: dict[str, str]) -> None:
    """Refuse a model whose parts belong to other versions: they say nothing about their insides.

    Raises:
        ModelFileError: the packages are not installed, or of other versions.
    """
    wanted = ", ".join(f"{name} {fitted_with[name]}" for name in NAMES)
    here = installed()
    if here is None:
        raise ModelFileError(
            "model", expected=f"{wanted}, with which it was fitted", got="none of them",
            remedy="install them: pip install 'tabsynth[sdv]'",
        )  # fmt: skip
    if here != fitted_with:
        raise ModelFileError(
            "model", expected=f"{wanted}, with which it was fitted", got="other versions",
            remedy="install those versions, or fit the model again",
        )  # fmt: skip


def tell_licence() -> None:
    """Say once per process, on standard error, what the packages' licence forbids."""
    if not _told.is_set():
        _told.set()
        sys.stderr.write(f"{LICENCE}\n")


@contextlib.contextmanager
def contained(rng: np.random.Generator) -> Iterator[int]:
    """A place for code that draws from global random state, warns and prints.

    Global state is set from `rng` and put back at the end, so that what is drawn depends on `rng`
    alone and nobody outside notices. One thread at a time.

    Yields:
        A further seed, for objects that carry random numbers of their own.
    """
    seeds = rng.integers(0, 2**32, 3, dtype=np.uint64)
    with _ALONE, warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            import torch

            with torch.random.fork_rng():
                torch.manual_seed(int(seeds[0]))
                started = np.random.RandomState(int(seeds[1]))
                np.random.set_state(started.get_state())  # noqa: NPY002
                random.setstate(random.Random(int(seeds[1])).getstate())
                yield int(seeds[2])
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002
