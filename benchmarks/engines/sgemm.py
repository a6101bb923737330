"""The limits that shares are of: a large product in either precision, by torch.mm and by torch's oneDNN.

Both, because torch's own BLAS, MKL, reaches half of oneDNN's rate on some AMD processors. The larger rate counts.
"""

import torch

from benchmarks.engines import Built
from benchmarks.peers.points import Point

__all__ = ["build"]


def build(point: Point, threads: int) -> Built:
    torch.set_num_threads(threads)
    _, B, I, H = point.shape
    X = torch.randn(B, I)
    W = torch.randn(H, I)
    built = Built({"torch.mm": lambda: torch.mm(X, W.t())})
    if torch.backends.mkldnn.is_available():
        onednn = torch.ops.mkldnn._linear_pointwise
        built.ways["oneDNN"] = lambda: onednn(X, W, None, "none", [], "")
    X_low = X.bfloat16()
    W_low = W.bfloat16()
    built.ways["torch.mm bfloat16"] = lambda: torch.mm(X_low, W_low.t()).float()
    return built
