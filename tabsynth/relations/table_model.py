"""What is known of one table of a database: all that its records are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabsynth.constraints.plan import Plan
from tabsynth.relations.columns import Columns
from tabsynth.relations.fresh import Fresh
from tabsynth.relations.sequences import Sequence
from tabsynth.relations.ties import Relation, Ties
from tabsynth.relations.views import View
from tabsynth.schema.constraint import Place, Unique
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import ModelState


@dataclass(frozen=True)
class Extras:
    """Columns beside a table's own that are drawn with them. Keys are numbered as in the schema.

    Args:
        place: the how-manieth of its main parent's children a record is; part of the context.
        parent: columns of the context, and what each is among those seen of the main parent.
        presence: by key, whether a record has that parent.
        attributes: by key, columns that say what its parent is like, the most telling first, and
            what each is among those seen of that parent.
        same: by key, whether its parent has the same ancestor as the main one, and whose table
            that is.
        depth: by key to the own table, how many records stand above a record.
        counts: by relation in which the table is the parent, the number of children.
    """

    place: str | None = None
    parent: tuple[tuple[str, str], ...] = ()
    presence: Mapping[int, str] = field(default_factory=dict)
    attributes: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    same: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    depth: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[Relation, str] = field(default_factory=dict)

    @property
    def context(self) -> tuple[str, ...]:
        """Names of the columns that are given."""
        place = () if self.place is None else (self.place,)
        return (*(name for name, _ in self.parent), *place)

    @property
    def drawn(self) -> tuple[str, ...]:
        """Names of those that are drawn."""
        attributes = [name for pairs in self.attributes.values() for name, _ in pairs]
        same = [name for name, _ in self.same.values()]
        return (*self.presence.values(), *attributes, *same, *self.depth.values(),
                *self.counts.values())  # fmt: skip


@dataclass(frozen=True)
class Numbered:
    """A column that numbers records within groups: 1, 2, 3 for each parent.

    Args:
        column: its name.
        within: the columns that make a group.
        first: the first number.
    """

    column: str
    within: tuple[str, ...]
    first: int


@dataclass(frozen=True)
class TableModel:
    """One table of a database.

    Args:
        name: of the table.
        schema: all its columns.
        learnt: names of those that are learnt.
        ties: what its keys are.
        roots: records without a main parent at scale 1, to two digits.
        means: by key, children per parent, to three digits.
        columns: draws `learnt` and `extras`; None where there is nothing to draw, or too little
            to learn from.
        extras: columns beside the own ones.
        view: what children see of its records; None where that is nothing.
        fresh: columns that are made anew.
        numbered: columns that number records.
        followed: personal columns that say the same as one of the main parent, by name.
        selfish: keys to the own table by which the first records lead to themselves.
        places: whether pairs of coordinates are learnt as places.
        sequence: how records follow others of their parent, where they do in time.
        synthesizer: name of what learnt the columns.
    """

    name: str
    schema: TableSchema
    learnt: tuple[str, ...]
    ties: Ties
    roots: int
    means: Mapping[int, float] = field(default_factory=dict)
    columns: Columns | None = None
    extras: Extras = Extras()
    view: View | None = None
    fresh: tuple[Fresh, ...] = ()
    numbered: tuple[Numbered, ...] = ()
    followed: Mapping[str, str] = field(default_factory=dict)
    selfish: tuple[int, ...] = ()
    places: bool = True
    sequence: Sequence | None = None
    synthesizer: str = ""

    @cached_property
    def plan(self) -> Plan | None:
        """How the constraints of the learnt columns are kept; None where there are no columns."""
        if not self.learnt:
            return None
        return Plan.of(learnt_schema(self.schema, self.learnt, places=self.places))

    def describe(self, schema: DatabaseSchema) -> list[str]:
        """What is known, in sentences."""
        ties, name = self.ties, self.name
        if ties.main is None:
            lines = [f"Table {name}: about {self.roots:,} records at scale 1."]
        else:
            key = ties.main.key(schema)
            each = f"{self.means.get(ties.main.index, 0.0):g}"
            lines = [
                f"Table {name}: born from {key.parent} ({', '.join(key.fields)}), {each} each."
            ]
            if self.roots:
                lines[0] += f" About {self.roots:,} records at scale 1 have no parent there."
        for relation in ties.others:
            key = relation.key(schema)
            pairs = self.extras.attributes.get(relation.index, ())
            how = ", ".join(source for _, source in pairs)
            lines.append(
                f"Table {name}: its {key.parent} ({', '.join(key.fields)}) is chosen among all by "
                + (f"{how}." if how else "the number of children that each has.")
            )
        for relation in ties.own:
            fields = ", ".join(relation.key(schema).fields)
            lines.append(f"Table {name}: {fields} leads up a tree of records, never round.")
        if self.sequence is not None:
            time = self.sequence.time
            order = "" if time is None else f" by {time.column}"
            lines.append(
                f"Table {name}: records of one parent follow each other{order}, "
                "each given the one before."
            )
        if self.columns is not None:
            lines.append(f"Table {name}: columns by {self.synthesizer}.")
            lines += [f"Table {name}: {line}" for line in self.columns.model.describe()]
        elif self.learnt:
            lines.append(
                f"Table {name}: too few records to learn from; made from the schema alone."
            )
        if same := [f.field.name for f in self.fresh if not f.clean]:
            lines.append(
                f"Table {name}: keys may be some of the source, as the form has few others: "
                f"{', '.join(same)}."
            )
        return lines

    def state(self) -> ModelState:
        """All that it is, but for the schema."""
        ties, extras = self.ties, self.extras
        settings: dict[str, Any] = {
            "learnt": list(self.learnt),
            "main": None if ties.main is None else ties.main.index,
            "roots": self.roots,
            "means": [[index, mean] for index, mean in self.means.items()],
            "place": extras.place,
            "parent": [list(pair) for pair in extras.parent],
            "presence": [[index, name] for index, name in extras.presence.items()],
            "attributes": [[i, [list(p) for p in pairs]] for i, pairs in extras.attributes.items()],
            "same": [[index, *pair] for index, pair in extras.same.items()],
            "depth": [[index, name] for index, name in extras.depth.items()],
            "counts": [[r.child, r.index, name] for r, name in extras.counts.items()],
            "fresh": [made.state() for made in self.fresh],
            "numbered": [[n.column, list(n.within), n.first] for n in self.numbered],
            "followed": dict(self.followed),
            "selfish": list(self.selfish),
            "places": self.places,
            "synthesizer": self.synthesizer,
            "columns": None,
            "view": None,
            "sequence": None,
        }
        arrays: dict[str, NDArray[Any]] = {}
        weights: dict[str, NDArray[Any]] = {}
        for part, held in (
            ("columns", self.columns),
            ("view", self.view),
            ("sequence", self.sequence),
        ):
            if held is not None:
                own = held.state()
                settings[part] = own.settings
                arrays |= {f"{part}.{name}": array for name, array in own.arrays.items()}
                weights |= {f"{part}.{name}": array for name, array in own.weights.items()}
        return ModelState(settings, arrays, weights)


def learnt_schema(schema: TableSchema, names: tuple[str, ...], *, places: bool) -> TableSchema:
    """Columns of a table with the rules that are about them alone, and without keys.

    Args:
        schema: of the table.
        names: of the columns.
        places: whether pairs of coordinates are taken as places.
    """
    fields = tuple(f for f in schema.fields if f.name in names)
    rules = tuple(
        c for c in schema.tabsynth.constraints
        if set(c.involved) <= set(names) and (places or not isinstance(c, Place))
        and not isinstance(c, Unique)
    )  # fmt: skip
    ours = schema.tabsynth.model_copy(update={"privacy_unit": None, "constraints": rules})
    update = {"fields": fields, "primary_key": (), "unique_keys": (), "foreign_keys": (),
              "tabsynth": ours}  # fmt: skip
    return schema.model_copy(update=update)


def restore_table(name: str, schema: DatabaseSchema, state: ModelState) -> TableModel:
    """The model that `TableModel.state` describes.

    Raises:
        ValueError: parts that do not fit together, or not with the schema.
    """
    s, table = state.settings, schema.tables[name]
    synthesizer = str(s["synthesizer"])
    keys = schema.foreign_keys[name]
    main = None if s["main"] is None else Relation(name, int(s["main"]))
    relations = [Relation(name, index) for index in range(len(keys))]
    away = [r for r in relations if r.key(schema).parent != name]
    if (main is None and away) or (main is not None and main not in away):
        raise ValueError("expected a main parent among the keys")
    own = tuple(r for r in relations if r not in away)
    ties = Ties(main, tuple(r for r in away if r != main), own)
    extras = Extras(
        place=s["place"],
        parent=tuple((a, b) for a, b in s["parent"]),
        presence={int(i): str(column) for i, column in s["presence"]},
        attributes={int(i): tuple((a, b) for a, b in pairs) for i, pairs in s["attributes"]},
        same={int(i): (str(column), str(at)) for i, column, at in s["same"]},
        depth={int(i): str(column) for i, column in s["depth"]},
        counts={Relation(str(c), int(i)): str(column) for c, i, column in s["counts"]},
    )
    model = TableModel(
        name, table, tuple(map(str, s["learnt"])), ties, int(s["roots"]),
        means={int(i): float(mean) for i, mean in s["means"]},
        columns=None if s["columns"] is None else Columns.restore(
            s["columns"], *_part(state, "columns"), synthesizer=synthesizer),
        extras=extras,
        view=None if s["view"] is None else View.restore(s["view"], _part(state, "view")[0]),
        fresh=tuple(map(Fresh.restore, s["fresh"])),
        numbered=tuple(Numbered(str(c), tuple(w), int(f)) for c, w, f in s["numbered"]),
        followed={str(a): str(b) for a, b in s["followed"].items()},
        selfish=tuple(map(int, s["selfish"])),
        places=bool(s["places"]),
        synthesizer=synthesizer,
        sequence=None if s["sequence"] is None else Sequence.restore(
            s["sequence"], *_part(state, "sequence"), synthesizer=synthesizer),
    )  # fmt: skip
    _require_fitting(model, schema)
    return model


def _part(state: ModelState, part: str) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    prefix = f"{part}."
    arrays, weights = (
        {n.removeprefix(prefix): a for n, a in held.items() if n.startswith(prefix)}
        for held in (state.arrays, state.weights)
    )
    return arrays, weights


def _require_fitting(model: TableModel, schema: DatabaseSchema) -> None:
    table, extras, ties = model.schema, model.extras, model.ties
    made = [f.field.name for f in model.fresh] + [n.column for n in model.numbered]
    if not set(model.learnt) | set(made) | set(model.followed) <= set(table.names):
        raise ValueError("expected columns of the table")
    if model.roots < 0 or not all(np.isfinite(m) and m >= 0 for m in model.means.values()):
        raise ValueError("expected numbers of records")
    plan = model.plan
    wanted = set(() if plan is None else plan.learnt.names) | {*extras.context, *extras.drawn}
    if model.columns is not None and set(model.columns.model.schema.names) != wanted:
        raise ValueError("expected the columns that the table draws")
    if model.columns is not None and model.columns.context != extras.context:
        raise ValueError("expected the context that the table has")
    if model.sequence is not None:
        _require_sequence(model.sequence, model, wanted)
    indices = {r.index for r in (*ties.others, *ties.own)}
    indices |= set() if ties.main is None else {ties.main.index}
    named = {*extras.presence, *extras.attributes, *extras.same, *extras.depth, *model.means}
    if not named <= indices or not set(model.selfish) <= {r.index for r in ties.own}:
        raise ValueError("expected keys of the table")
    for relation in extras.counts:
        keys = schema.foreign_keys.get(relation.child, ())
        if not 0 <= relation.index < len(keys) or keys[relation.index].parent != model.name:
            raise ValueError("expected relations in which the table is the parent")


def _require_sequence(sequence: Sequence, model: TableModel, wanted: set[str]) -> None:
    drawn, time = wanted | sequence.told_of, sequence.time
    if time is not None:
        drawn = (drawn - {time.column}) | {time.gap}
        if model.schema.field(time.column).type not in ("date", "datetime"):
            raise ValueError("expected events with a time")
    if model.columns is None or set(sequence.columns.model.schema.names) != drawn:
        raise ValueError("expected events with the columns of the table")
    if set(sequence.columns.context) != {*model.extras.context, *sequence.told_of}:
        raise ValueError("expected events in the context of the table")
    seen = () if model.view is None else model.view.codec.schema.names
    if not {source for _, source in sequence.before} <= set(seen):
        raise ValueError("expected events that are seen")
