"""Where a person's ledger lies unless another place is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

VARIABLE: Final = "TABSYNTH_DATA"


def data_folder() -> Path:
    """The folder for what outlives a command: `TABSYNTH_DATA`, else the system's place for it."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "tabsynth"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tabsynth"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tabsynth"


def default_ledger() -> Path:
    """The ledger that is used when none is named."""
    return data_folder() / "ledger.sqlite"


def witness_of(ledger: Path) -> Path:
    """The file that remembers the last entry of every ledger written to from here.

    Where the person has no place for data that can be written, as in some containers, it lies
    beside the ledger, which protects less: both can be put back together.
    """
    folder = data_folder()
    places = (folder, *folder.absolute().parents)
    there = next(place for place in places if os.access(place, os.F_OK))
    if there.is_dir() and os.access(there, os.W_OK):
        return folder / "witness.sqlite"
    return ledger.with_name(f"{ledger.name}.witness")
