"""The products with W_hh: a program's rows of the state by its units' part of the weights.

The part stays with the program over all steps where it fits (RESIDENT); elsewhere it is read at each step, K terms of
the sums at a time.
"""

import os

import triton
import triton.language as tl

from chainrule.ops.recurrence.backends.triton.kernels.tiles import cleared, row_flags

__all__ = ["product", "product_backward", "weights", "weights_backward"]

# Triton's interpreter has no products of bfloat16: there they are of the same numbers in float32.
_ROUNDED = tl.constexpr(tl.float32 if os.environ.get("TRITON_INTERPRET") == "1" else tl.bfloat16)


@triton.jit
def _factor(values, ROUNDS: tl.constexpr):
    """What a product multiplies: float32, or rounded to bfloat16."""
    if ROUNDS:
        values = values.to(tl.bfloat16).to(_ROUNDED)
    return values


@triton.jit
def weights(W, first, unit, H, GATES: tl.constexpr, N: tl.constexpr, K: tl.constexpr, ROUNDS: tl.constexpr):
    """Of W_hh K columns and the rows of N units, as (K, 4 N), a unit's gates side by side; of one gate (K, N)."""
    ks = first + tl.arange(0, K)
    if GATES == 1:
        units = unit + tl.arange(0, N)
        gate = tl.zeros_like(units)
    else:
        both = tl.arange(0, 4 * N)
        units = unit + both // 4
        gate = both % 4
    inside = (ks < H)[:, None] & ((units < H) & (gate < GATES))[None, :]
    return _factor(tl.load(W + ks[:, None] + ((gate * H + units) * H)[None, :], mask=inside, other=0.0), ROUNDS)


@triton.jit
def product(
    h, fresh, w, W, rows, unit, B, H,
    GATES: tl.constexpr, N: tl.constexpr, K: tl.constexpr, RESIDENT: tl.constexpr, ROUNDS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """h W_hh^T for each of up to four gates, (M, N); h, (B, H), is zero in fresh rows."""
    if RESIDENT:
        v = _rows_of_state(h, fresh, rows, tl.arange(0, K), B, H, ROUNDS)
        sums = tl.dot(v, w, input_precision=PRECISION)
    else:
        v = _rows_of_state(h, fresh, rows, tl.arange(0, K), B, H, ROUNDS)
        sums = tl.dot(v, weights(W, 0, unit, H, GATES, N, K, ROUNDS), input_precision=PRECISION)
        for first in tl.range(K, H, K, num_stages=1):  # loads ahead would go through a cache that is not shared
            v = _rows_of_state(h, fresh, rows, first + tl.arange(0, K), B, H, ROUNDS)
            sums = tl.dot(v, weights(W, first, unit, H, GATES, N, K, ROUNDS), acc=sums, input_precision=PRECISION)
    if GATES == 1:
        a0 = sums
        a1 = sums
        a2 = sums
        a3 = sums
    else:
        even, odd = tl.split(tl.reshape(sums, (sums.shape[0], N, 2, 2)))
        a0, a2 = tl.split(even)
        a1, a3 = tl.split(odd)
    return a0, a1, a2, a3


@triton.jit
def _rows_of_state(h, fresh, rows, ks, B, H, ROUNDS: tl.constexpr):
    """What the group's programs stored in the step before, from where all of them see it."""
    inside = (rows < B)[:, None] & (ks < H)[None, :]
    v = tl.load(h + rows[:, None] * H + ks[None, :], mask=inside, other=0.0, cache_modifier=".cg")
    return _factor(cleared(fresh, v), ROUNDS)


@triton.jit
def weights_backward(
    W, first, unit, H, GATES: tl.constexpr, N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr, ROUNDS: tl.constexpr
):
    """Of W_hh (G, H) K rows and the columns of N units, as (SPLIT, K / SPLIT, N)."""
    units = unit + tl.arange(0, N)
    each: tl.constexpr = K // SPLIT
    ks = first + tl.arange(0, SPLIT)[:, None, None] * each + tl.arange(0, each)[None, :, None]
    inside = (ks < GATES * H) & (units < H)[None, None, :]
    return _factor(tl.load(W + ks * H + units[None, None, :], mask=inside, other=0.0), ROUNDS)


@triton.jit
def product_backward(
    dproduct, s, later, resets, w, W, rows, unit, B, H,
    GATES: tl.constexpr, N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr, RESIDENT: tl.constexpr,
    ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """What step s of the reverse scan receives through W_hh, (M, N), of dproduct (T, B, G) at the later step.

    It is made of SPLIT sums side by side. Nothing comes to the first step, and nothing across a reset.
    """
    dh = tl.zeros((rows.shape[0], N), tl.float32)
    if s > 0:
        d = dproduct + later * GATES * H
        v = _rows_of_gradient(d, rows, 0, B, H, GATES, K, SPLIT, ROUNDS)
        if RESIDENT:
            sums = tl.dot(v, w, input_precision=PRECISION)
        else:
            sums = tl.dot(v, weights_backward(W, 0, unit, H, GATES, N, K, SPLIT, ROUNDS), input_precision=PRECISION)
            for first in tl.range(K, GATES * H, K, num_stages=1):  # as above
                v = _rows_of_gradient(d, rows, first, B, H, GATES, K, SPLIT, ROUNDS)
                part = weights_backward(W, first, unit, H, GATES, N, K, SPLIT, ROUNDS)
                sums = tl.dot(v, part, acc=sums, input_precision=PRECISION)
        dh = cleared(row_flags(resets, later, rows, B), tl.sum(sums, 0))
    return dh


@triton.jit
def _rows_of_gradient(
    d, rows, first, B, H, GATES: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr, ROUNDS: tl.constexpr
):
    each: tl.constexpr = K // SPLIT
    ks = first + tl.arange(0, SPLIT)[:, None, None] * each + tl.arange(0, each)[None, None, :]
    inside = (rows < B)[None, :, None] & (ks < GATES * H)
    places = d + rows[None, :, None] * (GATES * H) + ks
    return _factor(tl.load(places, mask=inside, other=0.0, cache_modifier=".cg"), ROUNDS)
