"""The pMSE of synthgauge, for our own to be checked against.

synthgauge needs other versions than we do, so its figures are taken in an environment of its own
(`pip install synthgauge==2.2.0 'matplotlib<3.9'`) and committed:
`python -m tests.golden.published_propensity`. It takes interactions into its regression, so single
numbers are compared; its null expectation lacks the factor c of Snoke et al. (2018), theorem 1, so
only the pMSE itself is.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from tests.golden.published_figures import cases

FIGURES = Path(__file__).with_name("published_propensity.json")
COLUMNS = ("age", "income", "score")


def tables(real: pd.DataFrame, synthetic: pd.DataFrame, name: str) -> list[pd.DataFrame]:
    """One column of both, its known values standardised together."""
    parts = [frame[[name]].dropna() for frame in (real, synthetic)]
    both = pd.concat(parts)
    return [(part - both.mean()) / both.std(ddof=0) for part in parts]


def _of_synthgauge(real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    from synthgauge.metrics.propensity import _combine_encode_and_pop, pmse

    combined, indicator = _combine_encode_and_pop(real, synthetic)
    return float(pmse(combined, indicator, "logr", C=1e10, tol=1e-10, max_iter=1000))


if __name__ == "__main__":
    figures = {
        case: {name: _of_synthgauge(*tables(*pair, name)) for name in COLUMNS}
        for case, pair in cases().items()
    }
    document = {"synthgauge": "2.2.0", **figures}
    FIGURES.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
