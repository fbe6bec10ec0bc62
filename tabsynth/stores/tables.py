"""One table of a store as a whole."""

from __future__ import annotations

import pyarrow as pa

from tabsynth.schema.model import TableSchema
from tabsynth.stores.protocol import Source


def read_whole(store: Source, table: str, schema: TableSchema) -> pa.Table:
    """The records of one table, in memory.

    Args:
        store: where it is.
        table: its name.
        schema: whose columns are read.

    Raises:
        DataError: see `Source.read`.
    """
    batches = list(store.read(table, schema))
    if batches:
        return pa.Table.from_batches(batches)
    return pa.table({name: pa.nulls(0) for name in schema.names})
