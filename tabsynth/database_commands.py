"""The commands under `tabsynth db`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tabsynth.options import spare

db_app = typer.Typer(help="Whole databases: their schemas and records.", no_args_is_help=True)

Address = Annotated[
    str,
    typer.Argument(
        metavar="URL|DIR", help="a database URL, such as sqlite:///shop.db, or a folder of tables"
    ),
]


@db_app.command(name="schema")
def db_schema(
    address: Address,
    out: Annotated[Path, typer.Option("--out", "-o", readable=False, help="Data Package to write")],
    infer: Annotated[
        bool,
        typer.Option(
            "--infer", help="read the records as well, for what the database does not declare"
        ),
    ] = False,
) -> None:
    """Write down the tables, types, keys and rules that a database declares.

    No record is read, unless it is a folder without a Data Package or --infer is given. What was
    read from records is marked in the file.
    """
    from tabsynth.database_workflow import completed, read_tables
    from tabsynth.io.atomic import check_place, write_text
    from tabsynth.schema.database import dump_database_schema
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of

    spare([out], file_of(address))
    check_place(out)
    with open_store(address).snapshot() as store:
        schema = store.reflect()
        if infer:
            schema = completed(schema, read_tables(store, schema))
    write_text(out, dump_database_schema(schema, as_json=out.suffix.lower() == ".json"))
    for name, table in schema.tables.items():
        for note in table.tabsynth.notes:
            typer.echo(f"note: table {name!r}: {note}")
    keys = sum(len(found) for found in schema.foreign_keys.values())
    typer.echo(f"wrote {out}: {len(schema.tables)} tables, {keys} foreign keys")
