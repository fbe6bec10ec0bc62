"""Alpha-precision and beta-recall by their authors' own code, for ours to be checked against.

The code is no package and needs torch, so its figures are taken apart and committed:
`python -m tests.golden.published_points CHECKOUT`, a checkout of
https://github.com/vanderschaarlab/evaluating-generative-models at commit 093910e.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIGURES = Path(__file__).with_name("published_points.json")
CODE = "vanderschaarlab/evaluating-generative-models 093910e, metrics/evaluation.py"


def clouds() -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Real and synthetic points: alike, shifted, too much in the middle, too wide, and copied."""
    rng = np.random.default_rng(0)
    # in single precision and equally many, as the original needs them
    real = rng.normal(size=(300, 4)).astype(np.float32)
    others = rng.normal(size=(300, 4)).astype(np.float32)
    return {
        "alike": (real, others),
        "shifted": (real, others + np.float32(0.8)),
        "in the middle": (real, others * np.float32(0.3)),
        "wide": (real, others * np.float32(2)),
        "copied": (real, real[rng.integers(0, 300, 300)]),
    }


def _of_the_authors(real: Any, synthetic: Any) -> dict[str, Any]:
    from metrics.evaluation import compute_alpha_precision

    _, precision, recall, alpha, beta, _ = compute_alpha_precision(
        real, synthetic, real.mean(axis=0)
    )
    return {
        "precision": [float(p) for p in precision],
        "recall": [float(r) for r in recall],
        "alpha_precision": float(alpha),
        "beta_recall": float(beta),
    }


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    figures = {name: _of_the_authors(*points) for name, points in clouds().items()}
    text = json.dumps({"code": CODE, **figures}, indent=1) + "\n"
    FIGURES.write_text(text, encoding="utf-8")
