"""The figures of the design brief, measured alike on anybody's synthetic DataFrame.

Numbers are cut at the training records' 20 quantiles, categories taken as they are, missing is a
level; total variation is averaged over columns and pairs. The detection score is the 5-fold AUC of
scikit-learn's boosted trees (its defaults) on equal numbers of holdout and synthetic records.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

Levels = NDArray[np.int64]


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


def _distance(first: Levels, second: Levels, size: int) -> float:
    p = np.bincount(first, minlength=size) / len(first)
    q = np.bincount(second, minlength=size) / len(second)
    return float(0.5 * np.abs(p - q).sum())


def detection(train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """AUC of telling synthetic records from holdout records; 0.5 is perfect."""
    size = min(len(holdout), len(synthetic))
    both = [f.sample(size, random_state=0) for f in (holdout, synthetic)]
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
