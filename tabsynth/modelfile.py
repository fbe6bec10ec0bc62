"""Models of one table as files: a model with its schema and maker, in an `archive`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tabsynth import __version__, registry
from tabsynth.archive import (
    consistent,
    fault,
    libraries,
    parse_state,
    parse_texts,
    read_archive,
    write_archive,
)
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.redraw import draw_kept, without_repeats
from tabsynth.constraints.uniqueness import Seen
from tabsynth.errors import PrivacyError, SchemaError
from tabsynth.manifests import (
    MODEL_FORMAT_VERSION,
    PLAIN_FORMAT_VERSION,
    DatabaseManifest,
    Member,
    ModelManifest,
    Privacy,
)
from tabsynth.privacy.certificate import Certificate
from tabsynth.provenance import Source
from tabsynth.schema.files import parse_schema
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import Model
from tabsynth.table import Table
from tabsynth.wording.author import Author
from tabsynth.wording.learn import restore_text, with_texts
from tabsynth.wording.state import TextModel, TextState


@dataclass(frozen=True)
class Fitted:
    """A model with what is needed to use it: its schema, its maker and a default size.

    Args:
        model: draws the columns of `plan.learnt`: those that are modelled, or what stands for them
            where the schema has constraints.
        schema: all columns, the generated ones too.
        synthesizer: registered name of what fitted it.
        parameters: its hyper-parameters, JSON values.
        default_rows: the training table's size to two digits; what `sample` draws unasked.
        notes: sentences about how columns were treated, free of values and exact counts.
        certificate: of a fit under a privacy budget; None where there was none.
        texts: models of the text columns that texts are written for, by column.
    """

    model: Model
    schema: TableSchema
    synthesizer: str
    parameters: dict[str, Any] = field(default_factory=dict)
    default_rows: int = 1000
    notes: tuple[str, ...] = ()
    certificate: Certificate | None = None
    texts: dict[str, TextModel] = field(default_factory=dict)

    @property
    def keeps_records(self) -> bool:
        """Whether the model holds training records, as some of the reference packages' do."""
        return bool(getattr(self.model, "keeps_records", False))

    @property
    def source(self) -> Source:
        """What records of it are, beside others in one table; see `provenance`."""
        return "simulated" if registry.is_source(self.synthesizer) else "synthetic"

    def stripped(self) -> Fitted:
        """The same with what drawing needs alone; itself where the model holds no records."""
        if not self.keeps_records:
            return self
        return replace(self, model=self.model.stripped())  # type: ignore[attr-defined]

    @cached_property
    def plan(self) -> Plan:
        """How the schema's constraints are kept."""
        if registry.is_source(self.synthesizer):
            return Plan.redrawn(self.schema)
        return Plan.of(self.schema) if self.certificate is None else Plan.unlearnt(self.schema)

    def draw(self, rows: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Records of the modelled columns that keep all constraints but uniqueness.

        Raises:
            ConditionError: a condition that the model cannot meet, or meets too seldom.
            DataError: constraints that hardly any drawn record keeps.
        """
        return draw_kept(self.plan, self._sample(rng), rows, given)

    def without_repeats(
        self, drawn: Table, seen: Seen, *, rng: np.random.Generator, given: Table | None = None
    ) -> Table:
        """The records, with those that repeat one drawn before drawn again; see `draw`."""
        return without_repeats(self.plan, self._sample(rng), drawn, seen=seen, given=given)

    def with_texts(
        self,
        rows: pa.Table,
        *,
        start: int,
        rng: np.random.Generator,
        author: Author | None = None,
    ) -> pa.Table:
        """A chunk of drawn and invented columns, with the texts that belong to it.

        Args:
            rows: all emitted columns but those that texts are written for.
            start: the place of its first record in the whole table.
            rng: the chunk's random numbers for texts.
            author: who writes what a language model is to write; without one it stays a draft.

        Raises:
            DataError: the author's endpoint does not answer, or not with texts.
        """
        schema = self.schema.emitted
        return with_texts(rows, schema, self.texts, start=start, rng=rng, author=author)

    def _sample(self, rng: np.random.Generator) -> Any:
        return lambda rows, given: self.model.sample(rows, rng=rng, given=given)

    def save(self, path: str | Path, *, strip: bool = False) -> None:
        """Write the model file; it appears whole or not at all.

        Args:
            path: where.
            strip: leave training records out, where the model holds any.

        Raises:
            OutputError: the place cannot be written.

        Privacy: holds what the model holds (`describe`), never the exact number of records or
            where they came from, and a training record only where `keeps_records` says so and
            `strip` is off; the reference packages' models also tell the number of records.
        """
        save(self.stripped() if strip else self, path)

    def describe(self) -> list[str]:
        """What the model holds, in sentences."""
        modelled = len(self.schema.modelled_fields)
        generated = [f.name for f in self.schema.fields if f.is_generated]
        replaced = [f.name for f in self.schema.fields if f.tabsynth.free_text == "replace"]
        dropped = [f.name for f in self.schema.fields if f.tabsynth.free_text == "drop"]
        lines = [
            f"Synthesizer {self.synthesizer}; {modelled} modelled columns.",
            *self.model.describe(),
        ]
        lines += self.plan.describe()
        lines += [line for text in self.texts.values() for line in text.describe()]
        if generated:
            lines.append(f"Invented, not modelled: {', '.join(generated)}.")
        if replaced:
            lines.append(f"Free text, replaced by a placeholder: {', '.join(replaced)}.")
        if pseudonyms := [f.name for f in self.schema.fields if f.tabsynth.pseudonym]:
            lines.append(f"Pseudonyms, by a key that is not in it: {', '.join(pseudonyms)}.")
        if dropped:
            lines.append(f"Free text, left out: {', '.join(dropped)}.")
        return [*lines, *self._privacy(), *self.notes]

    def _privacy(self) -> list[str]:
        if not getattr(self.model, "reads_records", True):
            return ["No record was read to make it, so that it can tell of none."]
        if self.certificate is None:
            return ["Not differentially private: it was fitted without a privacy budget."]
        return self.certificate.describe()

    def __repr__(self) -> str:
        return f"Fitted({self.synthesizer}, {len(self.schema.fields)} columns)"

    def _repr_html_(self) -> str:
        from html import escape

        return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in self.describe()) + "</ul>"


def save(fitted: Fitted, path: str | Path) -> None:
    """Write a model file; see `Fitted.save`."""

    def manifest(members: dict[str, Member]) -> ModelManifest:
        return ModelManifest(
            format_version=MODEL_FORMAT_VERSION if fitted.texts else PLAIN_FORMAT_VERSION,
            tabsynth_version=__version__,
            libraries=libraries(),
            synthesizer=fitted.synthesizer,
            parameters=fitted.parameters,
            default_rows=fitted.default_rows,
            notes=list(fitted.notes),
            privacy=Privacy.of(fitted.certificate, training_records=fitted.keeps_records),
            table_schema=fitted.schema.descriptor(),
            members=members,
        )

    texts = [text.state() for text in fitted.texts.values()]
    write_archive(path, fitted.model.state(), manifest, texts=texts)


def load(path: str | Path) -> Fitted:
    """Open a model file of one table, trusting nothing in it.

    Raises:
        ModelFileError: missing, damaged, hostile, from a newer version, of a database, or of a
            synthesizer that is not installed.
    """
    found, members = read_archive(path)
    return restored(_of_one_table(found, str(path)), members, str(path))


def restored(manifest: ModelManifest, members: dict[str, bytes], where: str) -> Fitted:
    """The model of one table in the parts of a file.

    Args:
        manifest: says what it is.
        members: the other parts.
        where: how messages name the file.

    Raises:
        ModelFileError: parts that do not belong together, or a synthesizer that is not installed.
    """
    with consistent(where):
        schema = parse_schema(manifest.table_schema, where=where)
        certificate = manifest.privacy.certificate
        source = registry.is_source(manifest.synthesizer)
        plan = _plan(schema, where, private=certificate is not None, source=source)
        kind = registry.maker(manifest.synthesizer, private=certificate is not None)
        return Fitted(
            model=kind.restore(plan.learnt, parse_state(members, where)),
            schema=schema,
            synthesizer=manifest.synthesizer,
            parameters=manifest.parameters,
            default_rows=manifest.default_rows,
            notes=tuple(manifest.notes),
            certificate=certificate,
            texts=_texts(schema, parse_texts(members, where), where),
        )


def _of_one_table(manifest: ModelManifest | DatabaseManifest, where: str) -> ModelManifest:
    if isinstance(manifest, ModelManifest):
        return manifest
    raise fault(where, "a model of one table", "a model of a database",
                "use `tabsynth db sample`, or tabsynth.sample_database in Python")  # fmt: skip


def _texts(schema: TableSchema, states: list[TextState], where: str) -> dict[str, TextModel]:
    written = [field for field in schema.fields if field.writes_text]
    if not states:
        # nothing was learnt of texts, as where a simulator makes the records: placeholders
        return {}
    if len(states) != len(written):
        raise fault(where, "a model for each text column", "more or fewer of them")
    return {f.name: restore_text(f, schema, s) for f, s in zip(written, states, strict=True)}


def _plan(schema: TableSchema, where: str, *, private: bool, source: bool) -> Plan:
    try:
        if source:
            return Plan.redrawn(schema)
        return Plan.unlearnt(schema) if private else Plan.of(schema)
    except (SchemaError, PrivacyError) as error:
        # its remedy says what to install, where a custom rule is not there
        raise fault(where, "constraints that can be kept here", "others",
                     error.remedy) from None  # fmt: skip
