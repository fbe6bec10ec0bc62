"""A text of fewer than eight words is held to the same check as a whole."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from tabsynth import workflow
from tabsynth.attacks.text_replay import text_replay
from tabsynth.comparison import Comparison
from tabsynth.gate import Policy, held
from tabsynth.generators import WITHHELD
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.wording.runs import FEWEST

WHO = ("kettle", "router", "lamp", "vacuum", "heater", "radio", "fridge", "mixer", "drill", "clock")
DOES = ("leaks", "hums", "smokes", "rattles", "blinks", "stalls", "sparks", "drips", "buzzes")
WHEN = ("today", "again", "nightly", "always", "sometimes", "lately", "indoors", "outside")


def brief(records: int, seed: int, *, method: str, rare: float = 0.5) -> Table:
    """Notes of four words: a few that many write, and others put together of the same words."""
    rng = np.random.default_rng(seed)
    notes = []
    for often in rng.random(records) > rare:
        if often:
            notes.append(f"the {WHO[n := int(rng.integers(3))]} {DOES[n]} {WHEN[n]}")
        else:
            notes.append(f"the {rng.choice(WHO)} {rng.choice(DOES)} {rng.choice(WHEN)}")
    frame = pd.DataFrame({"site": rng.choice(["A", "B"], records), "note": notes})
    schema = TableSchema.model_validate({"fields": [
        {"name": "site", "type": "string"},
        {"name": "note", "type": "string", "tabsynth": {"free_text": method}},
    ]})  # fmt: skip
    return Table.from_pandas(frame, schema)


@pytest.mark.parametrize("method", ["template", "small-lm"])
def test_a_brief_text_comes_out_only_where_enough_wrote_it(method: str) -> None:
    table = brief(600, 1, method=method)
    held_by = Counter(table.column("note").to_pylist())
    assert sum(n < FEWEST for n in held_by.values()) > 200
    drawn = workflow.sample(workflow.fit(table, synthesizer="independent", seed=1), 400, seed=2)
    said = Counter(drawn.column("note").to_pylist())
    assert {text for text in said if text != WITHHELD} <= {
        text for text, n in held_by.items() if n >= FEWEST
    }
    assert said[WITHHELD] < 100


def test_brief_texts_that_are_copied_are_a_leak() -> None:
    train, holdout, others = (brief(800, seed, method="template", rare=0.9) for seed in range(3))
    copied = held(*text_replay(Comparison(train, holdout, train))[:1], Policy())
    assert copied.name == "text_replay" and copied.status == "fail"
    unlike = held(*text_replay(Comparison(train, holdout, others))[:1], Policy())
    assert unlike.name == "text_replay" and unlike.status != "fail"
