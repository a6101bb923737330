"""The limit that shares are of: a large float32 product, by torch.mm and by torch's oneDNN.

Both, because torch's own BLAS, MKL, reaches half of oneDNN's rate on some AMD processors. The larger rate counts.
"""

import torch

from benchmarks.engines import Built
from benchmarks.points import Point
from chainrule.ops.recurrence.kernels.products import affine

__all__ = ["build"]


def build(point: Point, threads: int) -> Built:
    torch.set_num_threads(threads)
    _, B, I, H = point.shape  # noqa: E741
    X, W = torch.randn(B, I), torch.randn(H, I)
    return Built({"torch.mm": lambda: torch.mm(X, W.t()), "oneDNN": lambda: affine(X, W, None)})
