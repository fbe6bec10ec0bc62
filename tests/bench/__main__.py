"""`python -m tests.bench [QUESTION ...]`: run benchmarks and write `reports/benchmarks/`."""

from __future__ import annotations

import sys
from importlib import import_module

QUESTIONS = (
    "attack_power", "augment", "copula_vs_sdv", "costs", "ctgan", "databases", "engines",
    "evaluation_time", "frontier", "loading", "peers", "private", "sampling", "scaling",
    "small_tables", "table_size", "trees_scaling", "verdicts",
)  # fmt: skip

# for when only the reports of `reports/examples` are to be made anew
PARTS = ("examples", "training_examples")

if __name__ == "__main__":
    for question in sys.argv[1:] or QUESTIONS:
        if question not in QUESTIONS + PARTS:
            sys.exit(f"unknown question {question!r}; known: {', '.join(QUESTIONS + PARTS)}")
        import_module(f"tests.bench.{question}").main()
