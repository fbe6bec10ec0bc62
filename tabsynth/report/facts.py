"""Facts of a report's provenance that may be public, and the form in which they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_VERSION = re.compile(r"[\w.+-]{1,40}")
_NAME = re.compile(r"[A-Za-z][\w-]{0,40}")


def rounded_count(count: int) -> int:
    """A number of records to two significant digits, to one below 100."""
    return int(float(f"{count:.1e}" if abs(count) >= 100 else f"{count:.0e}"))


def certificate_of(provenance: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The certificate of the model that a report is about; None where it was fitted without."""
    privacy = provenance.get("privacy")
    found = privacy.get("certificate") if isinstance(privacy, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _certificate(value: object) -> object:
    """A certificate is made of public facts."""
    return value if isinstance(value, Mapping) else None


def _names(value: object) -> dict[str, list[str]] | None:
    """Names of columns by what was done with them."""
    if not isinstance(value, Mapping):
        return None
    return {
        kind: [str(name) for name in value[kind]]
        for kind in ("modelled", "invented", "withheld")
        if isinstance(value.get(kind), (list, tuple))
    }


def _versions(value: object) -> dict[str, str] | None:
    if not isinstance(value, Mapping):
        return None
    texts = {str(k): v for k, v in value.items() if isinstance(v, str)}
    return {k: v for k, v in texts.items() if _NAME.fullmatch(k) and _VERSION.fullmatch(v)}


def _settings(value: object) -> dict[str, Any] | None:
    """Numbers, switches and plain names; a path or a longer text is none of these."""
    if not isinstance(value, Mapping):
        return None
    found = {str(k): v for k, v in value.items() if _NAME.fullmatch(str(k)) and "seed" not in k}
    return {k: v for k, v in found.items() if _plain(v)}


def _plain(value: object) -> bool:
    named = isinstance(value, str) and _NAME.fullmatch(value) is not None
    return named or value is None or isinstance(value, (bool, int, float))


def _list(value: object) -> list[str] | None:
    return [str(name) for name in value] if isinstance(value, (list, tuple)) else None


def _version(value: object) -> str | None:
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _count(value: object) -> int | None:
    return rounded_count(value) if isinstance(value, int) else None


# every fact of a report's provenance that may be public, and the form in which it is
PUBLIC_FACTS: Final[dict[str, Callable[[object], Any]]] = {
    "privacy": _certificate,
    "tabsynth": _version,
    "kind": _word,
    "libraries": _versions,
    "synthesizer": _word,
    "parameters": _settings,
    "policy": _settings,
    "columns": _names,
    "protected": _list,
    "strata": _list,
    "target": _name,
    "entity": _name,
    "audited_records": _count,
    "train_records": _count,
    "holdout_records": _count,
    "synthetic_records": _count,
}
