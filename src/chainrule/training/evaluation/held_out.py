"""Scores of all of the held-out data, with a state of their own that training never touches."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._devices import device_of
from chainrule._modes import evaluating
from chainrule.models import Carry, ConditionalModel, MixtureModel
from chainrule.models.mixture import Seen
from chainrule.training.feeds.labelled_feed import BatchOf

__all__ = [
    "ClassLogProbs",
    "Piece",
    "class_log_probs",
    "confusion_and_loss",
    "fit_gate",
    "log_probs",
    "log_probs_apart",
    "split_documents",
]

_Parts = tuple[Tensor, ...]
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


def log_probs(model: ConditionalModel, pieces: Sequence[Piece]) -> list[NDArray[np.float64]]:
    """log p(x_t | x_<t) in nats of every scored step, one array a piece, in the order of the pieces.

    Each piece is a row of its own with its own state, so how rows are put together changes nothing but rounding.

    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> model = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> [len(scores) for scores in log_probs(model, [Piece(np.array([3, 1, 4, 1]), context=1), Piece(np.array([2]))])]
    [3, 1]
    """

    def read(x: Tensor, carry: Carry | None) -> tuple[_Parts, Carry]:
        log_prob, carry = model(x, carry)
        return (log_prob,), carry

    return [of_piece.cpu().double().numpy() for (of_piece,) in _each_step(model, read, pieces)]


def log_probs_apart(model: MixtureModel, pieces: Sequence[Piece]) -> tuple[NDArray[np.float64], ...]:
    """As ``log_probs``, of the mixture, its network and its n-gram, by one pass; all pieces end to end: (N,) each."""

    def read(x: Tensor, carry: Carry | None) -> tuple[_Parts, Carry]:
        log_probs, carry = model.apart(x, carry)
        return (log_probs,), carry

    whole = torch.cat([of_piece for (of_piece,) in _each_step(model, read, pieces)]).cpu().double()
    return tuple(each.numpy() for each in whole.unbind(-1))


def fit_gate(model: MixtureModel, pieces: Sequence[Piece]) -> Tensor:
    """Fit a mixture's gate to the scored steps; log p (N, 3) of the mixture, its network and its n-gram, end to end."""
    seen = [Seen(*parts) for parts in _each_step(model, model.see, pieces)]
    x = torch.cat([torch.from_numpy(piece.x[piece.context :].astype(np.int64)) for piece in pieces])
    x = x.to(model.device)
    whole = Seen(torch.cat([each.features for each in seen]), torch.cat([each.windows for each in seen]))
    with torch.no_grad(), model.evaluating():
        return model.fit_gate(whole, x).double()


@torch.no_grad()
def _each_step(
    model: ConditionalModel,
    read: Callable[[Tensor, Carry | None], tuple[_Parts, Carry]],
    pieces: Sequence[Piece],
) -> list[_Parts]:
    """What ``read`` makes of every scored step, tensors (T, ...) for each piece, in evaluation mode."""
    found: list[_Parts] = [()] * len(pieces)
    longest_first = sorted(range(len(pieces)), key=lambda i: -len(pieces[i].x))
    with model.evaluating():
        for first in range(0, len(pieces), _ROWS):
            rows = longest_first[first : first + _ROWS]
            longest = len(pieces[rows[0]].x)
            x = torch.stack([_extended(pieces[i].x, longest) for i in rows]).to(model.device)
            chunks = []
            carry: Carry | None = None
            for chunk in x.split(_CHUNK, dim=1):
                parts, carry = read(chunk, carry)
                chunks.append(parts)
            whole = [torch.cat(each, dim=1) for each in zip(*chunks, strict=True)]
            for row, i in enumerate(rows):
                found[i] = tuple(each[row, pieces[i].context : len(pieces[i].x)] for each in whole)
    return found


def _extended(x: NDArray[Any], steps: int) -> Tensor:
    """x made as long as ``steps`` by repeating its last step, a value that every transform can take."""
    missing = [(0, steps - len(x))] + [(0, 0)] * (x.ndim - 1)
    return torch.from_numpy(np.pad(x, missing, mode="edge"))


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
    for logits, labels in _each_batch(model, examples, batch_of):
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        np.add.at(matrix, (labels.numpy(), logits.argmax(1).numpy()), 1)
    return matrix, loss / len(examples)


class ClassLogProbs(NamedTuple):
    """log p of every class (N, classes), and the labels (N,)."""

    log_probs: NDArray[np.float64]
    labels: NDArray[np.int64]

    @property
    def of_labels(self) -> NDArray[np.float64]:
        """log p of the label of each example, (N,)."""
        found: NDArray[np.float64] = np.take_along_axis(self.log_probs, self.labels[:, None], axis=1)[:, 0]
        return found


def class_log_probs(model: nn.Module, examples: Tensor, batch_of: BatchOf) -> ClassLogProbs:
    """How likely a classifier holds every class of the examples with these indices.

    >>> x, labels = torch.tensor([[2.0, 0.0], [1.0, 3.0]]), torch.tensor([0, 1])
    >>> found = class_log_probs(nn.Identity(), torch.arange(2), lambda i: ((x[i],), labels[i]))
    >>> found.log_probs.round(3).tolist(), found.of_labels.round(3).tolist()
    ([[-0.127, -2.127], [-2.127, -0.127]], [-0.127, -0.127])
    """
    scored = list(_each_batch(model, examples, batch_of))
    log_probs = torch.cat([logits.double().log_softmax(1) for logits, _ in scored])
    return ClassLogProbs(log_probs.numpy(), torch.cat([labels for _, labels in scored]).numpy())


@torch.no_grad()
def _each_batch(model: nn.Module, examples: Tensor, batch_of: BatchOf) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits and labels on the CPU, batch by batch, in evaluation mode."""
    device = device_of(model)
    with evaluating(model.modules()):
        for index in examples.split(256):
            arguments, labels = batch_of(index)
            yield model(*(each.to(device) for each in arguments)).cpu(), labels
