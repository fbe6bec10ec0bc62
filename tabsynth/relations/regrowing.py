"""From the model of a part of a database to one that draws as much as the whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from tabsynth.relations.counts import three_digits
from tabsynth.relations.model import DatabaseModel
from tabsynth.relations.table_model import TableModel
from tabsynth.schema.database import DatabaseSchema
from tabsynth.synthesizers.margins import two_digits


def regrown(model: DatabaseModel, share: float, whole: Collection[str]) -> DatabaseModel:
    """The model at whose scale 1 a database has the size of the whole, and lists have theirs.

    Args:
        model: learnt from a part.
        share: of the entities that are in it, above 0.
        whole: tables of which the part had all records.
    """
    tables = {
        name: table if name in whole else _grown(table, model.schema, share, whole)
        for name, table in model.tables.items()
    }
    return dataclasses.replace(model, tables=tables)


def _grown(
    table: TableModel, schema: DatabaseSchema, share: float, whole: Collection[str]
) -> TableModel:
    keys = schema.foreign_keys[table.name]
    means = {
        index: three_digits(mean / share) if keys[index].parent in whole else mean
        for index, mean in table.means.items()
    }
    roots = max(two_digits(round(table.roots / share)), 1) if table.roots else 0
    return dataclasses.replace(table, roots=roots, means=means)
