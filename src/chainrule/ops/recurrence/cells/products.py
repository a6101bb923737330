"""The product that enters the gates, plain or normalised, and its backward step; the README derives both."""

import torch
from torch import Tensor
from torch.nn.functional import linear

from chainrule.ops.recurrence.cells.spec import Weights

__all__ = [
    "EPSILON",
    "Product",
    "Products",
    "Saved",
    "normalise",
    "normalise_backward",
    "normalised",
    "product",
    "rounded",
    "total_bias",
]

EPSILON = 1e-5  # in the layer normalisation, as in torch.nn.LayerNorm

Saved = tuple[Tensor, ...]
"""What a step leaves for its backward step; of a product () where it is plain."""


def normalised(v: Tensor, gain: Tensor) -> Tensor:
    """Layer normalisation (Ba et al., 2016)."""
    centred = v - v.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + EPSILON)


def product(v: Tensor, W: Tensor, b: Tensor | None, gain: Tensor | None) -> Tensor:
    """W v + b, or LN(W v) + b where there is a gain: the definition."""
    if gain is None:
        return linear(v, W, b)
    result = normalised(linear(v, W), gain)
    return result if b is None else result + b


def normalise(v: Tensor) -> Saved:
    """v^ = (v - mean(v)) / s with s = sqrt(variance(v) + epsilon), and 1/s: (..., G) and (..., 1)."""
    centred = v - v.mean(-1, keepdim=True)
    inverse = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + EPSILON)
    return centred * inverse, inverse


def normalise_backward(d: Tensor, normal: Saved) -> Tensor:
    """dv from d = dv^: the parts of d along (1, ..., 1) and along v^ are taken out, as v^ doesn't follow them."""
    v, inverse = normal
    return inverse * (d - d.mean(-1, keepdim=True) - v * (d * v).mean(-1, keepdim=True))


def rounded(v: Tensor) -> Tensor:
    """v rounded to bfloat16, in its own dtype; below 2^-126 to zero, as the processors' instructions have it.

    Derivatives pass through as if nothing had been done.

    >>> rounded(torch.tensor([1.0, 1.003, 1.006])).tolist()
    [1.0, 1.0, 1.0078125]
    """
    r = v.bfloat16().to(v.dtype).masked_fill(v.abs() < _LEAST, 0)
    return v + torch.where(r == v, 0, r - v).detach()


_LEAST = torch.finfo(torch.bfloat16).tiny


class Product:
    """onto + W v, or onto + gain v^ with v^ = LN(W v) where there is a gain; if it rounds, of factors in bfloat16."""

    def __init__(self, W: Tensor, gain: Tensor | None, rounds: bool = False) -> None:
        self.W = rounded(W) if rounds else W
        self.W_T = self.W.t()
        self.gain = gain
        self.rounds = rounds

    def factor(self, v: Tensor) -> Tensor:
        """What the product multiplies for v."""
        return rounded(v) if self.rounds else v

    def __call__(self, v: Tensor, onto: Tensor | None) -> tuple[Tensor, Saved]:
        """v is (N, ·), onto (N, G) or (G,)."""
        v = self.factor(v)
        if self.gain is None:
            return v @ self.W_T if onto is None else torch.addmm(onto, v, self.W_T), ()
        normal = normalise(v @ self.W_T)
        return normal[0] * self.gain if onto is None else torch.addcmul(onto, normal[0], self.gain), normal

    def backward(self, d: Tensor, normal: Saved) -> Tensor:
        """The gradient of W v from that of the result."""
        return d if self.gain is None else normalise_backward(d * self.gain, normal)

    def to_factor(self, dproduct: Tensor) -> Tensor:
        """The gradient of v, (..., ·), from that of W v."""
        return self.factor(dproduct) @ self.W

    def to_weight(self, dproduct: Tensor, v: Tensor) -> Tensor:
        """The gradient of W from those of all W v: the sum over t and b of dproduct[t, b] v[t, b]^T."""
        return self.factor(dproduct).flatten(0, 1).t() @ self.factor(v).flatten(0, 1)

    def dgain(self, d: Tensor, normal: Saved) -> Tensor | None:
        """The gradient of the gain from that of all results."""
        return None if self.gain is None else (d * normal[0]).flatten(0, -2).sum(0)


class Products:
    """Two products of vectors of their own, W_1 v_1 and W_2 v_2, side by side; each is normalised by itself."""

    def __init__(self, first: Product, second: Product) -> None:
        self.parts = first, second
        self.widths = [len(part.W) for part in self.parts]

    def joined(self, first: Saved, second: Saved) -> Saved:
        """What both need for their backward steps: v^ side by side, (..., G), and 1/s of each, (..., 2)."""
        return tuple(torch.cat(pair, -1) for pair in zip(first, second, strict=True))

    def parted(self, normal: Saved) -> tuple[Saved, Saved]:
        """The same taken apart; nothing where they are plain."""
        if self.parts[0].gain is None:
            return (), ()
        v, inverse = (t.split_with_sizes(sizes, -1) for t, sizes in zip(normal, (self.widths, [1, 1]), strict=True))
        return (v[0], inverse[0]), (v[1], inverse[1])

    def backward(self, d: Tensor, normal: Saved) -> Tensor:
        """The gradients of both, side by side, from those of the results."""
        parts = zip(self.parts, d.split_with_sizes(self.widths, -1), self.parted(normal), strict=True)
        return torch.cat([part.backward(d, own) for part, d, own in parts], -1)

    def dgain(self, d: Tensor, normal: Saved) -> Tensor | None:
        """The gradients of both gains, as one vector."""
        parts = zip(self.parts, d.split_with_sizes(self.widths, -1), self.parted(normal), strict=True)
        first, second = [part.dgain(d, own) for part, d, own in parts]
        return None if first is None or second is None else torch.cat((first, second))


def total_bias(w: Weights) -> Tensor | None:
    """b_ih + b_hh, which are one where gx and gh are added."""
    return None if w.b_ih is None or w.b_hh is None else w.b_ih + w.b_hh
