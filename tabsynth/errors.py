"""Every error tabsynth raises on purpose.

    TabsynthError                  exit 70 (a bug, unless a subclass says otherwise)
    ├── UsageError                 exit 2   an option or argument that cannot be used so
    ├── InputError                 exit 4   bad input, or an output that cannot be written
    │   ├── DataError              a table that cannot be read, or that breaks its schema
    │   ├── SchemaError            a schema that is malformed or contradicts itself
    │   ├── ConditionError         a condition the model cannot meet
    │   ├── ModelFileError         a model file that cannot be trusted or understood
    │   └── OutputError            a place that cannot be written
    └── PrivacyError               exit 5   refused for privacy
        ├── UndeclaredDomainError  columns of which the schema declares no domain
        ├── BudgetError            a query that costs more than is left of the budget
        └── LedgerError            a ledger that cannot be trusted or written, or has no budget left

A message is one line, `<where>: expected ..., got ...; <remedy>`, and never holds a value of a
private record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

_SHOWN: Final = 12


class TabsynthError(Exception):
    """An error with a place, an expectation, what came instead, and a remedy.

    Args:
        where: the file, column or option at fault, as the user named it.
        expected: what would have been right.
        got: what came, in counts and kinds, never a value of a record.
        remedy: what to do next.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, where: str, *, expected: str, got: str, remedy: str) -> None:
        self.where = where
        self.expected = expected
        self.got = got
        self.remedy = remedy
        message = f"{where}: expected {expected}, got {got}; {remedy}"
        super().__init__(" ".join(message.split()))


class UsageError(TabsynthError):
    """An option or argument that does not exist, is missing, or belongs to a later version."""

    exit_code = 2


def unknown(
    where: str,
    name: str,
    known: Sequence[str],
    *,
    remedy: str,
    error: type[TabsynthError] = UsageError,
) -> TabsynthError:
    """The error of a name that is none of those that there are; it asks for one much like it.

    Args:
        where: the option, as the user named it.
        name: what the user wrote.
        known: names that can be given there; of many, the first are shown.
        remedy: what to do where none is like it.
        error: its kind.
    """
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    shown = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    return error(
        where, expected=f"one of {shown}" if known else "none, as there is none to name",
        got=repr(name), remedy=f"did you mean {near[0]!r}?" if near else remedy,
    )  # fmt: skip


def require_list(where: str, names: Sequence[str]) -> None:
    """Refuse one name as a text where names are listed: its letters would be taken for names.

    Raises:
        UsageError: it is a text.
    """
    if isinstance(names, str):
        raise UsageError(
            where, expected="a list of names", got="one text", remedy=f"write [{names!r}]"
        )


class InputError(TabsynthError):
    """Input that cannot be used, or an output place that cannot be written."""

    exit_code = 4


class DataError(InputError):
    """A table that cannot be read, or that breaks its schema."""


class SchemaError(InputError):
    """A schema that is malformed or contradicts itself."""


class ConditionError(InputError):
    """A condition that names an unknown column or a value the model cannot emit."""


class ModelFileError(InputError):
    """A model file that is damaged, hostile, or newer than this version."""


class OutputError(InputError):
    """A place that cannot be written."""


class PrivacyError(TabsynthError):
    """A request refused because its privacy claim could not be kept."""

    exit_code = 5


class UndeclaredDomainError(PrivacyError):
    """Columns whose domain no person declared, all of them named at once.

    Args:
        columns: per column its name and what its domain lacks.
    """

    def __init__(self, columns: tuple[tuple[str, str], ...]) -> None:
        self.columns = tuple(name for name, _ in columns)
        super().__init__(
            "schema",
            expected="a domain declared by a person for every modelled column",
            got="none for " + "; ".join(f"{name!r} ({lack})" for name, lack in columns),
            remedy="declare categories, or minimum and maximum, or cut_points, and delete the fact"
            " from `observed`, from public knowledge alone; or give the column a generator, or"
            " free_text: drop",
        )


class BudgetError(PrivacyError):
    """A query that costs more than is left of the budget; nothing was released or charged."""


class LedgerError(PrivacyError):
    """A ledger that cannot be trusted or written, or that has no budget left for this."""
