"""The large products, made by torch: by its oneDNN where they are large and in float32, by its BLAS otherwise.

Both come with torch. Its BLAS, MKL, chooses instructions by the processor's maker, and on other makers' processors
reaches half of what oneDNN does, which asks for the instructions alone; where MKL is at its best the two are equal.
oneDNN prepares code for each new shape, some 0.3 ms, which small products don't earn back.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear

__all__ = ["affine", "outer", "times"]

_WORTH_ONEDNN = 4_000_000  # multiplications and additions
_onednn = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def affine(X: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """X W^T + b: (N, I), (G, I), (G,) -> (N, G)."""
    if _onednn is not None and _is_large(X, W.shape[0]):
        product: Tensor = _onednn(X, W, b, "none", [], "")
        return product
    return linear(X, W, b)


def times(D: Tensor, W: Tensor) -> Tensor:
    """D W: (N, G), (G, I) -> (N, I)."""
    return affine(D, W.t(), None)


def outer(D: Tensor, X: Tensor) -> Tensor:
    """The sum over n of the outer products D[n] X[n]^T: (N, G), (N, I) -> (G, I)."""
    if _onednn is not None and _is_large(X, D.shape[1]):
        return affine(X.t(), D.t(), None).t().contiguous()  # oneDNN is faster at this transpose of it
    return D.t() @ X


def _is_large(X: Tensor, columns: int) -> bool:
    return X.dtype == torch.float32 and X.numel() * columns > _WORTH_ONEDNN
