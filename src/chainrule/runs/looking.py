"""Stretches of data to look into a model with."""

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

_SHARE = 0.01  # of the time of training, but for a last look where it has room for none

_ROWS = 8
_WINDOWS = 4  # steps of a stretch: windows, and at most
_MOST = 512
_CONTEXT = 128  # steps read before it, where there are so many


def look_at(
    model: ConditionalModel, documents: Sequence[NDArray[Any]], window: int, steps: int | None
) -> ThroughTime | ThroughWindow:
    """Look into the model on up to eight stretches of the documents (T, ...), evenly spread over them.

    Raises:
        TooShortError: no document has two steps, or none so many as are asked for.
    """
    wanted = min(_WINDOWS * window, _MOST) if steps is None else whole("steps", steps)
    longest = sorted((len(document) for document in documents), reverse=True)
    needed = 2 if steps is None else wanted
    has = longest[0] if longest else 0
    if has < needed:
        raise TooShortError(
            f"a look needs {counted(needed, 'step')} on end, and the longest document has {has}. Give more data."
        )
    # rather shorter stretches of many documents than one of a single long one
    length = wanted if steps is not None else max(2, min(wanted, longest[min(_ROWS, len(longest)) - 1]))
    rooms = sorted((len(document) - length for document in documents if len(document) >= length), reverse=True)
    # a state begins as one that has read something; a window model sees its own beginning
    context = 0 if model.encoder.receptive_field else min(_CONTEXT, rooms[min(_ROWS, len(rooms)) - 1])
    places = [(d, start) for d in documents for start in range(context, len(d) - length + 1, length)]
    chosen = [places[int(k)] for k in np.unique(np.linspace(0, len(places) - 1, _ROWS).round())]

    def cut(back: int, on: int) -> Tensor:
        x = np.stack([document[start - back : start + on] for document, start in chosen])
        return torch.from_numpy(x if x.dtype.kind == "f" else x.astype(np.int64))  # symbols are kept small

    x = cut(0, length)
    state = model.read(cut(context, 0)) if context else None
    return through_time(model, x, state=state, window=window)


def recorder_of(model: nn.Module, config: RunConfig) -> Recorder | None:
    """Who looks at the gradients in training; None for a model without a state, and where memory is bounded."""
    if config.training.memory is not None or not any(isinstance(module, nn.RNNBase) for module in model.modules()):
        return None
    truncated = config.training.bptt == "truncated"
    return Recorder(model, share=_SHARE, window=(config.training.k2 or config.model.window) if truncated else None)
