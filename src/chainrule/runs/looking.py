"""The sequences of a run's data on which a model is inspected, and the recorder of a fit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chainrule._choices import counted, whole
from chainrule.errors import TooShortError
from chainrule.lens import Recorder, ThroughTime, ThroughWindow, through_time
from chainrule.models import ConditionalModel
from chainrule.runs.folder.config import RunConfig

__all__ = ["look_at", "recorder_of"]

_SHARE = 0.01  # of the training time, but for a last inspection if there is no room for one
_ROWS = 8
_WINDOWS = 4  # of a sequence's length, unless this is more than
_MOST = 512
_CONTEXT = 128  # steps read before a sequence, where there are so many


def look_at(
    model: ConditionalModel, documents: Sequence[NDArray[Any]], window: int, steps: int | None
) -> ThroughTime | ThroughWindow:
    """Inspect the model on up to eight sequences of the documents (T, ...), evenly spread over them.

    Raises:
        TooShortError: no document has two steps, or none as many as are asked for.
    """
    wanted = min(_WINDOWS * window, _MOST) if steps is None else whole("`steps`", steps)
    lengths = sorted(map(len, documents), reverse=True)
    _check_length(lengths[0] if lengths else 0, needed=2 if steps is None else wanted)
    length = wanted
    if steps is None:  # rather short sequences of many documents than one of a single long document
        length = max(2, min(wanted, _eighth(lengths)))
    context = 0
    if not model.encoder.receptive_field:  # a state starts as one that has read something
        rooms = sorted((len(document) - length for document in documents if len(document) >= length), reverse=True)
        context = min(_CONTEXT, _eighth(rooms))
    places = [(d, start) for d in documents for start in range(context, len(d) - length + 1, length)]
    chosen = [places[int(k)] for k in np.unique(np.linspace(0, len(places) - 1, _ROWS).round())]
    x = _cut([document[start : start + length] for document, start in chosen])
    state = None
    if context:
        before = _cut([document[start - context : start] for document, start in chosen])
        state = model.read(before.to(model.device))
    return through_time(model, x, state=state, window=window)


def recorder_of(model: nn.Module, config: RunConfig) -> Recorder | None:
    """What inspects the gradients during training; None for a model without a state, or with bounded memory."""
    training = config.training
    if training.memory is not None or not any(isinstance(module, nn.RNNBase) for module in model.modules()):
        return None
    window = None
    if training.bptt == "truncated":
        window = training.k2 or config.model.window
    return Recorder(model, share=_SHARE, window=window)


def _check_length(longest: int, needed: int) -> None:
    if longest < needed:
        raise TooShortError(
            f"inspecting gradients needs {counted(needed, 'step')} in a row, and the longest document has {longest}. "
            "Give more data."
        )


def _eighth(descending: Sequence[int]) -> int:
    """The number that as many have as there are rows, or the least."""
    return descending[min(_ROWS, len(descending)) - 1]


def _cut(pieces: Sequence[NDArray[Any]]) -> Tensor:
    rows = np.stack(pieces)
    if rows.dtype.kind != "f":  # symbols, which are kept small
        rows = rows.astype(np.int64)
    return torch.from_numpy(rows)
