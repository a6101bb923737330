"""The products with weights: a program's rows of the state, or of a gradient, by its units' part of the weights.

The part stays with the program over all steps where it fits (RESIDENT); elsewhere it is read at each step, K terms of
the sums at a time. A sum has L terms: as many as h has units, or as the gates have.
"""

import os

import triton
import triton.language as tl

from chainrule.ops.recurrence.backends.triton.kernels.tiles import cleared, row_flags

__all__ = ["product", "product_backward", "transposed_product", "weights", "weights_backward"]

# Triton's interpreter has no products of bfloat16: there they are of the same numbers in float32.
_ROUNDED = tl.constexpr(tl.float32 if os.environ.get("TRITON_INTERPRET") == "1" else tl.bfloat16)


@triton.jit
def _factor(values, ROUNDS: tl.constexpr):
    """What a product multiplies: float32, or rounded to bfloat16."""
    if ROUNDS:
        values = values.to(tl.bfloat16).to(_ROUNDED)
    return values


@triton.jit
def weights(W, first, unit, H, L, GATES: tl.constexpr, N: tl.constexpr, K: tl.constexpr, ROUNDS: tl.constexpr):
    """Of W (GATES H, L) K columns and the rows of N units: (K, N) of one gate, (K, 2 N) of two, (K, 4 N) of more.

    A unit's gates lie side by side.
    """
    BESIDE: tl.constexpr = 4 if GATES > 2 else GATES
    ks = first + tl.arange(0, K)
    both = tl.arange(0, BESIDE * N)
    units = unit + both // BESIDE
    gate = both % BESIDE
    inside = (ks < L)[:, None] & ((units < H) & (gate < GATES))[None, :]
    return _factor(tl.load(W + ks[:, None] + ((gate * H + units) * L)[None, :], mask=inside, other=0.0), ROUNDS)


@triton.jit
def product(
    v, fresh, w, W, rows, unit, B, H, L,
    GATES: tl.constexpr, N: tl.constexpr, K: tl.constexpr, RESIDENT: tl.constexpr, ROUNDS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """v W^T for each of up to four gates, (M, N); v, (B, L), is zero in fresh rows."""
    a = _rows_of_state(v, fresh, rows, tl.arange(0, K), B, L, ROUNDS)
    if RESIDENT:
        sums = tl.dot(a, w, input_precision=PRECISION)
    else:
        sums = tl.dot(a, weights(W, 0, unit, H, L, GATES, N, K, ROUNDS), input_precision=PRECISION)
        for first in tl.range(K, L, K, num_stages=1):  # loads ahead would go through a cache that is not shared
            a = _rows_of_state(v, fresh, rows, first + tl.arange(0, K), B, L, ROUNDS)
            sums = tl.dot(a, weights(W, first, unit, H, L, GATES, N, K, ROUNDS), acc=sums, input_precision=PRECISION)
    a0 = sums
    a1 = sums
    a2 = sums
    a3 = sums
    if GATES == 2:
        a0, a1 = tl.split(tl.reshape(sums, (sums.shape[0], N, 2)))
        a2 = a1
        a3 = a1
    elif GATES > 2:
        even, odd = tl.split(tl.reshape(sums, (sums.shape[0], N, 2, 2)))
        a0, a2 = tl.split(even)
        a1, a3 = tl.split(odd)
    return a0, a1, a2, a3


@triton.jit
def _rows_of_state(v, fresh, rows, ks, B, L, ROUNDS: tl.constexpr):
    """What the group's programs have stored, from where all of them see it."""
    inside = (rows < B)[:, None] & (ks < L)[None, :]
    a = tl.load(v + rows[:, None] * L + ks[None, :], mask=inside, other=0.0, cache_modifier=".cg")
    return _factor(cleared(fresh, a), ROUNDS)


@triton.jit
def weights_backward(W, first, unit, H, L, N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr, ROUNDS: tl.constexpr):
    """Of W (L, H) K rows and the columns of N units, as (SPLIT, K / SPLIT, N)."""
    units = unit + tl.arange(0, N)
    each: tl.constexpr = K // SPLIT
    ks = first + tl.arange(0, SPLIT)[:, None, None] * each + tl.arange(0, each)[None, :, None]
    inside = (ks < L) & (units < H)[None, None, :]
    return _factor(tl.load(W + ks * H + units[None, None, :], mask=inside, other=0.0), ROUNDS)


@triton.jit
def product_backward(
    dproduct, s, later, resets, w, W, rows, unit, B, H, L,
    N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr, RESIDENT: tl.constexpr,
    ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """What step s of the reverse scan receives through W (L, H), (M, N), of dproduct (T, B, L) at the later step.

    Nothing comes to the first step, and nothing across a reset.
    """
    dh = tl.zeros((rows.shape[0], N), tl.float32)
    if s > 0:
        d = transposed_product(
            dproduct + later * L, w, W, rows, unit, B, H, L, N, K, SPLIT, RESIDENT, ROUNDS, PRECISION
        )  # fmt: skip
        dh = cleared(row_flags(resets, later, rows, B), d)
    return dh


@triton.jit
def transposed_product(
    d, w, W, rows, unit, B, H, L,
    N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr, RESIDENT: tl.constexpr,
    ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """d W, (M, N), of d (B, L) and W (L, H): of SPLIT sums side by side."""
    a = _rows_of_gradient(d, rows, 0, B, L, K, SPLIT, ROUNDS)
    if RESIDENT:
        sums = tl.dot(a, w, input_precision=PRECISION)
    else:
        sums = tl.dot(a, weights_backward(W, 0, unit, H, L, N, K, SPLIT, ROUNDS), input_precision=PRECISION)
        for first in tl.range(K, L, K, num_stages=1):  # as above
            a = _rows_of_gradient(d, rows, first, B, L, K, SPLIT, ROUNDS)
            part = weights_backward(W, first, unit, H, L, N, K, SPLIT, ROUNDS)
            sums = tl.dot(a, part, acc=sums, input_precision=PRECISION)
    return tl.sum(sums, 0)


@triton.jit
def _rows_of_gradient(d, rows, first, B, L, K: tl.constexpr, SPLIT: tl.constexpr, ROUNDS: tl.constexpr):
    each: tl.constexpr = K // SPLIT
    ks = first + tl.arange(0, SPLIT)[:, None, None] * each + tl.arange(0, each)[None, None, :]
    inside = (rows < B)[None, :, None] & (ks < L)
    return _factor(tl.load(d + rows[None, :, None] * L + ks, mask=inside, other=0.0, cache_modifier=".cg"), ROUNDS)
