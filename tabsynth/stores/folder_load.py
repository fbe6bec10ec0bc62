"""Writing to a folder: a file for each table, and the Data Package beside them.

All files are written in a staging folder. A folder that is not there appears by one rename; in one
that is there the files are moved in, and moved back when one of them fails. Only a process that is
killed during these moves, which take milliseconds, can leave some new beside some old files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from tabsynth.errors import OutputError
from tabsynth.io.atomic import atomic_files
from tabsynth.io.read import FORMATS, read_raw
from tabsynth.io.write import TableWriter, open_writer
from tabsynth.schema.database import PACKAGE_FILES, DatabaseSchema, dump_database_schema
from tabsynth.stores.ddl import emitted
from tabsynth.stores.loading import require_mode
from tabsynth.stores.protocol import Mode
from tabsynth.stores.rows import BLOCK_ROWS
from tabsynth.table import Table

ENDING: Final = ".csv"


@contextmanager
def writing_folder(
    folder: Path, schema: DatabaseSchema, there: DatabaseSchema, mode: Mode
) -> Iterator[FilesWriter]:
    """See `Store.writing`.

    Args:
        folder: where the files shall be.
        schema: of the tables to write.
        there: the tables that are there, with their files.
        mode: what to do with them.
    """
    where, schema = str(folder), emitted(schema)
    require_mode(schema, there, mode, where)
    others = {n: t for n, t in there.tables.items() if n not in schema.tables}
    known = {**schema.paths, **there.paths} if mode != "create" else schema.paths
    kept = {name: there.paths[name] for name in others if name in there.paths}
    paths = kept | _file_names(schema, known, taken=set(kept.values()))
    if mode == "append":
        package = DatabaseSchema(there.tables, paths, there.name)
    else:
        package = DatabaseSchema({**schema.tables, **others}, paths, schema.name)
    with atomic_files(folder) as staging, ExitStack() as stack:
        writer = FilesWriter(staging, schema, paths, stack)
        if mode == "append":
            for name, table in schema.tables.items():
                if name not in there.paths:
                    raise _narrower(where, name, "a file of the Data Package", "none")
                raw = read_raw(folder / there.paths[name], private=True)
                before = Table.checked(raw, there.tables[name], where=f"{where}: table {name!r}")
                if not set(before.data.column_names) <= set(table.names):
                    raise _narrower(where, name, "every column of the file in the schema", "fewer")
                writer.write(name, before.data)
        yield writer
        for name in schema.tables:
            writer.open(name)
        stack.close()
        as_json = (folder / PACKAGE_FILES[-1]).exists()
        name = PACKAGE_FILES[-1] if as_json else PACKAGE_FILES[0]
        text = dump_database_schema(package, as_json=as_json)
        (staging / name).write_text(text, encoding="utf-8")


class FilesWriter:
    """A file for each table.

    Args:
        staging: the folder that they are written in.
        schema: of the tables.
        paths: names of the files.
        stack: what closes them.
    """

    def __init__(
        self, staging: Path, schema: DatabaseSchema, paths: Mapping[str, str], stack: ExitStack
    ) -> None:
        self._staging, self._schema, self._paths, self._stack = staging, schema, paths, stack
        self._writers: dict[str, TableWriter] = {}

    def write(self, table: str, data: pa.Table) -> None:
        """See `DatabaseWriter.write`."""
        writer = self.open(table)
        for start in range(0, data.num_rows, BLOCK_ROWS):
            writer.write(data.slice(start, BLOCK_ROWS))

    def open(self, table: str) -> TableWriter:
        """The file of a table, which is there from now on, if without records."""
        if table not in self._writers:
            schema = self._schema.tables[table]
            path = self._staging / self._paths[table]
            self._writers[table] = self._stack.enter_context(open_writer(path, schema))
        return self._writers[table]


def _file_names(
    schema: DatabaseSchema, known: Mapping[str, str], *, taken: set[str]
) -> dict[str, str]:
    """A file for each table, whose name every system takes."""
    found: dict[str, str] = {}
    for name in schema.tables:
        path = known.get(name, "")
        if not path.lower().endswith(tuple(FORMATS)) or Path(path).name != path:
            stem = re.sub(r"[^\w.-]|^[.]", "_", name)
            path = stem + ENDING
        place = 1
        while path.lower() in {p.lower() for p in (*taken, *found.values())}:
            place += 1
            stem, ending = path.split(".", 1)
            path = f"{stem}_{place}.{ending}"
        found[name] = path
    return found


def _narrower(where: str, table: str, expected: str, got: str) -> OutputError:
    return OutputError(
        f"{where}: table {table!r}", expected=expected, got=got, remedy="write to another folder"
    )
