from __future__ import annotations

import datetime as dt
import itertools
import random
import re
import subprocess
import sys
import uuid
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.errors import DataError, SchemaError
from tabsynth.generators import WITHHELD, generate, pattern_capacity
from tabsynth.schema.generator import PersonalKind
from tabsynth.schema.model import FieldSchema


def field(kind: str = "string", *, unique: bool = False, **extension: Any) -> FieldSchema:
    return FieldSchema.model_validate(
        {"name": "x", "type": kind, "constraints": {"unique": unique}, "tabsynth": extension}
    )


def generator(kind: str, *, type: str = "string", unique: bool = False, **options: Any) -> Any:
    return field(type, unique=unique, generator={"kind": kind, **options})


def values(described: FieldSchema, rows: int, *, start: int = 0, seed: int = 0) -> list[Any]:
    made = generate(described, rows, start=start, rng=np.random.default_rng(seed))
    assert len(made) == rows
    assert made.null_count == 0
    return list(made.to_pylist())


def test_an_integer_sequence_goes_on_over_chunks() -> None:
    described = generator("sequence", type="integer", start=100)
    assert values(described, 3) + values(described, 2, start=3) == [100, 101, 102, 103, 104]
    assert generate(described, 0, start=0, rng=np.random.default_rng(0)).type == pa.int64()


def test_a_text_sequence_is_prefixed_and_padded() -> None:
    assert values(generator("sequence", prefix="ä-", width=4), 2, start=9) == ["ä-0010", "ä-0011"]
    assert values(generator("sequence"), 2) == ["1", "2"]
    assert values(generator("sequence", width=2, start=98), 4) == ["98", "99", "100", "101"]
    assert values(generator("sequence", width=3, start=-1, prefix="n"), 3) == [
        "n-01",
        "n000",
        "n001",
    ]


def test_a_sequence_stays_within_64_bits() -> None:
    described = generator("sequence", type="integer", start=2**63 - 2)
    assert values(described, 2) == [2**63 - 2, 2**63 - 1]
    with pytest.raises(DataError, match="within 64 bits"):
        values(described, 3)
    with pytest.raises(DataError, match="within 64 bits"):
        values(generator("sequence", start=-(10**30)), 1)


def test_uuids_are_version_4_and_distinct() -> None:
    made = values(generator("uuid"), 500)
    assert len(set(made)) == 500
    for text in made:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 4
        assert parsed.variant == uuid.RFC_4122


def test_uuid_bits_are_those_of_the_random_numbers() -> None:
    raw = bytearray(np.random.default_rng(5).bytes(16))
    assert values(generator("uuid"), 1, seed=5) == [str(uuid.UUID(bytes=bytes(raw), version=4))]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d",
        "[ab]{3}",
        r"AB-\d{2}[xyz]",
        r"[A-F0-9]{3}é",
        "constant",
        r"[ab]{4}-[cd]{4}",
        "[abc]{9}",
    ],
)
def test_a_pattern_takes_every_value_once(pattern: str) -> None:
    capacity = pattern_capacity(pattern)
    made = values(generator("pattern", pattern=pattern), capacity)
    assert len(set(made)) == capacity
    assert all(re.fullmatch(pattern, text) for text in made)


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 4), min_size=3, max_size=8),
    start=st.integers(0, 2**40),
)
def test_long_patterns_stay_distinct_past_one_block(lengths: list[int], start: int) -> None:
    pattern = "-".join(f"[A-Z0-9]{{{n}}}" for n in lengths)
    start = min(start, pattern_capacity(pattern) - 200)
    made = values(generator("pattern", pattern=pattern), 200, start=start)
    assert len(set(made)) == 200
    assert all(re.fullmatch(pattern, text) for text in made)


def test_a_pattern_stays_distinct_where_its_blocks_carry() -> None:
    # Nine digits are scrambled together, so rows 10^9 apart differ in the letters after them only.
    described = generator("pattern", pattern=r"\d{9}[a-z]{7}")
    made = [
        text
        for carry in range(40)
        for text in values(described, 60, start=max(0, carry * 10**9 - 30))
    ]
    assert len(set(made)) == 40 * 60


def test_chunking_does_not_change_a_pattern() -> None:
    described = generator("pattern", pattern=r"[A-Z]{4}\d{4}[a-z]{9}")
    whole = values(described, 100, start=1_000)
    parts = [values(described, 30, start=1_000), values(described, 70, start=1_030, seed=9)]
    assert whole == parts[0] + parts[1]


def test_neighbours_of_a_pattern_look_unrelated() -> None:
    made = values(generator("pattern", pattern=r"[A-Z]{3}\d{5}"), 2_000)
    assert len({text[0] for text in made}) == 26
    assert sum(a[0] == b[0] for a, b in itertools.pairwise(made)) < 300


def test_a_pattern_that_is_too_short_is_refused() -> None:
    described = generator("pattern", pattern=r"K\d{2}")
    assert len(values(described, 1, start=99)) == 1
    with pytest.raises(DataError) as caught:
        values(described, 2, start=99)
    assert str(caught.value) == (
        "column 'x': expected at most 100 records, as its pattern has no more values, got 101; "
        "lengthen the pattern, or ask for fewer records"
    )


@pytest.mark.parametrize("what", get_args(PersonalKind))
@pytest.mark.parametrize("locale", ["en_US", "de_DE", "ja_JP"])
def test_personal_data_of_every_kind(what: str, locale: str) -> None:
    made = values(generator("personal", what=what, locale=locale), 20, seed=1)
    assert all(isinstance(text, str) and text and "\n" not in text for text in made)
    assert len(set(made)) > 1
    assert made == values(generator("personal", what=what, locale=locale), 20, seed=1)
    assert made != values(generator("personal", what=what, locale=locale), 20, seed=2)


def test_large_chunks_of_personal_data_are_filled() -> None:
    made = values(generator("personal", what="last_name"), 20_000)
    assert len(set(made)) > 500


def test_global_random_state_is_neither_read_nor_set() -> None:
    described = generator("personal", what="name")
    random.seed(3)
    expected = random.random()
    random.seed(3)
    first = values(described, 5)
    assert random.random() == expected
    assert values(described, 5) == first


@pytest.mark.parametrize("what", ["email", "user_name", "url"])
def test_unique_personal_data_is_distinct_over_chunks(what: str) -> None:
    described = generator("personal", what=what, unique=True)
    # The same seed twice: the row's place alone must tell the chunks apart.
    made = values(described, 6_000) + values(described, 6_000, start=6_000)
    assert len(set(made)) == 12_000
    if what == "email":
        assert all(re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", text) for text in made)


@pytest.mark.parametrize("what", ["name", "iban", "ipv4"])
def test_other_personal_data_cannot_be_unique(what: str) -> None:
    with pytest.raises(DataError, match=f"got the generator {what}; delete constraints.unique"):
        values(generator("personal", what=what, unique=True), 2)


def test_addresses_of_hosts() -> None:
    made = [text.split(".") for text in values(generator("personal", what="ipv4"), 2_000)]
    assert all(len(parts) == 4 and 1 <= int(parts[0]) < 127 for parts in made)
    assert all(0 < int(part) < 255 for parts in made for part in parts)


def test_a_locale_without_such_data_is_refused() -> None:
    with pytest.raises(SchemaError, match="expected a locale with data for phone_number"):
        values(generator("personal", what="phone_number", locale="en_PH"), 1)


def test_a_locale_that_only_has_weighted_data() -> None:
    assert all(values(generator("personal", what="name", locale="es_CL"), 5))


def test_dates_of_birth() -> None:
    described = generator("personal", what="date_of_birth", type="date")
    made = generate(described, 5_000, start=0, rng=np.random.default_rng(0))
    assert made.type == pa.date32()
    days = made.to_pylist()
    assert dt.date(1935, 1, 1) <= min(days) < dt.date(1937, 1, 1)
    assert dt.date(2006, 1, 1) < max(days) <= dt.date(2007, 12, 31)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d", values(generator("personal", what="date_of_birth"), 1)[0]
    )


@pytest.mark.parametrize(
    ("low", "high", "observed", "earliest", "latest"),
    [
        ("2000-01-01", "2000-01-31", [], "2000-01-01", "2000-01-31"),
        ("2015-06-01", None, [], "2015-06-01", "2015-06-01"),
        (None, "1910-06-01", [], "1910-06-01", "1910-06-01"),
        ("2000-01-01", "2000-01-31", ["minimum", "maximum"], "1935-01-01", "2007-12-31"),
    ],
)
def test_dates_of_birth_keep_declared_bounds(
    low: str | None, high: str | None, observed: list[str], earliest: str, latest: str
) -> None:
    described = FieldSchema.model_validate(
        {
            "name": "born",
            "type": "date",
            "constraints": {"minimum": low, "maximum": high},
            "tabsynth": {
                "generator": {"kind": "personal", "what": "date_of_birth"},
                "observed": observed,
            },
        }
    )
    days = values(described, 3_000)
    span = (dt.date.fromisoformat(latest) - dt.date.fromisoformat(earliest)).days
    assert dt.date.fromisoformat(earliest) <= min(days)
    assert max(days) <= dt.date.fromisoformat(latest)
    assert (max(days) - min(days)).days >= span * 0.95


def test_withheld_text() -> None:
    assert values(field(free_text="replace"), 3) == [WITHHELD] * 3
    assert len(set(values(field(free_text="replace", unique=True), 3, start=5))) == 3


@pytest.mark.parametrize("described", [field(), field(free_text="drop")])
def test_modelled_and_dropped_columns_are_not_invented(described: FieldSchema) -> None:
    with pytest.raises(ValueError, match="a column that is invented"):
        values(described, 1)


@pytest.mark.parametrize(
    "described",
    [
        generator("sequence", type="integer"),
        generator("sequence", width=3),
        generator("uuid"),
        generator("pattern", pattern=r"\d{3}"),
        generator("personal", what="name"),
        generator("personal", what="email", unique=True),
        generator("personal", what="ipv4"),
        generator("personal", what="date_of_birth", type="date"),
        field(free_text="replace"),
        field(free_text="replace", unique=True),
    ],
)
def test_no_rows_and_one_type(described: FieldSchema) -> None:
    empty = generate(described, 0, start=4, rng=np.random.default_rng(0))
    some = generate(described, 3, start=4, rng=np.random.default_rng(0))
    assert len(empty) == 0
    assert empty.type == some.type
    assert isinstance(some, pa.Array)


def test_importing_the_module_does_not_import_faker() -> None:
    code = "import sys, tabsynth.generators; sys.exit('faker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
