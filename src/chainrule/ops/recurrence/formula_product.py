"""The product that enters the gates, plain or normalised, and its backward step; the README derives both."""

import torch
from torch import Tensor

from chainrule.ops.recurrence.reference import EPSILON, Weights

__all__ = ["Product", "Saved", "normalise", "normalise_backward", "total_bias"]

Saved = tuple[Tensor, ...]
"""What a step leaves for its backward step; of a product () where it is plain."""


def normalise(v: Tensor) -> Saved:
    """v^ = (v - mean(v)) / s with s = sqrt(variance(v) + epsilon), and 1/s: (..., G) and (..., 1)."""
    centred = v - v.mean(-1, keepdim=True)
    inverse = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + EPSILON)
    return centred * inverse, inverse


def normalise_backward(d: Tensor, normal: Saved) -> Tensor:
    """dv from d = dv^: the parts of d along (1, ..., 1) and along v^ are taken out, as v^ doesn't follow them."""
    v, inverse = normal
    return inverse * (d - d.mean(-1, keepdim=True) - v * (d * v).mean(-1, keepdim=True))


class Product:
    """onto + W v, or onto + gain v^ with v^ = LN(W v) where there is a gain."""

    def __init__(self, W: Tensor, gain: Tensor | None) -> None:
        self.W, self.W_T, self.gain = W, W.t(), gain

    def __call__(self, v: Tensor, onto: Tensor | None) -> tuple[Tensor, Saved]:
        """v is (N, ·), onto (N, G) or (G,)."""
        if self.gain is None:
            return v @ self.W_T if onto is None else torch.addmm(onto, v, self.W_T), ()
        normal = normalise(v @ self.W_T)
        return normal[0] * self.gain if onto is None else torch.addcmul(onto, normal[0], self.gain), normal

    def backward(self, d: Tensor, normal: Saved) -> Tensor:
        """The gradient of W v from that of the result."""
        return d if self.gain is None else normalise_backward(d * self.gain, normal)

    def dgain(self, d: Tensor, normal: Saved) -> Tensor | None:
        """The gradient of the gain from that of all results."""
        return None if self.gain is None else (d * normal[0]).flatten(0, -2).sum(0)


def total_bias(w: Weights) -> Tensor | None:
    """b_ih + b_hh, which are one where gx and gh are added."""
    return None if w.b_ih is None or w.b_hh is None else w.b_ih + w.b_hh
