"""One pass over held-out data, in time order, by a model that learns from every step once it has scored it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.models import Carry
from chainrule.training.adaptation.learner import Learner
from chainrule.training.evaluation import Piece

__all__ = ["adaptive_log_probs", "hedged"]

_SHARE = 0.001

_Floats = NDArray[np.float64]


def adaptive_log_probs(
    learner: Learner, pieces: Sequence[Piece], advance: Callable[[float], None] = lambda share: None
) -> _Floats:
    """log p(x_t | x_<t) in nats of every scored step, the pieces end to end, where each step is learned from after.

    Each piece starts from a cold state, as when it is scored by a model that does not learn; what was learned is kept
    from one to the next. What a piece has to read before its scored steps is not learned from. ``advance`` is called
    with the share that is done.
    """
    device = learner.model.device
    total = sum(len(piece.x) for piece in pieces)
    carry: Carry | None = None
    done = 0
    scores: list[Tensor] = [torch.empty(1, 0, dtype=torch.float64)]
    for span in _spans(pieces):
        for first in range(0, len(span.x), learner.steps):
            x = torch.from_numpy(span.x[None, first : first + learner.steps]).to(device)
            resets = torch.from_numpy(span.begins[None, first : first + learner.steps]).to(device)
            if span.is_scored:
                log_prob, carry = learner.learn(x, carry, resets)
                scores.append(log_prob.cpu().double())
            else:
                carry = learner.read(x, carry, resets)
            done += x.shape[1]
            advance(done / total)
    return torch.cat(scores, dim=1)[0].numpy()


class _Span(NamedTuple):
    """Steps of several pieces end to end, and which of them begin a piece."""

    x: NDArray[Any]
    begins: NDArray[np.bool_]
    is_scored: bool


def _spans(pieces: Sequence[Piece]) -> Iterator[_Span]:
    """All steps in order; what is only read, which is between spans of what is scored, in spans of its own.

    Many short documents so are learned from as one long one is, as many steps at a time.
    """
    held: list[tuple[NDArray[Any], bool]] = []
    for piece in pieces:
        if piece.context:
            if held:
                yield _joined(held)
            yield _joined([(piece.x[: piece.context], True)], is_scored=False)
            held = []
        held.append((piece.x[piece.context :], not piece.context))
    if held:
        yield _joined(held)


def _joined(parts: Sequence[tuple[NDArray[Any], bool]], *, is_scored: bool = True) -> _Span:
    x = np.concatenate([part for part, _ in parts])
    begins = np.zeros(len(x), np.bool_)
    at = 0
    for part, is_start in parts:
        begins[at] = is_start
        at += len(part)
    return _Span(x, begins, is_scored)


def hedged(frozen: _Floats, adapted: _Floats) -> _Floats:
    """Log-probabilities (T,) of a mixture of two forecasters, which trusts each as far as it did well until then.

    The weights begin with one half. After every step they follow from Bayes' rule, and then a small share of each goes
    over to the other, so that the mixture soon follows the one that has become the better (Herbster & Warmuth 1998,
    "Tracking the best expert"). At worst it loses ``_SHARE`` nats a step on the better of them, and log 2 once: a model
    that goes on learning is never much worse than one that does not.

    >>> frozen, adapted = np.log([0.5, 0.5, 0.5]), np.log([0.5, 0.9, 0.9])
    >>> np.exp(hedged(frozen, adapted)).round(2)
    array([0.5 , 0.7 , 0.76])
    """
    better = np.maximum(frozen, adapted)
    trust = 0.5  # in the adapted one
    mixed = np.empty(len(better))
    shares = zip(np.exp(frozen - better).tolist(), np.exp(adapted - better).tolist(), strict=True)
    for step, (of_frozen, of_adapted) in enumerate(shares):
        p = (1 - trust) * of_frozen + trust * of_adapted
        trust = _SHARE + (1 - 2 * _SHARE) * trust * of_adapted / p
        mixed[step] = p
    return np.asarray(better + np.log(mixed), dtype=np.float64)
