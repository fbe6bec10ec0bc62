from __future__ import annotations

from typing import Any

import pytest

from tabsynth.errors import SchemaError
from tabsynth.schema.convert import convert
from tabsynth.schema.files import dump_schema, parse_schema, parse_text
from tests.constrained import CONSTRAINTS, FIELDS, schema_of


def test_constraints_are_written_and_read_again() -> None:
    schema = schema_of([{**rule, "observed": True} for rule in CONSTRAINTS])
    text = dump_schema(schema)
    assert parse_schema(parse_text(text, "s", as_json=False), "s") == schema
    for rule in CONSTRAINTS:
        assert f"kind: {rule['kind']}" in text


@pytest.mark.parametrize("constraint", schema_of(CONSTRAINTS).tabsynth.constraints)
def test_a_constraint_has_words_and_names_its_columns(constraint: Any) -> None:
    assert constraint.words
    assert set(constraint.involved) <= {f["name"] for f in FIELDS}
    assert constraint.involved


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "order", "columns": ["a", "b"]}, "inequality"),
        ({"columns": ["start", "end"]}, "kind"),
        ({"kind": "inequality", "columns": ["start"]}, "at least 2 in the list"),
        ({"kind": "inequality", "columns": ["start", "start"]}, "each column once"),
        ({"kind": "inequality", "columns": ["start", "nowhere"]}, "'nowhere', which is not"),
        ({"kind": "inequality", "columns": ["start", "end"], "strikt": True}, "strict"),
        ({"kind": "increment", "column": "price", "step": 0}, "step"),
        ({"kind": "increment", "column": "price", "step": 1e-12}, "9 decimals"),
        ({"kind": "combinations", "columns": ["city", "country"], "allowed": [["x"]]},
         "a value for each column"),
        ({"kind": "combinations", "columns": ["city", "country"], "allowed": []}, "allowed"),
        ({"kind": "expression", "expression": "__import__('os')"}, "expression"),
        ({"kind": "expression", "expression": "age > nowhere"}, "'nowhere'"),
        ({"kind": "total", "total": "net", "parts": ["net", "tax"]}, "each column once"),
        ({"kind": "total", "total": "net", "parts": ["tax"]}, "at least two parts"),
    ],
)  # fmt: skip
def test_a_malformed_constraint_is_refused_in_one_line(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        schema_of([rule])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_that_no_model_draws_cannot_be_constrained() -> None:
    fields = [*FIELDS[:2], {"name": "id", "type": "integer",
                            "tabsynth": {"generator": {"kind": "sequence"}}}]  # fmt: skip
    with pytest.raises(SchemaError, match="'id', which is not modelled"):
        schema_of([{"kind": "unique", "columns": ["id"]}], fields)


def test_sdv_metadata_has_no_place_for_constraints() -> None:
    with_rules, without = (
        convert(dump_schema(schema_of(rules)), to="sdv", where="s.yaml", table=None)
        for rules in (CONSTRAINTS, [])
    )
    assert with_rules == without
