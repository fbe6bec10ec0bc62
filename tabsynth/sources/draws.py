"""The ways in which a column's values come about, as a specification writes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

import numpy as np
import scipy.stats
from pydantic import BeforeValidator, Discriminator, Tag, field_validator, model_validator
from pydantic import Field as Setting

from tabsynth.schema.expression import parse_expression
from tabsynth.schema.generator import Strict
from tabsynth.schema.model import FieldType
from tabsynth.sources.parameters import Floats, Lookup, Parameter, by_text

NUMBERS: Final[tuple[FieldType, ...]] = ("number", "integer")
COUNTS: Final[tuple[FieldType, ...]] = ("integer", "number")


class _Draw(Strict):
    """What all have: the types of column that they draw, and their parameters by name."""

    types: ClassVar[tuple[FieldType, ...]] = NUMBERS

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Its parameters."""
        return {k: getattr(self, k) for k in type(self).model_fields if k != "kind"}


class _Normal(_Draw):
    kind: Literal["normal"]
    mean: Parameter
    sd: Parameter


class _Lognormal(_Draw):
    """`mu` and `sigma` are mean and standard deviation of the logarithm."""

    kind: Literal["lognormal"]
    mu: Parameter
    sigma: Parameter


class _Exponential(_Draw):
    kind: Literal["exponential"]
    mean: Parameter


class _Gamma(_Draw):
    kind: Literal["gamma"]
    shape: Parameter
    scale: Parameter


class _Beta(_Draw):
    kind: Literal["beta"]
    alpha: Parameter
    beta: Parameter


class _Uniform(_Draw):
    """Between `low` and `high`; whole numbers with both ends."""

    kind: Literal["uniform"]
    low: Parameter
    high: Parameter


class _Poisson(_Draw):
    types: ClassVar[tuple[FieldType, ...]] = COUNTS
    kind: Literal["poisson"]
    mean: Parameter


class _Binomial(_Draw):
    types: ClassVar[tuple[FieldType, ...]] = COUNTS
    kind: Literal["binomial"]
    trials: Parameter
    probability: Parameter


class Bernoulli(_Draw):
    """True with this probability."""

    types: ClassVar[tuple[FieldType, ...]] = ("boolean",)
    kind: Literal["bernoulli"]
    probability: Parameter


def _form(shares: Any) -> str:
    """Whether shares depend on another column."""
    depends = {"by", "values"} <= set(shares) if isinstance(shares, Mapping) else shares
    return "table" if isinstance(depends, Shares) or depends is True else "shares"


class Shares(Strict):
    """Shares of categories for each value of another column.

    Args:
        by: a column of categories or truth values.
        values: for each of them, shares or a further table.
        otherwise: for those that are not listed.
    """

    by: str
    values: Annotated[dict[str, AnyShares], BeforeValidator(by_text)]
    otherwise: AnyShares | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        """Every category that has a share somewhere, in order of appearance."""
        found: dict[str, None] = {}
        for inner in (*self.values.values(), self.otherwise):
            named = inner.categories if isinstance(inner, Shares) else tuple(inner or ())
            found |= dict.fromkeys(named)
        return tuple(found)

    def of(self, category: str) -> Lookup:
        """The share of one category, as a parameter."""
        values = {value: _share(inner, category) for value, inner in self.values.items()}
        rest = None if self.otherwise is None else _share(self.otherwise, category)
        return Lookup(by=self.by, values=values, otherwise=rest)


AnyShares: TypeAlias = Annotated[
    Annotated[Shares, Tag("table")]
    | Annotated[dict[str, Parameter], BeforeValidator(by_text), Tag("shares")],
    Discriminator(_form),
]
Shares.model_rebuild()


def _share(shares: Shares | Mapping[str, Parameter], category: str) -> Parameter:
    return shares.of(category) if isinstance(shares, Shares) else shares.get(category, 0.0)


class Categorical(_Draw):
    """Categories with their shares, which need not add up to 1."""

    types: ClassVar[tuple[FieldType, ...]] = ("string", "integer")
    kind: Literal["categorical"]
    shares: AnyShares

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.categories:
            raise ValueError("expected at least one category")
        return self

    @property
    def categories(self) -> tuple[str, ...]:
        """In the order in which they are written."""
        if isinstance(self.shares, Shares):
            return self.shares.categories
        return tuple(self.shares)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The share of each category."""
        return {c: _share(self.shares, c) for c in self.categories}


class Dates(_Draw):
    """Any day from the first to the last, or the like with seconds, each as likely."""

    types: ClassVar[tuple[FieldType, ...]] = ("date", "datetime")
    kind: Literal["dates"]
    first: str
    last: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        try:
            days = [dt.datetime.fromisoformat(x).replace(tzinfo=None) for x in self._ends]
        except ValueError:
            raise ValueError("expected days such as 2026-01-31") from None
        if days[0] > days[1]:
            raise ValueError("expected first at most last")
        return self

    @property
    def _ends(self) -> tuple[str, str]:
        return self.first, self.last

    @property
    def parameters(self) -> dict[str, Parameter]:
        """None that depends on anything."""
        return {}


class Formula(_Draw):
    """What an expression of other columns is; missing where it is unknown."""

    types: ClassVar[tuple[FieldType, ...]] = (
        "number", "integer", "boolean", "string", "date", "datetime", "time",
    )  # fmt: skip
    kind: Literal["formula"]
    expression: str

    @field_validator("expression")
    @classmethod
    def _parses(cls, text: str) -> str:
        parse_expression(text)
        return text

    @property
    def parameters(self) -> dict[str, Parameter]:
        """None; see `expression`."""
        return {}


Draw: TypeAlias = Annotated[
    _Normal | _Lognormal | _Exponential | _Gamma | _Beta | _Uniform | _Poisson | _Binomial
    | Bernoulli | Categorical | Dates | Formula,
    Setting(discriminator="kind"),
]  # fmt: skip

# what must hold of a parameter, whatever the distribution
ABOVE_0: Final = frozenset({"sd", "sigma", "shape", "scale", "alpha", "beta"})
POSITIVE_MEAN: Final = frozenset({"exponential", "poisson"})


def frozen(draw: Any, at: Mapping[str, Floats], *, whole: bool) -> Any:
    """The distribution of each record, with scipy's functions.

    Args:
        draw: one of a number.
        at: its parameters by name, shape (records,).
        whole: whether the column holds whole numbers, which decides what `uniform` is.
    """
    stats = scipy.stats
    match draw.kind:
        case "normal":
            return stats.norm(at["mean"], at["sd"])
        case "lognormal":
            return stats.lognorm(at["sigma"], scale=np.exp(at["mu"]))
        case "exponential":
            return stats.expon(scale=at["mean"])
        case "gamma":
            return stats.gamma(at["shape"], scale=at["scale"])
        case "beta":
            return stats.beta(at["alpha"], at["beta"])
        case "uniform" if whole:
            return stats.randint(at["low"], at["high"] + 1)
        case "uniform":
            return stats.uniform(at["low"], at["high"] - at["low"])
        case "poisson":
            return stats.poisson(at["mean"])
        case "binomial":
            return stats.binom(at["trials"].astype(np.int64), at["probability"])
    raise AssertionError("the specification lets nothing else through")
