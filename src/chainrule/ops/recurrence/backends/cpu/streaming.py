"""A stack of layers prepared for streaming: the weights packed once, the state in place, one call for any steps."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import torch

from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.pointers import dense
from chainrule.ops.recurrence.backends.cpu import native
from chainrule.ops.recurrence.cells.spec import State, Weights

if WHY_ABSENT is None:
    import chainrule.ops.recurrence.backends.cpu._scan as _scan

__all__ = ["StreamedLayers", "address"]

address: Callable[[Any], int] = _scan.address if WHY_ABSENT is None else attrgetter("ctypes.data")
"""Of the numbers of a NumPy array."""


class StreamedLayers:
    """Layers of one cell on top of each other, over a batch of ``B`` rows; nothing in here checks an argument.

    Args:
        cell: one of native.CELLS.
        layers: the weights of each layer; their values are copied.
        state: h, or h and c, each (layers, B, H) and dense. They are what `run` starts from and leaves behind.
        rounds: whether the products' factors are rounded to bfloat16.
    """

    def __init__(self, cell: str, layers: Sequence[Weights], state: State, rounds: bool = False) -> None:
        W_ih = layers[0].W_ih
        dtype = torch.bfloat16 if rounds else W_ih.dtype
        key = (native._level, native.DTYPES[dtype], native.CELLS[cell])
        _, B, H = state[0].shape
        widths = [weights.W_ih.shape[1] for weights in layers]
        sizes = [_scan.packed_layer_size(*key, width, H) for width in widths]
        self._packed = W_ih.new_empty(sum(sizes))
        for weights, width, packed in zip(layers, widths, self._packed.split(sizes), strict=True):
            read = [None if w is None else dense(w.detach()) for w in weights[:4]]
            _scan.pack_layer(*key, width, H, *map(native._pointer, read), packed.data_ptr())
        self._workspace = W_ih.new_empty(_scan.stream_workspace_size(*key, B, widths[0], H))
        self._state = state
        pointers = [t.data_ptr() for t in (self._packed, state[0], state[-1], self._workspace)]
        self._stream = _scan.Stream(*key, B, widths[0], H, len(layers), *pointers)
        self.run = self._stream.run
        """T steps, at the address of x: (T, row, step, x, y). Row b, step t begins b * row + t * step widths on."""
