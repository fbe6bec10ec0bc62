"""A small language model over masked tokens: trained on torch, drawn from on numpy.

A gated recurrent unit reads the tokens so far and the record's cells, and says what follows. The
definition is one: `logits` on numpy is what training's `torch.nn.GRU` computes, held to it by a
test.

Source: Cho et al. (2014), arXiv:1406.1078, for the unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.errors import UsageError
from tabsynth.learners import one_thread

if TYPE_CHECKING:
    from torch import Tensor

WIDTH: Final = 64
UNITS: Final = 192
_BATCH: Final = 32
EPOCHS: Final = 30
_PATIENCE: Final = 2
_RATE: Final = 3e-3
_APART: Final = 0.1
_GATES: Final = 3
# parameters of the unit by the names that torch gives them
UNIT: Final = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")

Numbers = NDArray[np.float32]
Weights = dict[str, Numbers]
Codes = NDArray[np.int64]


def require_torch() -> None:
    """Refuse to train where torch is not installed.

    Raises:
        UsageError: it is not.
    """
    if find_spec("torch") is None:
        raise UsageError(
            "free_text: small-lm", expected="the package torch", got="none",
            remedy="install it (pip install 'tabsynth[ctgan]') or use free_text: template",
        )  # fmt: skip


def shapes(words: int, cells: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights.

    Args:
        words: size of the vocabulary.
        cells: cells of each column.
    """
    return {
        "word": (words, WIDTH),
        **{f"cell.{place}": (count, WIDTH) for place, count in enumerate(cells)},
        "weight_ih_l0": (_GATES * UNITS, WIDTH), "weight_hh_l0": (_GATES * UNITS, UNITS),
        "bias_ih_l0": (_GATES * UNITS,), "bias_hh_l0": (_GATES * UNITS,),
        "out": (UNITS, words), "shift": (words,),
    }  # fmt: skip


def context(weights: Weights, codes: Sequence[Codes], records: int) -> Numbers:
    """What the unit reads of each record beside its words, shape (records, WIDTH)."""
    total = np.zeros((records, WIDTH), np.float32)
    for place, own in enumerate(codes):
        total += weights[f"cell.{place}"][own]
    return total


def step(
    weights: Weights, words: Codes, beside: Numbers, hidden: Numbers
) -> tuple[Numbers, Numbers]:
    """Logits of what follows, shape (records, words), and the unit's next state.

    Args:
        weights: of the network.
        words: the last token of each record's text.
        beside: see `context`.
        hidden: the unit's state, shape (records, UNITS).
    """
    ih, hh, bias_i, bias_h = (weights[name] for name in UNIT)
    read = (weights["word"][words] + beside) @ ih.T + bias_i
    kept = hidden @ hh.T + bias_h
    reset, update, _ = np.split(_sigmoid(read + kept), _GATES, axis=1)
    new = np.tanh(read[:, 2 * UNITS :] + reset * kept[:, 2 * UNITS :])
    after: Numbers = (1 - update) * new + update * hidden
    return after @ weights["out"] + weights["shift"], after


def _sigmoid(values: Numbers) -> Numbers:
    return (1 / (1 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)


def train(
    texts: Sequence[Codes], codes: Sequence[Codes], *, words: int, cells: Sequence[int],
    epochs: int, rng: np.random.Generator,
) -> Weights:  # fmt: skip
    """Weights under which held-out texts are likeliest; a tenth of the records says when to stop.

    Args:
        texts: token numbers of each record, the start and the end included.
        codes: each record's cell of each column.
        words: size of the vocabulary.
        cells: cells of each column.
        epochs: how often each record is shown at most.
        rng: the only source of randomness.
    """
    import torch

    weights = {
        name: torch.tensor(
            rng.uniform(-1, 1, shape) / np.sqrt(UNITS if len(shape) > 1 else 1e6),
            dtype=torch.float32, requires_grad=True,
        )
        for name, shape in shapes(words, cells).items()
    }  # fmt: skip
    optimizer = torch.optim.AdamW(list(weights.values()), lr=_RATE, weight_decay=1e-4)
    order = rng.permutation(len(texts))
    apart, learnt = np.split(order, [int(_APART * len(texts))])
    best, kept, waited = np.inf, _plain(weights), 0
    with one_thread():
        for _ in range(epochs):
            for rows in _batches(texts, rng.permutation(learnt)):
                loss = _loss(weights, texts, codes, rows)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
                optimizer.step()
            with torch.no_grad():
                losses = [float(_loss(weights, texts, codes, r)) for r in _batches(texts, apart)]
            lost = float(np.mean(losses)) if losses else 0.0
            if lost < best:
                best, kept, waited = lost, _plain(weights), 0
            elif (waited := waited + 1) >= _PATIENCE:
                break
    return kept


def _plain(weights: Mapping[str, Tensor]) -> Weights:
    return {name: weight.detach().numpy().copy() for name, weight in weights.items()}


def _batches(texts: Sequence[Codes], rows: Codes) -> list[Codes]:
    """Records of like length together, so that little is padded; the batches in their own order."""
    drawn = [rows[i : i + 16 * _BATCH] for i in range(0, len(rows), 16 * _BATCH)]
    found = []
    for some in drawn:
        sorted_ = some[np.argsort([len(texts[i]) for i in some], kind="stable")]
        parts = [sorted_[i : i + _BATCH] for i in range(0, len(sorted_), _BATCH)]
        found += parts[::2] + parts[1::2]
    return found


def _loss(
    weights: Mapping[str, Tensor], texts: Sequence[Codes], codes: Sequence[Codes], rows: Codes
) -> Any:
    """Cross entropy of the tokens of some records, padding left out."""
    import torch

    longest = max(len(texts[i]) for i in rows)
    padded = np.full((len(rows), longest), -1, np.int64)
    for place, row in enumerate(rows):
        padded[place, : len(texts[row])] = texts[row]
    given = torch.from_numpy(np.maximum(padded[:, :-1], 0))
    wanted = torch.from_numpy(padded[:, 1:])
    logits = batch_logits(weights, given, [torch.from_numpy(c[rows]) for c in codes])
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), wanted.flatten(), ignore_index=-1
    )


def batch_logits(weights: Mapping[str, Tensor], given: Tensor, codes: Sequence[Tensor]) -> Tensor:
    """Logits of what follows each token, shape (records, tokens, words)."""
    import torch

    beside = sum(weights[f"cell.{place}"][own] for place, own in enumerate(codes))
    read = weights["word"][given]
    if codes:
        read = read + beside.unsqueeze(1)  # type: ignore[union-attr]
    states, _ = torch.gru(
        read, torch.zeros(1, len(given), UNITS), [weights[name] for name in UNIT],
        has_biases=True, num_layers=1, dropout=0.0, train=False, bidirectional=False,
        batch_first=True,
    )  # fmt: skip
    return states @ weights["out"] + weights["shift"]
