"""A folder of files, one a table, with a Data Package beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tabsynth.errors import DataError
from tabsynth.facts import counted_by_owner
from tabsynth.io.read import FORMATS, read_raw
from tabsynth.schema.database import PACKAGE_FILES, DatabaseSchema, load_database_schema
from tabsynth.schema.infer import infer
from tabsynth.schema.model import TableSchema
from tabsynth.stores.failures import gone
from tabsynth.stores.folder_load import writing_folder
from tabsynth.stores.proposals import with_keys
from tabsynth.stores.protocol import DatabaseWriter, Mode
from tabsynth.stores.values import BATCH


@dataclass(frozen=True)
class FolderStore:
    """Files ending in .csv, .csv.gz, .parquet or .jsonl, named after their tables.

    Args:
        path: of the folder.
    """

    path: Path

    @property
    def where(self) -> str:
        """How messages name it."""
        return str(self.path)

    @contextmanager
    def snapshot(self) -> Iterator[FolderStore]:
        """The store itself: files are not held."""
        yield self

    def reflect(self) -> DatabaseSchema:
        """See `Source.reflect`; without a Data Package every record is read."""
        if (package := self._package()) is not None:
            return package
        files = self._files()
        if not files:
            raise DataError(
                self.where, expected=f"files ending in {', '.join(FORMATS)}", got="none",
                remedy="check the folder",
            )  # fmt: skip
        raw = {name: read_raw(path) for name, path in files.items()}
        tables = with_keys({name: infer(table) for name, table in raw.items()}, raw)
        schema = DatabaseSchema(tables, {name: path.name for name, path in files.items()})
        return counted_by_owner(schema, raw)

    def read(
        self, table: str, schema: TableSchema | None = None, *, private: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """See `Source.read`."""
        where = f"{self.where}: table {table!r}"
        package = self._package()
        if package is not None and table in package.paths:
            path = self.path / package.paths[table]
        else:
            found = self._files().get(table)
            if found is None:
                raise gone(where, "table")
            path = found
        # a table of a database may have no records
        raw = read_raw(path, private=True)
        if schema is not None:
            if missing := [name for name in schema.names if name not in raw.column_names]:
                raise gone(where, f"column {missing[0]!r}")
            raw = raw.select(list(schema.names))
        if private:
            raw = raw.cast(pa.schema([(name, pa.string()) for name in raw.column_names]))
        yield from raw.to_batches(BATCH)

    def writing(self, schema: DatabaseSchema, mode: Mode) -> AbstractContextManager[DatabaseWriter]:
        """See `Store.writing`."""
        there = DatabaseSchema({}, {})
        if self.path.exists() and (self._files() or self._package() is not None):
            there = self.reflect()
        return writing_folder(self.path, schema, there, mode)

    def _files(self) -> dict[str, Path]:
        """Files by the name of their table, in the order of the names."""
        if not self.path.is_dir():
            raise DataError(
                self.where, expected="a folder of tables or a database URL",
                got="a file" if self.path.exists() else "no such folder",
                remedy="name a folder, or write a URL such as sqlite:///shop.db",
            )  # fmt: skip
        found: dict[str, Path] = {}
        for path in sorted(self.path.iterdir()):
            ending = next((e for e in FORMATS if path.name.lower().endswith(e)), None)
            if ending is None or not path.is_file() or path.name.startswith("."):
                continue
            name = path.name[: -len(ending)]
            if name in found:
                raise DataError(
                    self.where, expected="one file for each table",
                    got=f"{found[name].name} and {path.name}", remedy="take one of them away",
                )  # fmt: skip
            found[name] = path
        return found

    def _package(self) -> DatabaseSchema | None:
        for name in PACKAGE_FILES:
            if (self.path / name).is_file():
                return load_database_schema(self.path / name)
        return None
