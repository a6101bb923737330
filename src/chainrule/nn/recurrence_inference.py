"""All layers and directions of a recurrent layer without gradients, in as few steps of Python as may be.

A small layer's step takes less time than Python's questions to a tensor: what a call is made of is found out once, by
C++.
"""

from typing import Any

import torch
from torch import Tensor

from chainrule.nn.recurrence_options import Optioned
from chainrule.ops import choices
from chainrule.ops.plain import PLAIN, is_watched
from chainrule.ops.recurrence.backends.cpu import infer

__all__ = ["run_without_gradients"]

_States = tuple[Tensor, ...]


def run_without_gradients(layer: Optioned, input: Any, hx: Any, resets: Any = None) -> tuple[Tensor, _States] | None:
    """The outputs and states of an ordinary call without gradients, in as few steps as may be; None of others.

    Whatever is unusual about a call is left to the other way, which also says what is wrong with it.
    """
    if torch.is_grad_enabled() or is_watched() or choices.listening or not isinstance(input, Tensor):
        return None
    directions = 2 if layer.bidirectional else 1
    count = layer.num_layers * directions
    cell = layer.cell_spec
    parts = len(cell.state)
    if input.dim() != 3 or layer.zoneout or (layer.dropout and layer.training) or not _are_states(hx, parts, count):
        return None
    y = input
    last = []
    for n in range(layer.num_layers):
        outputs = []
        for k in range(n * directions, (n + 1) * directions):
            state = (None,) * parts if hx is None else tuple(h[k] for h in hx)
            reverse = k % directions == 1
            found = infer(cell, y, state, layer.weights_of(k), reverse, resets, time_first=not layer.batch_first)
            if found is None:
                return None
            outputs.append(found[0])
            last.append(found[1])
        y = outputs[0] if directions == 1 else torch.cat(outputs, dim=-1)
    return y, last[0] if count == 1 else tuple(map(torch.cat, zip(*last, strict=True)))


def _are_states(hx: Any, parts: int, count: int) -> bool:
    """Whether hx may be one: as many parts as there are, each of so many layers and directions."""
    if hx is None:
        return True
    if not isinstance(hx, tuple | list) or len(hx) != parts:
        return False
    return all(type(h) in PLAIN and h.dim() == 3 and h.shape[0] == count for h in hx)
