"""What a schema declares, as cells; and what it does not."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tabsynth.encoding.codec import CategoryCodec, NumericCodec
from tabsynth.errors import PrivacyError, UndeclaredDomainError
from tabsynth.privacy.domain import FINEST, INTERVALS, Domain
from tabsynth.private_fit import known_domain
from tabsynth.schema.files import load_schema
from tabsynth.schema.model import TableSchema
from tests.zoo import field


def column(kind: str, **settings: object) -> NumericCodec:
    made = Domain.declared(TableSchema(fields=(field("x", kind, **settings),)))
    (codec,) = made.codec.columns
    assert isinstance(codec, NumericCodec)
    return codec


def test_every_possible_value_is_a_cell_while_they_are_few() -> None:
    codec = column("integer", constraints={"minimum": -2, "maximum": FINEST - 3})
    assert codec.atom.all()
    assert codec.low[0] == -2
    assert len(codec.low) == FINEST


def test_many_values_are_cut_into_intervals_of_one_width() -> None:
    codec = column("integer", constraints={"minimum": 0, "maximum": 2_000_000})
    assert len(codec.low) <= INTERVALS
    assert len(set((codec.high - codec.low)[:-1].tolist())) == 1
    assert (codec.low[1:] == codec.high[:-1] + 1).all()
    assert (codec.low[0], codec.high[-1]) == (0, 2_000_000)


def test_declared_decimals_are_a_lattice_and_others_are_not() -> None:
    cents = column("number", constraints={"minimum": 0, "maximum": 1.1}, tabsynth={"decimals": 2})
    assert (cents.low[0], cents.high[-1], cents.atom.all()) == (0, 110, True)
    inside = column(
        "number", constraints={"minimum": 0.005, "maximum": 0.995}, tabsynth={"decimals": 2}
    )
    assert (inside.low[0], inside.high[-1]) == (1, 99)
    for settings in ({}, {"decimals": 2, "observed": ("decimals",)}):
        real = column("number", constraints={"minimum": 0, "maximum": 1.1}, tabsynth=settings)
        assert len(real.low) == INTERVALS
        assert real.low.dtype == np.float64


def test_dates_and_times_are_lattices_too() -> None:
    days = column("date", constraints={"minimum": "2020-01-01", "maximum": "2020-12-31"})
    assert days.atom.sum() == 366
    assert days.ends() == [dt.date(2020, 1, 1), dt.date(2020, 12, 31)]
    assert len(column("time").low) <= INTERVALS


def test_cut_points_are_the_ends_of_intervals() -> None:
    codec = column("integer", tabsynth={"cut_points": (0, 10, 11, 65)})
    assert list(zip(codec.low.tolist(), codec.high.tolist(), strict=True)) == [
        (0, 9),
        (10, 10),
        (11, 65),
    ]
    wider = column(
        "number", constraints={"minimum": -1, "maximum": 9.5}, tabsynth={"cut_points": (0, 5)}
    )
    assert wider.low.tolist() == [-1, 0, 5]
    assert wider.high.tolist() == [0, 5, 9.5]


def test_categories_and_booleans_are_cells_and_missing_is_the_last() -> None:
    schema = TableSchema(
        fields=(
            field("a", categories=("x", "y")),
            field("b", "boolean", constraints={"required": True}),
            field("c", "integer", constraints={"enum": (3, 1)}),
        )
    )
    made = Domain.declared(schema)
    assert [c.categories for c in made.codec.columns if isinstance(c, CategoryCodec)] == [
        ("x", "y"),
        (False, True),
        (3, 1),
    ]
    assert made.nullable == (True, False, True)
    assert made.sizes == made.fine_sizes == (3, 2, 3)


def test_all_columns_without_a_domain_are_named_at_once() -> None:
    bounds = {"minimum": 0, "maximum": 9}
    fields = (
        field("name", "string"),
        field("seen", "string", categories=("a",), tabsynth={"observed": ("categories",)}),
        field("none", "string", categories=()),
        field("low", "integer", constraints={"maximum": 9}),
        field("high", "number", constraints=bounds, tabsynth={"observed": ("maximum",)}),
        field("kind", "integer", constraints=bounds, tabsynth={"observed": ("type",)}),
        field("day", "date"),
        field("both", "integer", constraints=bounds, tabsynth={"observed": ("type", "minimum")}),
        field("fine", "integer", constraints=bounds),
        field("withheld", "string", tabsynth={"free_text": "drop", "observed": ("type",)}),
        field("id", "integer", tabsynth={"generator": {"kind": "sequence", "start": 10_000},
                                         "observed": ("type", "required")}),
        field("code", "string", tabsynth={"generator": {"kind": "uuid"}}),
    )  # fmt: skip
    with pytest.raises(UndeclaredDomainError) as caught:
        Domain.declared(TableSchema(fields=fields))
    assert caught.value.columns == (
        "name", "seen", "none", "low", "high", "kind", "day", "both", "id",
    )  # fmt: skip
    assert caught.value.exit_code == 5
    told = (
        "'low' (no minimum)",
        "'high' (its maximum was read from records)",
        "'day' (no minimum and maximum)",
        "'seen' (its categories were read from records)",
        "'both' (its type and minimum were read from records)",
        "'id' (its type and generator were read from records)",
        "declare categories",
        "cut_points",
    )
    for words in told:
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_required_read_from_records_does_not_count() -> None:
    seen = field(
        "a", "boolean", constraints={"required": True}, tabsynth={"observed": ("required",)}
    )
    assert Domain.declared(TableSchema(fields=(seen,))).nullable == (True,)


def test_nothing_that_was_read_from_records_is_in_what_is_declared() -> None:
    observed = ("decimals", "maximum", "required")
    cut = field(
        "x", "number", constraints={"required": True, "minimum": 0, "maximum": 11.5},
        tabsynth={"cut_points": (0, 5, 10), "decimals": 5, "observed": observed},
    )  # fmt: skip
    word = field("w", constraints={"enum": ["a"]}, tabsynth={"observed": ("categories",)})
    assert word.domain == ("a",)
    schema, domain = known_domain(TableSchema(fields=(cut,)))
    (plain,) = schema.fields
    assert plain == domain.schema.fields[0]
    assert plain == field(
        "x", "number", constraints={"minimum": 0}, tabsynth={"cut_points": (0, 5, 10)}
    )
    assert word.declared == field("w")
    # a type is kept, and refused until a person declares it
    kind = field("k", "integer", tabsynth={"observed": ("type", "decimals")})
    assert kind.declared.tabsynth.observed == ("type",)


def test_bounds_beyond_what_numbers_hold_are_refused() -> None:
    wide = field("x", "integer", constraints={"minimum": -(2**63), "maximum": 2**63 - 1})
    huge = field("x", "number", constraints={"minimum": -1.7e308, "maximum": 1.7e308})
    for one in (wide, huge):
        with pytest.raises(PrivacyError, match="narrower bounds"):
            Domain.declared(TableSchema(fields=(one,)))
    with pytest.raises(PrivacyError, match="at least one modelled column"):
        Domain.declared(TableSchema(fields=(field("x", tabsynth={"free_text": "drop"}),)))


def test_the_public_assumptions_are_sentences() -> None:
    made = Domain.declared(load_schema("schemas/examples/adult.yaml"))
    words = made.words()
    assert words[0] == "age lies from 17 to 90, asked about in 74 values; is never missing"
    assert words[9] == "sex is one of 2 categories (Female, Male); is never missing"
    assert len(words) == len(made.names) == 15
