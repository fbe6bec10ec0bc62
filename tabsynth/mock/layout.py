"""The rules by which the keys of one table are made, so that every declared key holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from tabsynth.errors import SchemaError
from tabsynth.mock.rules import (
    Before,
    Digit,
    Even,
    Grouped,
    Nobody,
    Ordered,
    Rule,
    Shuffled,
    Skewed,
    Sometimes,
    Tree,
    Within,
)
from tabsynth.mock.values import MOST, Values, values_of
from tabsynth.persons import Persons, locale_of
from tabsynth.schema.constraint import Unique
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey

Part = ForeignKey | str


@dataclass
class Layout:
    """Rules of one table, found key by key.

    Args:
        schema: of the database.
        table: which.
        rows: how many records it shall have.
        parents: numbers of records of all tables that stand before it.
        seed: of the database.
    """

    schema: DatabaseSchema
    table: str
    rows: int
    parents: Mapping[str, int]
    seed: int
    foreign: dict[ForeignKey, Rule] = field(default_factory=dict)
    columns: dict[str, Rule] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: DatabaseSchema, table: str, *, parents: Mapping[str, int],
           rows: int, seed: int) -> Layout:  # fmt: skip
        """The rules of a table.

        Raises:
            SchemaError: keys that cannot hold for so many records; the message says which.
        """
        self = cls(schema, table, rows, parents, seed)
        self._require_apart()
        own = schema.tables[table]
        ours = [c.columns for c in own.tabsynth.constraints if isinstance(c, Unique)]
        keys = list(dict.fromkeys([*schema.unique_keys(table), *ours]))
        referred = {
            name for keys_ in schema.foreign_keys.values() for key in keys_
            if key.parent == table for name in key.references
        }  # fmt: skip
        held = {name for key in schema.foreign_keys[table] for name in key.fields}
        for name in dict.fromkeys([*(c for key in keys for c in key), *sorted(referred)]):
            if name not in held:
                self.values[name] = values_of(
                    own.field(name), salt=self._salt(name), persons=self.persons
                )
        known: list[frozenset[str]] = []
        for key in sorted(keys, key=len):
            if not any(one <= set(key) for one in known):
                self._keep(key, keys)
            known.append(frozenset(key))
        for relation in schema.foreign_keys[table]:
            if relation not in self.foreign:
                self.foreign[relation] = self._free(relation)
        for name, values in self.values.items():
            if name not in self.columns:
                self.columns[name] = Even(values.capacity, self._salt(name))
        return self

    @property
    def persons(self) -> Persons:
        """Who stands behind the records."""
        return Persons(locale_of(self.schema.tables[self.table].fields), self._salt(""))

    def decides(self, column: str) -> bool:
        """Whether a column's values follow from the record's place by a rule of a key."""
        return column in self.values or any(column in key.fields for key in self.foreign)

    def _keep(self, key: tuple[str, ...], keys: list[tuple[str, ...]]) -> None:
        """Find rules under which no two records agree in the columns of a key."""
        parts = self._parts(key)
        open_ = [p for p in parts if p not in self.foreign and p not in self.columns]
        foreign = [p for p in open_ if isinstance(p, ForeignKey)]
        names = [p for p in open_ if isinstance(p, str)]
        if groups := [r for p in parts if isinstance(r := self.foreign.get(p), Grouped)]:  # type: ignore[arg-type]
            most = int((groups[0].first[1:] - groups[0].first[:-1]).max(initial=0))
            wide = [p for p in open_ if self._capacity(p) >= most]
            if wide:
                return self._within(groups[0], wide[0])
        alone = [n for n in names if self._capacity(n) >= self.rows]
        if alone and not foreign:
            # what is numbered in order reads best
            name = max(alone, key=lambda n: self.values[n].ordered)
            size = self._capacity(name)
            ordered = self.values[name].ordered
            self.columns[name] = Ordered() if ordered else Shuffled(size, self._salt(name))
            return None
        if len(foreign) == 1 and names:
            most = self._most(foreign[0], keys)
            if self.rows > most * self._capacity(foreign[0]):
                raise self._too_many(key, most * self._capacity(foreign[0]))
            groups_ = Grouped.of(self.rows, self._capacity(foreign[0]), most=most,
                                 salt=self._salt("groups"))  # fmt: skip
            self.foreign[foreign[0]] = groups_
            return self._within(groups_, max(names, key=self._capacity))
        if len(foreign) == 1 and len(parts) == 1 and foreign[0].parent == self.table:
            self.foreign[foreign[0]] = Before()
            return None
        if len(open_) < len(parts) or any(f.parent == self.table for f in foreign):
            if not alone:
                raise self._unkept(key)
            self.columns[alone[0]] = Ordered()
            return None
        return self._product(key, open_)

    def _within(self, groups: Grouped, part: Part) -> None:
        capacity = self._capacity(part)
        if isinstance(part, str):
            salt = None if self.values[part].ordered else self._salt(part)
            self.columns[part] = Within(groups, capacity, salt)
        else:
            self.foreign[part] = Within(groups, capacity, self._salt("/".join(part.fields)))

    def _product(self, key: tuple[str, ...], parts: list[Part]) -> None:
        """Different combinations, all of which may come."""
        bases = [self._capacity(part) for part in parts]
        whole = math.prod(bases)
        if whole < self.rows:
            raise self._too_many(key, whole)
        # what a name adds beyond need would only scatter its values
        rule = Shuffled(max(whole, 1), self._salt("/".join(key)))
        unit = 1
        for part, base in zip(parts, bases, strict=True):
            digit: Rule = rule if len(parts) == 1 else Digit(rule, unit, base)
            unit *= base
            if isinstance(part, str):
                self.columns[part] = digit
            else:
                self.foreign[part] = digit

    def _free(self, key: ForeignKey) -> Rule:
        salt = self._salt("/".join(key.fields))
        own = self.schema.tables[self.table]
        required = all(
            own.field(n).declares("required") or n in own.primary_key for n in key.fields
        )
        if key.parent == self.table:
            if required:
                raise SchemaError(
                    f"table {self.table!r}: foreign key {', '.join(key.fields)}",
                    expected="a self reference that may be missing, as the first record has none",
                    got="required columns", remedy="take `required` from it",
                )  # fmt: skip
            return Sometimes(Tree(salt), salt)
        size = self.parents[key.parent]
        if size == 0:
            if required and self.rows:
                raise SchemaError(
                    f"table {self.table!r}: foreign key {', '.join(key.fields)}",
                    expected=f"records in {key.parent!r}", got="none",
                    remedy="ask for some there, or for none here",
                )  # fmt: skip
            return Nobody()
        rule = Skewed(size, salt)
        return rule if required else Sometimes(rule, salt)

    def _parts(self, key: tuple[str, ...]) -> list[Part]:
        parts: list[Part] = []
        left = set(key)
        for one in self.schema.foreign_keys[self.table]:
            if left & set(one.fields):
                if not set(one.fields) <= set(key):
                    raise self._unkept(key)
                parts.append(one)
                left -= set(one.fields)
        return [*parts, *(name for name in key if name in left)]

    def _capacity(self, part: Part) -> int:
        if isinstance(part, str):
            return self.values[part].capacity
        return self.rows if part.parent == self.table else self.parents[part.parent]

    def _most(self, parent: ForeignKey, keys: list[tuple[str, ...]]) -> int:
        """Children that one parent may have, by every key that it is part of."""
        most = MOST
        for key in keys:
            if set(parent.fields) < set(key):
                others = [p for p in self._parts(key) if p != parent]
                most = min(most, max(map(self._capacity, others)))
        return most

    def _require_apart(self) -> None:
        """Refuse keys that share columns, whose parents would have to agree."""
        seen: set[str] = set()
        for key in self.schema.foreign_keys[self.table]:
            own = key.parent == self.table and set(key.fields) & set(key.references)
            if seen & set(key.fields) or own:
                raise SchemaError(
                    f"table {self.table!r}: foreign key {', '.join(key.fields)}",
                    expected="foreign keys that share no column", got="one that does",
                    remedy="leave one of them out of the schema",
                )  # fmt: skip
            seen |= set(key.fields)

    def _salt(self, name: str) -> int:
        text = f"{self.seed}/{self.table}/{name}".encode()
        return int.from_bytes(blake2b(text, digest_size=7).digest(), "big")

    def _too_many(self, key: tuple[str, ...], most: int) -> SchemaError:
        return SchemaError(
            f"table {self.table!r}: key {', '.join(key)}",
            expected=f"at most {most:,} records, as it has no more values",
            got=f"{self.rows:,}", remedy="ask for fewer records, or widen the columns of the key",
        )  # fmt: skip

    def _unkept(self, key: tuple[str, ...]) -> SchemaError:
        return SchemaError(
            f"table {self.table!r}: key {', '.join(key)}",
            expected="a key that can be kept beside the table's other keys", got="one that cannot",
            remedy="widen one of its columns, or leave the key out of the schema",
        )  # fmt: skip
