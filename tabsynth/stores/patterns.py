"""Fixed-length patterns as each engine writes what a whole text must match."""

from __future__ import annotations

from tabsynth.schema.pattern import parse_pattern
from tabsynth.stores.dialects import Engine, is_mysql, text


def matches(column: str, pattern: str, engine: Engine) -> str | None:
    """A condition that a column's whole text matches a pattern.

    Args:
        column: quoted.
        pattern: a regular expression.
        engine: whose SQL.

    Returns:
        None where the pattern is not of the language of `tabsynth.schema.pattern`: engines read
        other regular expressions in other ways.
    """
    try:
        positions = parse_pattern(pattern)
    except ValueError:
        return None
    if engine == "sqlite":
        return f"{column} GLOB {text(''.join(map(_glob, positions)), engine)}"
    whole = "".join(map(_class, positions))
    if engine == "duckdb":
        return f"regexp_full_match({column}, {text(whole, engine)})"
    if is_mysql(engine):
        # `$` would let a line end follow
        return f"{column} REGEXP " + text(r"\A" + whole + r"\z", engine)
    return f"{column} ~ " + text(f"^{whole}$", engine)


def _class(allowed: str) -> str:
    if len(allowed) == 1 and allowed.isalnum():
        return allowed
    ends = (_range(run, escape="\\]^-[&~") for run in _runs(allowed))
    return "[" + "".join(ends) + "]"


def _glob(allowed: str) -> str:
    if len(allowed) == 1:
        return f"[{allowed}]" if allowed in "*?[" else allowed
    # signs that are told from their meaning in a class by where they stand in it
    plain = "".join(c for c in allowed if c not in "]^-")
    inner = "".join(_range(run, escape="") for run in _runs(plain))
    inner = ("]" if "]" in allowed else "") + inner
    hyphen, caret = "-" * ("-" in allowed), "^" * ("^" in allowed)
    return f"[{inner}{caret}{hyphen}]" if inner else f"[{hyphen}{caret}]"


def _runs(allowed: str) -> list[str]:
    """The characters in runs of neighbours."""
    runs: list[str] = []
    for char in sorted(allowed):
        if runs and ord(char) == ord(runs[-1][-1]) + 1 and char.isalnum() and runs[-1].isalnum():
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def _range(run: str, *, escape: str) -> str:
    if len(run) > 2:
        return f"{run[0]}-{run[-1]}"
    return "".join("\\" + c if c in escape else c for c in run)
