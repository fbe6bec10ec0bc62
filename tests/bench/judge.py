"""The figures of the design brief, measured alike on anybody's synthetic DataFrame.

Numbers are cut at the training records' 20 quantiles, categories taken as they are, missing is a
level; total variation is averaged over columns and pairs. The detection score is the 5-fold AUC of
scikit-learn's boosted trees (its defaults) on equal numbers of holdout and synthetic records.
Excess closeness, copies and TSTR are defined at their functions.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

Levels = NDArray[np.int64]
Floats = NDArray[np.float32]
TRIPLES = 300
ASKED = 6_000
BLOCK = 128


def levels(train: pd.DataFrame, frame: pd.DataFrame) -> Levels:
    """Levels of a frame's columns, shape (columns, records)."""
    coded = []
    for name in train.columns:
        if pd.api.types.is_numeric_dtype(train[name].dtype):
            cuts = np.unique(
                np.nanquantile(train[name].to_numpy(float), np.linspace(0, 1, 21)[1:-1])
            )
            values = frame[name].to_numpy(float, na_value=np.nan)
            level = np.searchsorted(cuts, values, side="right")
            coded.append(np.where(np.isnan(values), len(cuts) + 1, level))
        else:
            categories = sorted(train[name].dropna().astype(str).unique())
            texts = frame[name].astype(object).where(frame[name].notna(), None)
            coded.append(pd.Categorical(texts, categories=categories).codes.astype(np.int64) + 1)
    return np.array(coded)


def variation(first: Levels, second: Levels) -> dict[str, float]:
    """Mean total variation over columns and over pairs of columns."""
    sizes = np.maximum(first.max(axis=1), second.max(axis=1)) + 1
    d = len(sizes)
    columns = [_distance(first[j], second[j], sizes[j]) for j in range(d)]
    pairs = [
        _distance(first[a] * sizes[b] + first[b], second[a] * sizes[b] + second[b],
                  sizes[a] * sizes[b])
        for a, b in combinations(range(d), 2)
    ]  # fmt: skip
    return {"columns_tv": float(np.mean(columns)), "pairs_tv": float(np.mean(pairs))}


def triples_variation(first: Levels, second: Levels) -> float:
    """Mean total variation over 300 random triples of columns, or all where these are fewer."""
    sizes = np.maximum(first.max(axis=1), second.max(axis=1)) + 1
    every = list(combinations(range(len(sizes)), 3))
    rng = np.random.default_rng(0)
    if len(every) > TRIPLES:
        every = [every[i] for i in rng.choice(len(every), TRIPLES, replace=False)]

    def joint(levels: Levels, which: tuple[int, ...]) -> Levels:
        a, b, c = which
        return (levels[a] * sizes[b] + levels[b]) * sizes[c] + levels[c]

    return float(np.mean([
        _distance(joint(first, t), joint(second, t), int(np.prod([sizes[j] for j in t])))
        for t in every
    ]))  # fmt: skip


def _distance(first: Levels, second: Levels, size: int) -> float:
    p = np.bincount(first, minlength=size) / len(first)
    q = np.bincount(second, minlength=size) / len(second)
    return float(0.5 * np.abs(p - q).sum())


def detection(train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """AUC of telling synthetic records from holdout records; 0.5 is perfect.

    Both samples and the folds have seeds of their own: with one for all, shuffling the folds undid
    the shuffling of the records, so that folds followed the holdout's own order.
    """
    size = min(len(holdout), len(synthetic))
    both = [f.sample(size, random_state=k) for k, f in enumerate((holdout, synthetic), 1)]
    features = np.concatenate([_features(train, f) for f in both])
    label = np.repeat([0, 1], size)
    categorical = [not pd.api.types.is_numeric_dtype(t) for t in train.dtypes]
    guess = np.empty(len(label))
    with threadpool_limits(1):
        for fit, test in StratifiedKFold(5, shuffle=True, random_state=0).split(features, label):
            model = HistGradientBoostingClassifier(
                categorical_features=categorical, random_state=0
            ).fit(features[fit], label[fit])
            guess[test] = model.predict_proba(features[test])[:, 1]
    return float(roc_auc_score(label, guess))


def _features(train: pd.DataFrame, frame: pd.DataFrame) -> NDArray[np.float64]:
    columns = []
    for name in train.columns:
        if pd.api.types.is_numeric_dtype(train[name].dtype):
            columns.append(frame[name].to_numpy(float, na_value=np.nan))
        else:
            categories = sorted(train[name].dropna().astype(str).unique())
            codes = pd.Categorical(frame[name], categories=categories).codes.astype(float)
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.column_stack(columns)


def excess_closeness(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, *, seed: int = 0
) -> float:
    """How much oftener than by chance a synthetic record's nearest real one is a training record.

    Numbers are scaled to their rank in train; a category that differs costs 1, as does a missing
    number beside a known one. Of 6,000 synthetic records, the share whose nearest record is in
    train rather than in the holdout (ties by their shares), minus chance, over one minus chance:
    0 is chance, 1 an exact copier.
    """
    size = min(ASKED, len(synthetic))
    asked, members, others = (
        _places(train, f) for f in (synthetic.sample(size, random_state=seed), train, holdout)
    )
    shares = []
    for start in range(0, size, BLOCK):
        part = tuple(a[:, start : start + BLOCK] for a in asked)
        near, far = (_distances(part, real) for real in (members, others))
        least = np.minimum(near.min(axis=1), far.min(axis=1))[:, None] + 1e-5
        ours, theirs = ((d <= least).sum(axis=1) for d in (near, far))
        shares.append(ours / (ours + theirs))
    chance = len(train) / (len(train) + len(holdout))
    return float((np.concatenate(shares).mean() - chance) / (1 - chance))


def _places(train: pd.DataFrame, frame: pd.DataFrame) -> tuple[Floats, Levels]:
    """Ranks of numbers, NaN where missing, and codes of categories; shapes (columns, records)."""
    ranks, codes = [np.empty((0, len(frame)), np.float32)], [np.empty((0, len(frame)), np.int64)]
    for name in train.columns:
        if pd.api.types.is_numeric_dtype(train[name].dtype):
            known = np.sort(train[name].dropna().to_numpy(float))
            values = frame[name].to_numpy(float, na_value=np.nan)
            middle = np.searchsorted(known, values) + np.searchsorted(known, values, "right")
            place = np.where(np.isnan(values), np.nan, middle / (2 * max(len(known), 1)))
            ranks.append(place.astype(np.float32)[None])
        else:
            codes.append(levels(train[[name]], frame[[name]]))
    return np.concatenate(ranks), np.concatenate(codes)


def _distances(asked: tuple[Any, ...], real: tuple[Any, ...]) -> Floats:
    total = np.zeros((asked[0].shape[1], real[0].shape[1]), np.float32)
    for mine, theirs in zip(asked[0], real[0], strict=True):
        gap = np.abs(mine[:, None] - theirs[None])
        odd = np.isnan(mine)[:, None] != np.isnan(theirs)[None]
        total += np.where(odd, np.float32(1), np.nan_to_num(gap))
    for mine, theirs in zip(asked[1], real[1], strict=True):
        total += mine[:, None] != theirs[None]
    return total


def copies(train: pd.DataFrame, frame: pd.DataFrame) -> float:
    """The share of records that equal a training record in every column."""
    known, found = (keys_of(train, f) for f in (train, frame))
    return float(np.isin(found, known).mean())


def keys_of(train: pd.DataFrame, frame: pd.DataFrame) -> NDArray[np.uint64]:
    """A key for each record, equal for equal ones whatever the types of the columns."""
    alike = {
        name: frame[name].to_numpy(float, na_value=np.nan)
        if pd.api.types.is_numeric_dtype(train[name].dtype)
        else frame[name].astype(object).where(frame[name].notna(), None).astype(str)
        for name in train.columns
    }
    plain = pd.DataFrame({n: np.asarray(v) for n, v in alike.items()})
    return np.asarray(pd.util.hash_pandas_object(plain, index=False), np.uint64)


def utility(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, target: str
) -> float:
    """TSTR: AUC on the holdout of boosted trees that learnt the target from synthetic records."""
    classes = sorted(train[target].dropna().astype(str).unique())
    rest = train.drop(columns=target)
    categorical = [not pd.api.types.is_numeric_dtype(t) for t in rest.dtypes]
    learnt, tested = (f[f[target].notna()] for f in (synthetic, holdout))
    label = (learnt[target].astype(str) == classes[-1]).to_numpy()
    if label.all() or not label.any():
        return 0.5
    with threadpool_limits(1):
        model = HistGradientBoostingClassifier(
            categorical_features=categorical, random_state=0
        ).fit(_features(rest, learnt[rest.columns]), label)
        guess = model.predict_proba(_features(rest, tested[rest.columns]))[:, 1]
    return float(roc_auc_score((tested[target].astype(str) == classes[-1]).to_numpy(), guess))
