import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.schema.check import check
from tabsynth.schema.generator import Pattern, Personal, Sequence
from tabsynth.schema.infer import infer
from tabsynth.schema.model import FieldSchema, TableSchema

RNG = np.random.default_rng(20)


def inferred(values: Any, name: str = "x") -> FieldSchema:
    """The field proposed for one column, which must keep its own schema."""
    schema = table_of({name: values})
    return schema.fields[0]


def table_of(columns: dict[str, Any]) -> TableSchema:
    raw = pa.table({name: _column(values) for name, values in columns.items()})
    schema = infer(raw)
    data, violations = check(raw, schema)
    assert violations == ()
    assert data.num_rows == raw.num_rows
    # what is written to a file must be a schema again
    assert TableSchema.model_validate(schema.descriptor()) == schema
    return schema


def _column(values: Any) -> Any:
    return (
        values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, pa.string())
    )


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["true", "false"], {"type": "boolean", "true_values": ("true",)}),
        (["TRUE", "FALSE", ""], {"type": "boolean", "false_values": ("FALSE",)}),
        (["True", "false"], {"type": "boolean"}),
        (["0", "1"], {"type": "integer"}),
        (["1", "-2", "+3", " 4 "], {"type": "integer"}),
        (["1.0", "2.0", ""], {"type": "integer"}),
        (["1.00", "2.50"], {"type": "number", "decimals": 2}),
        (["1", "2.5"], {"type": "number", "decimals": 1}),
        (["0.12345678"], {"type": "number", "decimals": None}),
        (["1e-3", "2"], {"type": "number", "decimals": None}),
        (["00123", "00456"], {"type": "string"}),
        (["9223372036854775808", "1"], {"type": "string"}),
        (["2020-02-29", "1950-01-01"], {"type": "date", "format": None}),
        (["2020-02-29 10:00:00", "1950-01-01 00:00:00.5"], {"type": "datetime", "format": None}),
        (["2020-02-29T10:00:00Z"], {"type": "datetime", "timezone": "UTC"}),
        (["10:00", "23:59:59"], {"type": "time"}),
        (["25:00", "23:59"], {"type": "string"}),
        (["31/12/2020", "01/02/2020"], {"type": "date", "format": "%d/%m/%Y"}),
        (["12/31/2020", "01/02/2020"], {"type": "date", "format": "%m/%d/%Y"}),
        (["31.12.2020", "01.02.2020"], {"type": "date", "format": "%d.%m.%Y"}),
        (["2020/12/31"], {"type": "date", "format": "%Y/%m/%d"}),
        (["31 Dec 2020", "01 Feb 2020"], {"type": "date", "format": "%d %b %Y"}),
        (["31/12/2020 10:00"], {"type": "datetime", "format": "%d/%m/%Y %H:%M"}),
        (["12/31/2020 1:00 PM"], {"type": "datetime", "format": "%m/%d/%Y %I:%M %p"}),
        (["2021-02-29", "2020-01-01"], {"type": "string"}),
        (["1", "two"], {"type": "string"}),
        (["a", "b"], {"type": "string"}),
    ],
)
def test_types_of_texts(texts: list[str], expected: dict[str, Any]) -> None:
    field = inferred(texts * 30)
    for fact, value in expected.items():
        holder = field.tabsynth if fact in ("decimals", "timezone") else field
        assert getattr(holder, fact) == value
    assert "type" in field.tabsynth.observed


@pytest.mark.parametrize(
    ("texts", "kind", "markers"),
    [
        (["1", "2", ""], "integer", None),
        (["1", "2", "NA", "-"], "integer", ("NA", "-")),
        (["1", "", "?"], "integer", ("", "?")),
        (["a", "?", "a"], "string", ("?",)),
        (["a", "-", "a"], "string", None),
        (["2020-01-01", "null"], "date", ("null",)),
        (["true", "None", "false"], "boolean", ("None",)),
    ],
)
def test_markers(texts: list[str], kind: str, markers: tuple[str, ...] | None) -> None:
    field = inferred(texts * 30)
    assert (field.type, field.missing_values) == (kind, markers)
    hyphen_is_a_value = kind == "string" and "-" in texts
    assert field.constraints.required is hyphen_is_a_value


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, 2, None], pa.int16()), {"type": "integer"}),
        (pa.array([1, 2**64 - 1], pa.uint64()), {"type": "string"}),
        (pa.array([1.25, np.nan]), {"type": "number", "decimals": 2}),
        (pa.array([1.0, 2.0]), {"type": "number", "decimals": 0}),
        (pa.array([1 / 3]), {"type": "number", "decimals": None}),
        (
            pa.array([Decimal(1), Decimal(2)], pa.decimal128(12, 3)),
            {"type": "number", "decimals": 3},
        ),
        (pa.array([True]), {"type": "boolean"}),
        (pa.array([1], pa.date32()), {"type": "date"}),
        (pa.array([1], pa.timestamp("ns")), {"type": "datetime", "timezone": None}),
        (pa.array([1], pa.timestamp("ms", "Asia/Tokyo")), {"timezone": "Asia/Tokyo"}),
        (pa.array([1], pa.timestamp("ms", "+02:00")), {"timezone": "UTC"}),
        (pa.array([1], pa.time32("s")), {"type": "time"}),
        (pa.array([b"a"]), {"type": "string"}),
        (pa.array([1, 2, 1]).dictionary_encode(), {"type": "integer"}),
        (pa.nulls(3), {"type": "string"}),
    ],
)
def test_typed_columns(values: pa.Array, expected: dict[str, Any]) -> None:
    field = inferred(values)
    for fact, value in expected.items():
        holder = field.tabsynth if fact in ("decimals", "timezone") else field
        assert getattr(holder, fact) == value


def test_ordered_dictionaries_keep_their_order() -> None:
    codes = pa.array([0, 1, 2, 3] * 5 + [0, 1, 2], pa.int8())
    names = pa.array(["low", "mid", "high", "top"])
    field = inferred(pa.DictionaryArray.from_arrays(codes, names, ordered=True))
    assert field.categories == ("low", "mid", "high", "top")
    assert field.categories_ordered


@pytest.mark.parametrize(
    ("name", "texts", "generator"),
    [
        ("x", [str(uuid.UUID(int=i, version=4)) for i in range(3)], {"kind": "uuid"}),
        ("x", [str(i) for i in range(1, 31)], {"kind": "sequence", "start": 100}),
        ("x", [str(i) for i in range(5017, 5047)], {"kind": "sequence", "start": 10_000}),
        ("Unnamed: 0", [str(i) for i in range(30)], {"kind": "sequence", "start": 100}),
        ("patientId", [str(i * i) for i in range(30)], {"kind": "sequence", "start": 1000}),
        ("order_no", [str(7 * i + 100) for i in range(30)], {"kind": "sequence", "start": 1000}),
        ("x", [f"P{i:03d}" for i in range(1, 31)], {"kind": "sequence", "prefix": "P", "width": 3}),
        ("x", [f"P-{i}" for i in range(1, 31)], {"kind": "sequence", "prefix": "P-"}),
        (
            "x",
            [f"{a}B-{7 * i % 10000:04d}" for i, a in enumerate("ACDEFGHIJK" * 3, 1)],
            {"kind": "pattern", "pattern": r"[A-Z]B-\d{4}"},
        ),
        (
            "x",
            [f"{i * 2654435761 % 16**8:08X}.x" for i in range(1, 60)],
            {"kind": "pattern", "pattern": r"[A-Z0-9]{8}\.x"},
        ),
        (
            "id",
            [chr(97 + i % 26) * (i + 1) for i in range(30)],
            {"kind": "sequence", "prefix": "id-"},
        ),
    ],
)
def test_identifiers(name: str, texts: list[str], generator: dict[str, Any]) -> None:
    schema = table_of({name: texts})
    field = schema.fields[0]
    assert field.tabsynth.generator is not None
    defaults = {"start": 1, "prefix": "", "width": 0} if generator["kind"] == "sequence" else {}
    assert field.tabsynth.generator.model_dump() == defaults | generator
    assert field.tabsynth.role == "identifier"
    assert field.constraints.unique and field.constraints.required
    assert schema.primary_key == (name,)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("fnlwgt", [str(i * i) for i in range(100)]),
        ("year", [str(y) for y in range(1950, 2010)]),
        ("id", [str(i) for i in range(10)]),
        ("id", [str(i // 25) for i in range(1000)]),
        ("year_no", [str(i // 2) for i in range(100)]),
        ("id", [str(i + 0.5) for i in range(100)]),
        ("measured", pa.array(np.arange(100.0))),
        ("when", pa.array(range(100), pa.timestamp("s"))),
    ],
)
def test_what_is_no_identifier(name: str, values: Any) -> None:
    schema = table_of({name: values})
    assert schema.fields[0].tabsynth.generator is None
    assert schema.primary_key == ()


def _people(form: str, count: int = 40) -> list[str]:
    return [
        form.format(i=i, w="".join(chr(97 + (i * k) % 26) for k in (1, 3, 7))) for i in range(count)
    ]


def test_persons_who_come_back_are_not_modelled() -> None:
    """One record a visit: neither the persons' names nor their numbers may come out."""
    person = [i * 7919 % 300 for i in range(2400)]
    schema = table_of(
        {
            "patient_id": [str(10_000 + p) for p in person],
            "patient_no": [f"P-{p:05d}" for p in person],
            "full_name": [
                f"Anna Maria{chr(97 + p % 26)} O'Nei{chr(97 + p // 26)}l" for p in person
            ],
            "ward_id": [str(p % 9) for p in person],
        }
    )
    generators = {f.name: f.tabsynth.generator for f in schema.fields}
    assert generators["patient_id"] == Sequence(start=100_000)
    assert generators["patient_no"] == Pattern(pattern=r"P-\d{5}")
    assert generators["full_name"] == Personal(what="name")
    assert generators["ward_id"] is None
    assert schema.primary_key == ()
    assert any("no longer linked" in note for note in schema.tabsynth.notes)


@pytest.mark.parametrize("values", [[str(i // 2) for i in range(100)], ["", *map(str, range(100))]])
def test_an_identifier_with_repeats_or_gaps_is_invented_but_no_key(values: list[str]) -> None:
    schema = table_of({"id": values})
    assert isinstance(schema.fields[0].tabsynth.generator, Sequence)
    assert not schema.fields[0].constraints.unique
    assert schema.primary_key == ()


def test_invented_numbers_are_none_of_the_real_ones() -> None:
    schema = table_of({"id": [str(i) for i in range(10_001, 11_001)]})
    assert schema.fields[0].tabsynth.generator == Sequence(start=100_000)


def test_different_addresses_stay_different() -> None:
    schema = table_of({"email": [f"p{i}@example.org" for i in range(50)]})
    assert schema.fields[0].constraints.unique


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("ORD-{:06d}", r"ORD-\d{6}"),
        ("{:06d}B", None),
        ("EUR {:06d}", None),
        ("a{:06d}.5", None),
    ],
)
def test_codes_that_come_back_are_invented_in_their_form(form: str, pattern: str | None) -> None:
    """Order numbers of tickets: hardly any two the same, and neither prose nor amounts."""
    texts = [form.format((i - i % 40 // 39) * 7919 % 1_000_000) for i in range(200)]
    assert len(set(texts)) < len(texts)
    schema = table_of({"order": texts})
    found = schema.fields[0].tabsynth
    if pattern is None:
        assert found.generator is None
        return
    assert found.generator == Pattern(pattern=pattern)
    assert found.role == "identifier"
    assert not schema.fields[0].constraints.unique
    assert "no longer linked" in schema.tabsynth.notes[0]


@pytest.mark.parametrize(
    "form", ["{0}.{1:03d},{2:02d}", "{0},{2:02d}", "€ {0},{2:02d}", "${0}.{2:02d}"]
)
def test_amounts_that_cannot_be_read_are_noted(form: str) -> None:
    texts = [form.format(i + 1, i * 37 % 1000, i * 13 % 100) for i in range(120)]
    schema = table_of({"cost": texts})
    assert schema.fields[0].tabsynth.free_text == "replace"
    assert any("decimalChar" in note for note in schema.tabsynth.notes)


def test_codes_in_a_column_named_after_persons_are_identifiers() -> None:
    schema = table_of({"patient": [f"P-{i * 37 % 90_000:05d}" for i in range(200)]})
    assert schema.fields[0].tabsynth.generator == Pattern(pattern=r"P-\d{5}")


@pytest.mark.parametrize(
    ("name", "texts", "what"),
    [
        ("first_name", _people("{w}{i}x"), "first_name"),
        ("Name", _people("{w} {i}x"), "name"),
        ("LastName", _people("{w}{i}x"), "last_name"),
        ("contact", _people("{w}.{i}@example.org"), "name"),
        ("c3", _people("{w}.{i}@example.org"), "email"),
        ("c4", _people("https://example.org/{w}/{i}"), "url"),
        ("c5", _people("10.0.{i}.7"), "ipv4"),
        ("c6", _people("+49 30 1234{i:03d}"), "phone_number"),
        ("c7", _people("(030) 555-1{i:03d}"), "phone_number"),
        ("c8", _people("DE{i:02d} 3704 0044 0532 0130 {i:02d}"), "iban"),
        ("phone", _people("3055501{i:03d}"), "phone_number"),
        ("ssn", _people("123-45-6{i:03d}"), "ssn"),
        ("city", _people("{w}{i}ville"), "city"),
    ],
)
def test_personal_data(name: str, texts: list[str], what: str) -> None:
    schema = table_of({name: texts})
    field = schema.fields[0]
    assert field.type == "string"
    assert field.tabsynth.generator is not None
    assert field.tabsynth.generator.model_dump() == {
        "kind": "personal", "what": what, "locale": "en_US",
    }  # fmt: skip
    assert schema.tabsynth.notes == (f"column {name!r}: taken for personal data",)


@pytest.mark.parametrize("name", ["city", "country", "state", "name", "company", "street"])
def test_few_shared_names_stay_categories(name: str) -> None:
    field = inferred(["Bonn", "Köln", "Aachen"] * 20, name)
    assert field.tabsynth.generator is None
    assert field.categories == ("Aachen", "Bonn", "Köln")


def test_free_text_is_withheld() -> None:
    story = [f"the {i}th visit went as {w} as could be hoped" for i, w in enumerate("ab" * 30)]
    words = ["".join(RNG.choice(list("abcdefgh"), RNG.integers(4, 20))) for _ in range(100)]
    schema = table_of(
        {
            "story": [*story, *story[:40]],
            "word": words,
            "rare": ["a", "b"] * 4 + list("cdefghij") * 11 + ["k"] * 4,
        }
    )
    assert schema.field("story").tabsynth.free_text == "replace"
    assert schema.field("word").tabsynth.free_text == "replace"
    assert schema.field("rare").tabsynth.free_text is None
    assert any("'word'" in note for note in schema.tabsynth.notes)
    lone = table_of({"x": ["a", "b", "c"]})
    assert lone.fields[0].tabsynth.free_text == "replace"


def test_rare_categories_and_extremes_do_not_enter() -> None:
    texts = ["common"] * 50 + ["five"] * 5 + ["secret"] * 4
    numbers = [str(n) for n in range(59)]
    days = [(dt.date(2020, 1, 1) + dt.timedelta(days=i)).isoformat() for i in range(59)]
    schema = table_of(
        {"t": texts, "n": RNG.permutation(np.array(numbers[::2] * 2)[:59]).tolist(), "d": days}
    )
    assert schema.field("t").categories == ("common", "five")
    assert (schema.field("n").constraints.minimum, schema.field("n").constraints.maximum) == (4, 54)
    assert schema.field("d").constraints.minimum == "2020-01-01"
    assert schema.field("d").constraints.maximum == "2020-02-29"
    assert "secret" not in repr(schema)
    assert set(schema.field("t").tabsynth.observed) == {"type", "categories", "required"}
    assert set(schema.field("n").tabsynth.observed) == {"type", "minimum", "maximum", "required"}


def test_bounds_need_twice_as_many_records() -> None:
    assert inferred([str(0.5 * i) for i in range(9)]).constraints.minimum is None
    assert inferred([str(0.5 * i) for i in range(10)]).constraints.minimum == 2.0
    assert inferred(pa.array([0.5 * i for i in range(10)])).constraints.maximum == 2.5


def test_bounds_of_zoned_and_clock_times() -> None:
    zoned = inferred(pa.array(range(0, 36000, 3600), pa.timestamp("s", "Asia/Tokyo")))
    assert zoned.constraints.minimum == "1970-01-01T00:00:00+00:00"
    clock = inferred([f"{h:02d}:30" for h in range(10)])
    assert (clock.constraints.minimum, clock.constraints.maximum) == ("04:00:00", "06:00:00")


def test_many_categories_are_not_listed() -> None:
    assert inferred([f"c{i % 1001}" for i in range(1001 * 5)]).categories is None


def test_notes() -> None:
    schema = table_of(
        {
            "k": ["a"] * 20,
            "none": ["?"] * 20,
            "d": ["01/02/2020", "03/04/2020"] * 10,
            "f": ["31/12/2020"] * 20,
        }
    )
    assert schema.tabsynth.notes == (
        "column 'k': is constant",
        "column 'none': has no values",
        "column 'd': its texts also read as %m/%d/%Y; %d/%m/%Y was taken",
        "column 'f': is constant",
    )
    assert schema.field("none").missing_values == ("?",)
    assert schema.tabsynth.source == "inferred from records"


@pytest.mark.parametrize(
    ("names", "noted"),
    [
        (["Basel", "987654.25", "2019-05-06"], True),
        (["Basel", "44", "12"], True),
        (["year", "2019", "2020"], False),
        (["0", "1", "2"], False),
        (["x1", "y2", "1st"], False),
    ],
)
def test_a_record_in_the_place_of_the_header_is_noted(names: list[str], noted: bool) -> None:
    said = " ".join(table_of({name: list("aabb") * 10 for name in names}).tabsynth.notes)
    assert ("if the table has no header" in said) == noted
    assert "987654" not in said


def test_infinities_are_numbers_for_the_check_to_refuse() -> None:
    raw = pa.table({"x": ["1.5", "inf", "-Infinity", "2.5"] * 5})
    schema = infer(raw)
    assert schema.fields[0].type == "number"
    _, violations = check(raw, schema)
    assert [(v.rule, v.count) for v in violations] == [("type", 10)]


def test_an_empty_table_and_one_record() -> None:
    empty = table_of({"a": [], "b": pa.array([], pa.float64())})
    assert [f.type for f in empty.fields] == ["string", "number"]
    assert not empty.fields[0].constraints.required
    single = table_of({"a": ["1"], "b": ["x"], "c": pa.array([None], pa.date32())})
    assert [f.type for f in single.fields] == ["integer", "string", "date"]


CELLS = st.one_of(
    st.sampled_from(["", "NA", "?", "-", "None", "true", "FALSE", "0", "1", "007", "1.0", " 2 "]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.dates().map(dt.date.isoformat),
    st.datetimes().map(dt.datetime.isoformat),
    st.text(max_size=8),
)
TYPED = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats(allow_infinity=False)),
    (pa.float32(), st.floats(allow_infinity=False, width=32)),
    (pa.bool_(), st.booleans()),
    (pa.date32(), st.dates()),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("us", "Europe/Berlin"), st.datetimes(min_value=dt.datetime(2, 1, 1))),
    (pa.time64("us"), st.times()),
    (pa.large_string(), CELLS),
    (pa.dictionary(pa.int8(), pa.string()), CELLS),
]


@settings(deadline=None)
@given(st.lists(st.one_of(CELLS, st.none()), max_size=60))
def test_any_texts_keep_the_schema_inferred_from_them(texts: list[str | None]) -> None:
    inferred(texts)


@settings(deadline=None)
@given(st.sampled_from([str, "date", "datetime", "int", "float", "hex"]), st.data())
def test_uniform_texts_keep_the_schema_inferred_from_them(kind: Any, data: st.DataObject) -> None:
    cells = {
        "date": st.dates().map(lambda d: f"{d.day:02d}/{d.month:02d}/{d.year:04d}"),
        "datetime": st.datetimes().map(dt.datetime.isoformat),
        "int": st.integers(0, 50).map(str),
        "float": st.floats(allow_infinity=False).map(repr),
        "hex": st.integers(0, 16**6 - 1).map("{:06X}".format),
    }.get(kind, st.text(max_size=3))
    inferred(data.draw(st.lists(cells, min_size=1, max_size=60)))


@settings(deadline=None)
@given(st.sampled_from(TYPED), st.data())
def test_typed_values_keep_the_schema_inferred_from_them(
    kind: tuple[pa.DataType, Any], data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.one_of(kind[1], st.none()), max_size=60))
    if pa.types.is_dictionary(kind[0]):
        inferred(pa.array(values, pa.string()).dictionary_encode())
    else:
        inferred(pa.array(values, kind[0]))
