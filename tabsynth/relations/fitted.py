"""Models of databases as files, and whatever kind of model a file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabsynth import __version__, modelfile
from tabsynth.archive import consistent, fault, libraries, parse_state, read_archive, write_archive
from tabsynth.manifests import DatabaseManifest, Member, ModelManifest
from tabsynth.modelfile import Fitted
from tabsynth.relations.model import DatabaseModel
from tabsynth.schema.database import DatabaseSchema, parse_database_schema


@dataclass(frozen=True)
class FittedDatabase:
    """A model of a database with what is needed to use it.

    Args:
        model: draws all tables.
        parameters: of the synthesizer, JSON values.
        default_rows: sizes of the training tables to two digits; of no use but to be shown.
        notes: sentences about how columns were treated, free of values and exact counts.
    """

    model: DatabaseModel
    parameters: dict[str, Any] = field(default_factory=dict)
    default_rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> DatabaseSchema:
        """Of every table, and the keys between them."""
        return self.model.schema

    @property
    def synthesizer(self) -> str:
        """Registered name of what fitted the tables."""
        return self.model.synthesizer

    def save(self, path: str | Path) -> None:
        """Write the model file; it appears whole or not at all.

        Args:
            path: where.

        Raises:
            OutputError: the place cannot be written.

        Privacy: holds what the model holds (`describe`), never the exact number of records, where
            they came from, or a training record.
        """

        def manifest(members: dict[str, Member]) -> DatabaseManifest:
            return DatabaseManifest(
                tabsynth_version=__version__,
                libraries=libraries(),
                synthesizer=self.synthesizer,
                parameters=self.parameters,
                default_rows=dict(self.default_rows),
                notes=list(self.notes),
                package=DatabaseSchema(self.schema.tables, {}, self.schema.name).descriptor(),
                members=members,
            )

        write_archive(path, self.model.state(), manifest)

    def describe(self) -> list[str]:
        """What the model holds, in sentences."""
        pseudonyms = [
            f"Pseudonyms in table {name}, by a key that is not in it: {field.name}."
            for name, table in self.schema.tables.items()
            for field in table.fields
            if field.tabsynth.pseudonym is not None
        ]
        keys = sum(len(found) for found in self.schema.foreign_keys.values())
        return [
            f"Synthesizer {self.synthesizer}; a database of {len(self.schema.tables)} tables and "
            f"{keys} foreign keys.",
            *self.model.describe(),
            *pseudonyms,
            "Not differentially private: it was fitted without a privacy budget.",
            *self.notes,
        ]

    def __repr__(self) -> str:
        return f"FittedDatabase({self.synthesizer}, {len(self.schema.tables)} tables)"


def load_database_model(path: str | Path) -> FittedDatabase:
    """Open a model file of a database, trusting nothing in it.

    Raises:
        ModelFileError: missing, damaged, hostile, from a newer version, of one table, or of a
            synthesizer that is not installed.
    """
    manifest, members = read_archive(path)
    if isinstance(manifest, ModelManifest):
        raise fault(str(path), "a model of a database", "a model of one table",
                    "use `tabsynth sample`, or tabsynth.sample in Python")  # fmt: skip
    return _restored(manifest, members, str(path))


def open_model(path: str | Path) -> Fitted | FittedDatabase:
    """Open a model file of one table or of a database, trusting nothing in it.

    Raises:
        ModelFileError: missing, damaged, hostile, from a newer version, or of a synthesizer that
            is not installed.
    """
    manifest, members = read_archive(path)
    if isinstance(manifest, ModelManifest):
        return modelfile.restored(manifest, members, str(path))
    return _restored(manifest, members, str(path))


def _restored(manifest: DatabaseManifest, members: dict[str, bytes], where: str) -> FittedDatabase:
    with consistent(where):
        schema = parse_database_schema(manifest.package, where)
        if set(manifest.default_rows) != set(schema.tables):
            raise ValueError("expected the size of every table")
        model = DatabaseModel.restore(schema, parse_state(members, where))
        if model.synthesizer != manifest.synthesizer:
            raise ValueError("expected the model of the synthesizer that is named")
        return FittedDatabase(
            model, manifest.parameters, manifest.default_rows, tuple(manifest.notes)
        )
