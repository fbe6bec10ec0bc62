"""Fits that take a moment: networks are small and train for few epochs, others are as they are."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from tabsynth import registry, workflow
from tabsynth.modelfile import Fitted
from tabsynth.table import Table

_SMALL: Final[dict[str, dict[str, Any]]] = {
    "ctgan": {
        "epochs": 1,
        "batch_size": 2000,
        "generator_units": 16,
        "critic_units": 16,
        "embedding_dim": 8,
    },
    "tvae": {"epochs": 1, "batch_size": 2000, "units": 16, "embedding_dim": 8},
}
# under a budget, where a test asks no more than what is asked and paid
_PRIVATE: Final[dict[str, dict[str, Any]]] = {
    "ctgan": {
        "critic_steps": 2, "generator_steps": 5, "batch_size": 64, "embedding_dim": 4,
        "generator_units": 8,
    },
}  # fmt: skip
# enough for what two or three columns of a few thousand records have in common
_LEARNT: Final[dict[str, dict[str, Any]]] = {
    "ctgan": {
        "epochs": 20, "batch_size": 100, "generator_units": 48, "critic_units": 48,
        "embedding_dim": 16, "generator_lr": 5e-4,
    },
    "tvae": {"epochs": 30, "batch_size": 250, "units": 64, "embedding_dim": 8, "lr": 5e-3},
}  # fmt: skip


def fit(table: Table, *, synthesizer: str, seed: int | None = None) -> Fitted:
    """For tests that ask nothing of how columns go together."""
    parameters = _SMALL.get(synthesizer, {})
    return workflow.fit(table, synthesizer=synthesizer, parameters=parameters, seed=seed)


def fit_well(table: Table, *, synthesizer: str, seed: int) -> Fitted:
    """For tests that do."""
    parameters = _LEARNT.get(synthesizer, {})
    return workflow.fit(table, synthesizer=synthesizer, parameters=parameters, seed=seed)


def kind(synthesizer: str) -> Any:
    """The class, with the parameters of `fit` as its defaults."""
    own = registry.synthesizer(synthesizer)
    fields = [(k, type(v), v) for k, v in _SMALL.get(synthesizer, {}).items()]
    return dataclasses.make_dataclass(own.__name__, fields, bases=(own,), frozen=True)


def private(synthesizer: str, *, faithful: bool = False) -> Any:
    """A private synthesizer that takes a moment, or with its own parameters, to be faithful."""
    own = registry.synthesizer(synthesizer, private=True)
    return own(**({} if faithful else _PRIVATE.get(synthesizer, {})))


def words(synthesizer: str, *, private: bool = False) -> list[str]:
    """The parameters of `fit`, or of `private`, on a command line."""
    small = (_PRIVATE if private else _SMALL).get(synthesizer, {})
    return [word for k, v in small.items() for word in ("--param", f"{k}={v}")]
