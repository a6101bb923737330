"""The calls into the extension module: checked tensors in, pointers out. All memory is torch's, scratch included."""

from typing import NamedTuple

import torch
from torch import Tensor

from chainrule.ops.recurrence.kernels import _scan

__all__ = ["CELLS", "GATES", "LEVELS", "Kept", "Layout", "Masks", "scan", "scan_backward"]

CELLS = {"rnn_tanh": 0, "rnn_relu": 1, "gru": 2, "lstm": 3}
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
LEVELS: list[str] = _scan.levels()
"""The instruction levels that this machine runs, the best first; the first one is used."""

_level = 0
_WORTH_A_THREAD = 500_000  # multiplications and additions; fewer are done sooner than a thread starts


class Layout(NamedTuple):
    """How a batch of sequences lies in memory: N = B T rows, the one of row b and step t at b row + t step."""

    B: int
    T: int
    row: int
    step: int

    @classmethod
    def of(cls, x: Tensor) -> "Layout":
        """Time outermost where x, (B, T, I), lies so; the batch outermost otherwise."""
        B, T, _ = x.shape
        if not x.is_contiguous() and x.transpose(0, 1).is_contiguous():
            return cls(B, T, 1, B)
        return cls(B, T, T, 1)

    def rows(self, x: Tensor) -> Tensor:
        """(B, T, I) as (N, I) in this order; a copy only where x lies in another."""
        if self.step != 1:
            x = x.transpose(0, 1)
        return x.reshape(-1, x.shape[2])

    def batch(self, rows: Tensor) -> Tensor:
        """(N, I) as (B, T, I), without a copy."""
        width = rows.shape[1]
        return rows.as_strided((self.B, self.T, width), (self.row * width, self.step * width, 1))

    def empty(self, like: Tensor, width: int) -> Tensor:
        """(B, T, width) in this order, not initialised."""
        return like.new_empty_strided((self.B, self.T, width), (self.row * width, self.step * width, 1))


class Kept(NamedTuple):
    """What the backward scan needs of each step, (N, ·) in the order of a layout; empty where the cell has none."""

    gates: Tensor  # (N, G), the values of the gates
    q: Tensor  # (N, H), of the GRU
    h_start: Tensor  # (N, H), the state that each step started from
    c_start: Tensor  # (N, H), of the LSTM


class Masks(NamedTuple):
    """Where rows are treated apart."""

    resets: Tensor | None  # bool, (B, T), dense
    lengths: Tensor | None  # int64, (B,), dense
    reverse: bool


def scan(
    cell: str,
    gx: Tensor,
    h_0: Tensor,
    c_0: Tensor | None,
    W_hh: Tensor,
    b_hh: Tensor | None,
    at: Layout,
    masks: Masks,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Kept]:
    """y (B, T, H), the last h and c, and what the backward scan needs, if kept. gx (N, G) is overwritten."""
    N, H = len(gx), h_0.shape[1]
    lstm = c_0 is not None
    y, h_n = at.empty(gx, H), torch.empty_like(h_0)
    c_n = torch.empty_like(c_0) if c_0 is not None else gx.new_empty(0)
    kept = Kept(
        gx if keep else gx.new_empty(0),
        gx.new_empty(N, H) if keep and cell == "gru" else gx.new_empty(0),
        gx.new_empty(N, H) if keep else gx.new_empty(0),
        gx.new_empty(N, H) if keep and lstm else gx.new_empty(0),
    )
    key, threads, workspace = _prepared(cell, gx, H, at)
    packed = gx.new_empty(_scan.packed_size(*key, H))
    _scan.pack(*key, H, W_hh.data_ptr(), _pointer(b_hh), packed.data_ptr())
    _scan.forward(
        *key,
        at.B,
        at.T,
        H,
        at.row,
        at.step,
        masks.reverse,
        threads,
        _pointer(masks.resets),
        _pointer(masks.lengths),
        packed.data_ptr(),
        workspace.data_ptr(),
        gx.data_ptr(),
        *(t.data_ptr() for t in kept[1:]),
        h_0.data_ptr(),
        _pointer(c_0),
        y.data_ptr(),
        h_n.data_ptr(),
        c_n.data_ptr(),
    )
    return y, h_n, c_n, kept


def scan_backward(
    cell: str, kept: Kept, dy: Tensor, dh_n: Tensor, dc_n: Tensor | None, W_hh: Tensor, at: Layout, masks: Masks
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """dgx and dgh (N, G), one tensor but for the GRU, dh_0 and dc_0, from dy (N, H) and those of the last state."""
    H = dy.shape[1]
    dgx, dh_0 = torch.empty_like(kept.gates), torch.empty_like(dh_n)
    dgh = torch.empty_like(dgx) if cell == "gru" else None
    dc_0 = torch.empty_like(dc_n) if dc_n is not None else dy.new_empty(0)
    key, threads, workspace = _prepared(cell, dy, H, at)
    packed = dy.new_empty(_scan.packed_size(*key, H))
    _scan.pack_backward(*key, H, W_hh.data_ptr(), packed.data_ptr())
    _scan.backward(
        *key,
        at.B,
        at.T,
        H,
        at.row,
        at.step,
        masks.reverse,
        threads,
        _pointer(masks.resets),
        _pointer(masks.lengths),
        packed.data_ptr(),
        workspace.data_ptr(),
        *(t.data_ptr() for t in kept),
        dy.data_ptr(),
        dh_n.data_ptr(),
        _pointer(dc_n),
        dgx.data_ptr(),
        _pointer(dgh),
        dh_0.data_ptr(),
        dc_0.data_ptr(),
    )
    return dgx, dgx if dgh is None else dgh, dh_0, dc_0


def _prepared(cell: str, like: Tensor, H: int, at: Layout) -> tuple[tuple[int, bool, int], int, Tensor]:
    key = (_level, like.dtype == torch.float64, CELLS[cell])
    threads = 1
    if at.B > 1 and at.B * at.T * H * H * GATES[cell] > _WORTH_A_THREAD:
        threads = min(at.B, torch.get_num_threads())
    return key, threads, like.new_empty(_scan.workspace_size(*key, H, at.B, threads))


def _pointer(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
