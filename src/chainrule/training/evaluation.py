"""Scores of all of the held-out data, with a state of their own that training never touches."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._modes import evaluating
from chainrule.models import Carry, ConditionalModel
from chainrule.training.feeds.labelled_feed import BatchOf

__all__ = ["Piece", "confusion_and_loss", "log_probs", "split_documents"]

_ROWS = 64
_CHUNK = 512


class Piece(NamedTuple):
    """Steps x (T, ...) to score; the first ``context`` of them are read but not scored."""

    x: NDArray[Any]
    context: int = 0


def split_documents(documents: Sequence[NDArray[Any]], bounds: Sequence[int], context: int) -> list[list[Piece]]:
    """Cut documents laid end to end at ``bounds``, in order: the pieces of each part.

    A document that a bound cuts goes on in the next part, with up to ``context`` steps before the cut to read.

    >>> [[(piece.x.tolist(), piece.context) for piece in part]
    ...     for part in split_documents([np.arange(3), np.arange(3, 8)], [5], context=1)]
    [[([0, 1, 2], 0), ([3, 4], 0)], [([4, 5, 6, 7], 1)]]
    """
    ends = [*bounds, sum(len(document) for document in documents)]
    parts: list[list[Piece]] = [[] for _ in ends]
    part = 0
    before = 0  # steps of the documents before this one
    for document in documents:
        begin = 0
        while begin < len(document):
            while ends[part] <= before + begin:
                part += 1
            end = min(ends[part] - before, len(document))
            read_from = max(begin - context, 0)
            parts[part].append(Piece(document[read_from:end], begin - read_from))
            begin = end
        before += len(document)
    return parts


@torch.no_grad()
def log_probs(model: ConditionalModel, pieces: Sequence[Piece]) -> list[NDArray[np.float64]]:
    """log p(x_t | x_<t) in nats of every scored step, one array a piece, in the order of the pieces.

    Each piece is a row of its own with its own state, so how rows are put together changes nothing but rounding.

    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> model = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> [len(scores) for scores in log_probs(model, [Piece(np.array([3, 1, 4, 1]), context=1), Piece(np.array([2]))])]
    [3, 1]
    """
    scores: list[NDArray[np.float64]] = [np.empty(0)] * len(pieces)
    longest_first = sorted(range(len(pieces)), key=lambda i: -len(pieces[i].x))
    with model.evaluating():
        for first in range(0, len(pieces), _ROWS):
            rows = longest_first[first : first + _ROWS]
            longest = len(pieces[rows[0]].x)
            x = torch.stack([_extended(pieces[i].x, longest) for i in rows])
            whole = torch.cat(list(_chunked(model, x)), dim=1).double().numpy()
            for row, i in enumerate(rows):
                scores[i] = whole[row, pieces[i].context : len(pieces[i].x)]
    return scores


def _extended(x: NDArray[Any], steps: int) -> Tensor:
    """x made as long as ``steps`` by repeating its last step, a value that every transform can take."""
    missing = [(0, steps - len(x))] + [(0, 0)] * (x.ndim - 1)
    return torch.from_numpy(np.pad(x, missing, mode="edge"))


def _chunked(model: ConditionalModel, x: Tensor) -> Iterator[Tensor]:
    carry: Carry | None = None
    for chunk in x.split(_CHUNK, dim=1):
        log_prob, carry = model(chunk, carry)
        yield log_prob


@torch.no_grad()
def confusion_and_loss(
    model: nn.Module, examples: Tensor, batch_of: BatchOf, classes: int
) -> tuple[NDArray[np.int64], float]:
    """The confusion matrix [true, predicted] of the examples with these indices, and the mean loss in nats.

    >>> x, labels = torch.tensor([[2.0, 0.0], [1.0, 3.0], [0.0, 1.0]]), torch.tensor([0, 1, 0])
    >>> matrix, loss = confusion_and_loss(nn.Identity(), torch.arange(3), lambda i: ((x[i],), labels[i]), classes=2)
    >>> matrix.tolist(), round(loss, 3)
    ([[1, 1], [0, 1]], 0.522)
    """
    matrix = np.zeros((classes, classes), dtype=np.int64)
    loss = 0.0
    with evaluating(model.modules()):
        for index in examples.split(256):
            arguments, labels = batch_of(index)
            logits = model(*arguments)
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            np.add.at(matrix, (labels.numpy(), logits.argmax(1).numpy()), 1)
    return matrix, loss / len(examples)
