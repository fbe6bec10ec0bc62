"""A table that has been checked against its schema: everything behind this point trusts it."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa

from tabsynth.errors import DataError
from tabsynth.schema.check import check
from tabsynth.schema.infer import infer
from tabsynth.schema.model import FieldSchema, TableSchema

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """Records and their schema, stored as Arrow columns of the schema's storage types.

    Args:
        schema: describes exactly the columns of `data`, in order.
        data: columns of type `storage_type(field)`; null stands for missing.
        persons: a number per record, equal for records of one privacy unit, for a table without the
            column that says so; shape (records,).
    """

    schema: TableSchema
    data: pa.Table
    persons: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if tuple(self.data.column_names) != self.schema.names:
            raise ValueError("expected the columns of the schema, in its order")

    @classmethod
    def checked(cls, raw: pa.Table, schema: TableSchema, *, where: str = "data") -> Self:
        """Parse a raw table and check it against a schema.

        Args:
            raw: columns as read from a file, texts or typed values.
            schema: what the columns must be.
            where: how messages name the source.

        Raises:
            DataError: any column breaks the schema; the message counts every kind of violation.
        """
        data, violations = check(raw, schema)
        if violations:
            shown = "; ".join(v.sentence() for v in violations[:6])
            more = f"; and {len(violations) - 6} more kinds" if len(violations) > 6 else ""
            raise DataError(
                where,
                expected="records that keep the schema",
                got=f"{shown}{more}",
                remedy="correct the data or the schema (`tabsynth schema check` lists everything)",
            )
        return cls(schema, data)

    @classmethod
    def from_pandas(cls, frame: pd.DataFrame, schema: TableSchema | None = None) -> Self:
        """A table from a DataFrame; without a schema, one is inferred from the records.

        Raises:
            DataError: columns of mixed types, or records that break the schema.
        """
        raw = arrow_from_pandas(frame)
        return cls.checked(raw, schema or infer(raw), where="DataFrame")

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame with nullable integers, categories in declared order, and time zones."""
        import pandas as pd

        columns = {f.name: _series(self.data.column(f.name), f) for f in self.schema.fields}
        return pd.DataFrame(columns, index=pd.RangeIndex(self.num_rows))

    @property
    def num_rows(self) -> int:
        """How many records."""
        return int(self.data.num_rows)

    def column(self, name: str) -> pa.Array:
        """One column as a single Arrow array."""
        chunked = self.data.column(name)
        return chunked.chunk(0) if chunked.num_chunks == 1 else chunked.combine_chunks()

    def take(self, rows: NDArray[np.integer[Any]]) -> Table:
        """The records at those positions, in that order."""
        persons = None if self.persons is None else self.persons[rows]
        return Table(self.schema, self.data.take(pa.array(rows)), persons)

    def select(self, schema: TableSchema) -> Table:
        """The columns that `schema` names, under that schema."""
        return Table(schema, self.data.select(list(schema.names)), self.persons)

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """A number per record, equal for records of one privacy unit; shape (records,).

        Without a privacy unit in the schema, and where its value is missing, a record stands alone.
        """
        if self.persons is not None:
            return self.persons
        own = np.arange(self.num_rows, dtype=np.int64)
        name = self.schema.tabsynth.privacy_unit
        if name is None:
            return own
        column = self.column(name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        codes = column.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        return np.where(codes < 0, own + len(column.dictionary), codes)

    @property
    def owners(self) -> NDArray[np.int64] | None:
        """The units; None where each record is a person's own."""
        known = self.persons is not None or self.schema.tabsynth.privacy_unit is not None
        return self.units if known else None

    @property
    def modelled(self) -> Table:
        """The columns that synthesizers see, and whose record each one is."""
        schema = self.schema.modelled
        return Table(schema, self.data.select(list(schema.names)), self.owners)

    def __repr__(self) -> str:
        return f"Table({self.num_rows:,} records x {len(self.schema.fields)} columns)"

    def _repr_html_(self) -> str:
        head = Table(self.schema, self.data.slice(0, 10)).to_pandas()
        return f"<p>{html.escape(repr(self))}</p>{head.to_html(index=False, na_rep='')}"


def arrow_from_pandas(frame: pd.DataFrame) -> pa.Table:
    """Arrow columns of a DataFrame, its index left out.

    Raises:
        DataError: a column of mixed types or of broken text, or a name that is repeated, empty or
            no text.
    """
    names = [str(name) for name in frame.columns]
    arrays = []
    for position, name in enumerate(names):
        try:
            arrays.append(pa.array(frame.iloc[:, position], from_pandas=True))
        except UnicodeEncodeError:
            raise DataError(
                f"column {name!a}",
                expected="texts that UTF-8 can hold",
                got="half of a surrogate pair",
                remedy="repair the texts first",
            ) from None
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            # Arrow's own words quote a value
            raise DataError(
                f"column {name!r}",
                expected="values of one type",
                got="a mixture of types",
                remedy="convert the column to one type first",
            ) from None
    require_names(names)
    return pa.Table.from_arrays(arrays, names=names)


def require_names(names: list[str]) -> None:
    """Refuse columns that cannot be told apart by name.

    Raises:
        DataError: a name that is repeated, empty or no text.
    """
    if any(not name or not _is_utf8(name) for name in names):
        raise DataError(
            "table",
            expected="a name for every column",
            got="one that is empty or no text that UTF-8 can hold",
            remedy="rename the columns",
        )
    if len(set(names)) != len(names):
        raise DataError(
            "table",
            expected="each column name once",
            got="duplicate column names",
            remedy="rename the columns",
        )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _series(column: pa.ChunkedArray, field: FieldSchema) -> pd.Series[Any]:
    import pandas as pd

    if field.type == "boolean" or (field.type == "integer" and not field.constraints.required):
        dtype = pd.BooleanDtype() if field.type == "boolean" else pd.Int64Dtype()
        return pd.Series(column.to_pandas(types_mapper={column.type: dtype}.get))
    if pa.types.is_dictionary(column.type):
        return _categorical(column, field)
    if field.type == "date":
        return pd.Series(column.cast(pa.timestamp("s")).to_pandas())
    return pd.Series(column.to_pandas())


def _categorical(column: pa.ChunkedArray, field: FieldSchema) -> pd.Series[Any]:
    import pandas as pd

    together = column.unify_dictionaries().combine_chunks()
    values = together.dictionary.to_pylist()
    declared = [str(c) for c in field.domain or ()]
    categories = declared + sorted(set(values) - set(declared))
    place = {category: code for code, category in enumerate(categories)}
    # the last entry is where missing values point to
    codes = np.array([*(place[v] for v in values), -1])[
        together.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    ]
    kind = pd.CategoricalDtype(categories, ordered=field.categories_ordered)
    return pd.Series(pd.Categorical.from_codes(codes, dtype=kind))
