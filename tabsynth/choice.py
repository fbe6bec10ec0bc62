"""Which synthesizer: what each one is for, and the pick of `auto`.

The rule: the first of `PREFERRED` that takes the given parameters, fits in the memory that is free,
and needs no more than `PATIENCE`. Trees come first because they are at least as faithful as the
copula on tables of any size; `docs/choosing.md` has the figures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tabsynth import registry
from tabsynth.errors import PrivacyError, UsageError, unknown
from tabsynth.synthesizers.protocol import Cost, Size, Traits

AUTO: Final = "auto"
PREFERRED: Final = ("trees", "gaussian_copula")
# what `auto` is under a privacy budget
PRIVATE: Final = "mst"
PATIENCE: Final = 600.0
_CONDITIONS: Final = {"exact": "exact", "weighted": "exact or by weighted draws", "none": "none"}


@dataclass(frozen=True)
class Choice:
    """A synthesizer, and in a few words why `auto` picked it; none where a person did."""

    name: str
    why: str | None = None


def choose(size: Size, *, free: float | None, parameters: Collection[str] = ()) -> Choice:
    """Pick a synthesizer for a table.

    Args:
        size: of the table.
        free: bytes of memory that are free; None where nobody knows.
        parameters: names of hyper-parameters that it must have.

    Raises:
        UsageError: no candidate has all the parameters.
    """
    candidates = taking(parameters)
    ruled_out: list[str] = []
    for name in candidates:
        problem = _problem(cost(registry.synthesizer(name)(), size), free)
        if problem is None:
            return Choice(name, _why(name, candidates, ruled_out))
        ruled_out.append(f"{name} would {problem}")
    # the last one is the least demanding; the check before the fit decides whether it can be done
    return Choice(candidates[-1], f"the least demanding; {', '.join(ruled_out)}")


def taking(parameters: Collection[str]) -> Sequence[str]:
    """Candidates of `auto` that have all these hyper-parameters.

    Raises:
        UsageError: there is none.
    """
    fitting = [n for n in PREFERRED if set(parameters) <= set(parameters_of(n))]
    if not fitting:
        known = sorted({p for n in PREFERRED for p in parameters_of(n)})
        strange = [name for name in parameters if name not in known] or list(parameters)
        remedy = "name the synthesizer with --synthesizer"
        raise unknown("--param", strange[0], known, remedy=remedy)
    return fitting


def parameters_of(name: str) -> list[str]:
    """Names of a synthesizer's hyper-parameters."""
    return [f.name for f in dataclasses.fields(registry.synthesizer(name))]


def parameters_to_keep(synthesizer: Any) -> dict[str, Any]:
    """Its hyper-parameters, without those that only say how a fit runs."""
    return {
        f.name: getattr(synthesizer, f.name)
        for f in dataclasses.fields(synthesizer)
        if not f.metadata.get("of_the_run")
    }


def cost(synthesizer: Any, size: Size) -> Cost | None:
    """What a configured synthesizer estimates for a table; None where it does not."""
    estimate = getattr(synthesizer, "cost", None)
    found: Cost | None = estimate(size) if callable(estimate) else None
    return found


def traits(name: str, *, private: bool = False) -> Traits | None:
    """What a registered synthesizer says of itself; None where it does not."""
    found = getattr(registry.synthesizer(name, private=private), "traits", None)
    return found if isinstance(found, Traits) else None


def listed_names() -> list[str]:
    """Names of all synthesizers, those that need a privacy budget among them."""
    return sorted({*registry.names("synthesizers"), *registry.names("private_synthesizers")})


def listed(name: str) -> str:
    """One line about a synthesizer: name, summary, and what to know before choosing it."""
    with_budget = name in registry.names("private_synthesizers")
    only = name not in registry.names("synthesizers")
    kind: registry.Kind = "private_synthesizers" if only else "synthesizers"
    line = f"{name:20} {registry.summary(kind, name)}"
    private = "no privacy budget"
    if with_budget:
        private = "only with a privacy budget" if only else "with a privacy budget or without"
    known = traits(name, private=only)
    if known is None and not with_budget:
        return f"{line} [types, conditions, privacy and cost: not said]"
    if known is None:
        return f"{line} [types, conditions and cost: not said; privacy: {private}]"
    kept = ", keeps training records in its model" if known.keeps_records else ""
    needs = f"; needs: the extra {known.extra}" if known.extra else ""
    return (
        f"{line} [types: {known.types}; conditions: {_CONDITIONS[known.conditions]}; "
        f"privacy: {private}{kept}; cost: {known.cost}{needs}]"
    )


def resolve(synthesizer: str, parameters: Collection[str] = ()) -> str:
    """The registered name behind a name, or what `auto` picks first for these hyper-parameters.

    Raises:
        UsageError: there is none.
        PrivacyError: there is one under a privacy budget alone.
    """
    name = taking(parameters)[0] if synthesizer == AUTO else synthesizer
    if name in registry.names("synthesizers"):
        return name
    if name in registry.names("private_synthesizers"):
        raise PrivacyError(
            f"--synthesizer {name}", expected="a privacy budget", got="none",
            remedy="give --epsilon and --source-id",
        )  # fmt: skip
    names = (AUTO, *registry.names("synthesizers"))
    raise unknown("--synthesizer", synthesizer, names, remedy="see `tabsynth list synthesizers`")


def resolve_private(synthesizer: str) -> str:
    """The registered name of a synthesizer with a differentially private form.

    Raises:
        UsageError: no synthesizer has that name.
        PrivacyError: it has no private form.
    """
    name = PRIVATE if synthesizer == AUTO else synthesizer
    known = registry.names("private_synthesizers")
    if name in known:
        return name
    if synthesizer != AUTO:
        resolve(name)
    raise PrivacyError(
        "--epsilon",
        expected=f"a synthesizer with a private form ({', '.join(known) or 'none is registered'})",
        got=f"{name}, which has none", remedy="name one of these, or leave --epsilon out",
    )  # fmt: skip


def configure(name: str, parameters: Mapping[str, Any], *, private: bool = False) -> Any:
    """The synthesizer of that registered name with those hyper-parameters, values or texts.

    Args:
        name: a registered one.
        parameters: hyper-parameters by name.
        private: its differentially private form.

    Raises:
        UsageError: an unknown parameter, or a value that is none of its.
    """
    kind = registry.synthesizer(name, private=private)
    known = [f.name for f in dataclasses.fields(kind)]
    for key in parameters:
        if key not in known:
            raise unknown("--param", key, known, remedy=f"these are the parameters of {name}")
    try:
        return TypeAdapter(kind).validate_python(dict(parameters))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(p) for p in first["loc"])
        wanted = first["msg"].removeprefix("Input should be ").partition(", unable")[0]
        got = repr(parameters[place]) if isinstance(parameters.get(place), str) else "another"
        raise UsageError(
            f"--param {place}", expected=wanted, got=got, remedy="correct the value"
        ) from None


def _problem(needed: Cost | None, free: float | None) -> str | None:
    if needed is None:
        return None
    if free is not None and needed.memory > free:
        return "not fit in memory"
    if needed.seconds > PATIENCE:
        return f"take more than {PATIENCE / 60:.0f} minutes"
    return None


def _why(name: str, candidates: Sequence[str], ruled_out: Sequence[str]) -> str:
    if ruled_out:
        return f"{' and '.join(ruled_out)}"
    if name != PREFERRED[0] and name == candidates[0]:
        return "it has the parameters that were given"
    return "the most faithful one, and this table is not too large for it"
