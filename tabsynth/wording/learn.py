"""Text columns of a table: learn a model of each, and read it back from a model file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, get_args

import numpy as np
import pyarrow as pa

from tabsynth.errors import PrivacyError, SchemaError, unknown
from tabsynth.schema.files import parse_schema
from tabsynth.schema.model import FieldExtension, FieldSchema, FreeText, TableSchema
from tabsynth.table import Table
from tabsynth.wording.author import Author
from tabsynth.wording.gather import gather, ordinary_words
from tabsynth.wording.network import require_torch
from tabsynth.wording.personal import count
from tabsynth.wording.small_lm import SmallLmText
from tabsynth.wording.state import TextModel, TextState
from tabsynth.wording.templates import TemplateText

_RESTORE: Final[Mapping[str, Callable[[FieldSchema, TableSchema, TextState], TextModel]]] = {
    "template": TemplateText.restore,
    "llm": TemplateText.restore,
    "small-lm": SmallLmText.restore,
}


def learn_texts(table: Table, *, seed: int | None) -> dict[str, TextModel]:
    """A model of every text column whose schema asks for one.

    Args:
        table: training records.
        seed: the same seed gives the same models.

    Raises:
        SchemaError: a text column that is declared unique.
        DataError: texts of which nothing may be learnt.

    Privacy: not differentially private. A model holds what at least five privacy units share.
    """
    found: dict[str, TextModel] = {}
    for place, field in enumerate(table.schema.fields):
        if field.writes_text:
            _require_repeatable(field)
            entropy = None if seed is None else [seed, place, *b"texts"]
            rng = np.random.default_rng(entropy)
            gathered = gather(table, field, rng=rng)
            if field.tabsynth.free_text == "small-lm":
                require_torch()
                found[field.name] = SmallLmText.learn(gathered, field, table.schema, rng=rng)
            else:
                found[field.name] = TemplateText.learn(gathered, field, table.schema)
    return found


def personal_data(table: Table) -> dict[str, dict[str, int]]:
    """Kinds of personal data in each column of free text, and how many records hold them.

    Privacy: counts private records exactly; for the person who holds the table.
    """
    return {
        field.name: count(texts, ordinary=ordinary_words(texts, table.units))
        for field in table.schema.fields
        if field.tabsynth.free_text is not None
        for texts in [table.column(field.name).to_pylist()]
    }


def as_texts(table: Table, methods: Mapping[str, str]) -> Table:
    """The table with some columns taken for free text, treated so.

    Args:
        table: checked records.
        methods: by column, one of `FreeText`.

    Raises:
        UsageError: no such column, one of another type, or an unknown method.
    """
    fields = {f.name: f for f in table.schema.fields}
    data = table.data
    for name, method in methods.items():
        if name not in fields or fields[name].type != "string":
            known = [f.name for f in table.schema.fields if f.type == "string"]
            raise unknown("--text", name, known, remedy="name a text column")
        fields[name] = _as_text(fields[name], method)
        place = table.schema.names.index(name)
        data = data.set_column(place, name, data.column(name).cast(pa.string()))
    # validated again: a constraint between columns may need one that is a text now
    body = table.schema.model_copy(update={"fields": tuple(fields.values())}).descriptor()
    return Table(parse_schema(body, where="--text"), data)


def texts_withheld(table: Table) -> Table:
    """The same records with placeholders in the place of texts that would be learnt.

    For fits that are made over and over to look at the other columns.
    """
    fields = tuple(
        f.model_copy(update={"tabsynth": f.tabsynth.model_copy(update={"free_text": "replace"})})
        if f.writes_text else f
        for f in table.schema.fields
    )  # fmt: skip
    return Table(table.schema.model_copy(update={"fields": fields}), table.data)


def _as_text(field: FieldSchema, method: str) -> FieldSchema:
    if method not in get_args(FreeText):
        remedy = f"write for example {field.name}=template"
        raise unknown("--text", method, get_args(FreeText), remedy=remedy)
    kept = {"role": field.tabsynth.role, "free_text": method}
    bare = {
        "categories": None,
        "tabsynth": FieldExtension.model_validate(kept),
        "constraints": field.constraints.model_copy(update={"enum": None, "unique": False}),
    }
    return field.model_copy(update=bare)


def restore_text(field: FieldSchema, schema: TableSchema, state: TextState) -> TextModel:
    """A model from what the model file holds of it."""
    return _RESTORE[str(field.tabsynth.free_text)](field, schema, state)


def with_texts(
    rows: pa.Table,
    schema: TableSchema,
    texts: Mapping[str, TextModel],
    *,
    start: int,
    rng: np.random.Generator,
    author: Author | None = None,
) -> pa.Table:
    """A chunk of records with their texts, in the order of the schema.

    Args:
        rows: all emitted columns but those of the texts.
        schema: of the emitted columns.
        texts: models by column.
        start: the place of the chunk's first record in the whole table.
        rng: the chunk's random numbers for texts.
        author: writes those that a language model is to write; without one they stay drafts.
    """
    whole = rows
    for name, text in texts.items():
        written = text.write(rows, start=start, rng=rng)
        if author is not None and text.method == "llm":
            written = author.write(schema.field(name), rows, written, schema=schema, start=start)
        whole = whole.append_column(name, written)
    return whole.select(list(schema.names))


def require_endpoint(schema: TableSchema) -> None:
    """Refuse, before any work, texts by a language model of which nobody says where it is.

    Raises:
        UsageError: the schema asks for some, and the environment names no endpoint.
    """
    if any(field.tabsynth.free_text == "llm" for field in schema.fields):
        from tabsynth.wording.endpoint import Endpoint

        Endpoint.named()


def refuse_learnt_texts(schema: TableSchema) -> None:
    """Refuse to learn text under a privacy budget.

    Raises:
        PrivacyError: the schema asks for it.
    """
    for field in schema.fields:
        if field.writes_text:
            raise PrivacyError(
                f"column {field.name!r}", expected="free_text: replace or drop beside --epsilon",
                got=str(field.tabsynth.free_text),
                remedy="withhold the texts; what is learnt of them is not differentially private",
            )  # fmt: skip


def _require_repeatable(field: FieldSchema) -> None:
    if field.constraints.unique:
        raise SchemaError(
            f"column {field.name!r}", expected="texts that may come twice, where they are learnt",
            got="a column declared unique",
            remedy="delete constraints.unique, or withhold the column (free_text: replace)",
        )  # fmt: skip
