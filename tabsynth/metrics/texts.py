"""Text columns: what a classifier learns from synthetic texts, tested on real ones."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.comparison import Comparison, at_most, redrawn
from tabsynth.intervals import delong
from tabsynth.learners import one_thread
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result
from tabsynth.table import Table

MAX_RECORDS: Final = 10_000
MAX_CLASSES: Final = 20
MAX_TARGETS: Final = 6
MIN_TEST: Final = 50
DRAWS: Final = 100
MOST_WORDS: Final = 20_000

Labelled = tuple[list[str], NDArray[np.str_]]


def text_transfer(comparison: Comparison) -> list[Result]:
    """How well real texts tell a category after learning from synthetic texts.

    Returns:
        For each text column that is not a placeholder throughout, and the target or, without one,
        up to six categories: the AUC on the holdout of a logistic regression on words (TF-IDF),
        averaged over classes; 0.5 is guessing, higher is better. The reference learnt from real
        texts, the baseline from texts dealt out at random. The interval covers the drawing of the
        holdout. Nothing with fewer than 50 holdout texts.

    Privacy: reads training and holdout texts; not differentially private.
    """
    schema = comparison.train.schema
    names = [
        f.name
        for f in schema.fields
        if f.tabsynth.free_text is not None
        and len(comparison.synthetic.column(f.name).drop_null().unique()) > 1
    ]
    targets = [f.name for f in schema.modelled_fields if f.is_categorical]
    if comparison.target is not None:
        targets = [name for name in targets if name == comparison.target]
    with one_thread():
        found = [_figure(comparison, text, t) for text in names for t in targets[:MAX_TARGETS]]
    return [result for result in found if result is not None]


def _figure(comparison: Comparison, text: str, target: str) -> Result | None:
    rng = comparison.rng(f"text_transfer {text} {target}")
    tables = (comparison.holdout, comparison.synthetic, comparison.reference, comparison.baseline)
    holdout, *learnt = (at_most(t, MAX_RECORDS, rng) for t in tables)
    test, *others = (_labelled(t, text, target) for t in (holdout, *learnt))
    classes = np.unique(test[1])
    if len(test[0]) < MIN_TEST or not 2 <= len(classes) <= MAX_CLASSES:
        return None
    guesses = [_guess(known, classes, test[0]) for known in others]
    value, reference, baseline = (_area(test[1], guess, classes) for guess in guesses)
    told = pc.and_(*(holdout.column(n).is_valid() for n in (text, target)))
    owners = holdout.owners
    own = None if owners is None else owners[told.to_numpy(zero_copy_only=False)]
    picks = redrawn(len(test[0]), own, DRAWS, rng)
    drawn = [_area(test[1][p], guesses[0][p], classes) for p in picks]
    measure = Measure(
        "text_transfer", "AUC",
        f"logistic regression on words, tested on the holdout; {DRAWS} bootstrap draws of it",
        len(test[0]), comparison.seed, family="utility", better="higher",
    )  # fmt: skip
    error = float(np.nanstd(drawn))
    return measure.result(Figure(value, error, reference, baseline, f"{text} × {target}"))


def _labelled(table: Table, text: str, target: str) -> Labelled:
    """Texts that are there, with their classes."""
    texts, labels = table.column(text), table.column(target).cast(pa.string())
    both = zip(texts.to_pylist(), labels.to_pylist(), strict=True)
    kept = [(said, label) for said, label in both if said is not None and label is not None]
    return [said for said, _ in kept], np.array([label for _, label in kept], str)


def _guess(known: Labelled, classes: NDArray[np.str_], test: list[str]) -> NDArray[np.float64]:
    """Probabilities of the classes for the test texts, shape (texts, classes)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    guess = np.zeros((len(test), len(classes)))
    texts = [said for said, label in zip(*known, strict=True) if label in classes]
    labels = known[1][np.isin(known[1], classes)]
    vectorizer: Any = TfidfVectorizer(
        ngram_range=(1, 2), max_features=MOST_WORDS, token_pattern=r"(?u)\b\w+\b"
    )
    if len(np.unique(labels)) < 2 or not any(vectorizer.build_analyzer()(t) for t in texts):
        return guess
    model: Any = LogisticRegression(max_iter=200)
    model.fit(vectorizer.fit_transform(texts), labels)
    guess[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(
        vectorizer.transform(test)
    )
    return guess


def _area(truth: NDArray[np.str_], guess: NDArray[np.float64], classes: NDArray[np.str_]) -> float:
    """Mean AUC over the classes that occur."""
    areas = [
        delong(guess[truth == c, i], guess[truth != c, i])[0]
        for i, c in enumerate(classes)
        if 1 < np.count_nonzero(truth == c) < len(truth) - 1
    ]
    return float(np.mean(areas)) if areas else float("nan")
