"""What does the gate say of one split of Adult? Remakes `reports/examples/adult-*` and no more."""

from __future__ import annotations

import json

from tests.bench.record import REPORTS, commit
from tests.bench.verdicts import in_full, save


def main() -> None:
    """The first half of `verdicts`, about ten minutes of CPU; the ten splits stay as they are."""
    made_by = commit()
    earlier = json.loads((REPORTS / "verdicts.json").read_text(encoding="utf-8"))
    save(made_by, in_full(), earlier["over_splits"])
