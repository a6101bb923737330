"""The scan of Elman's network and its reverse, in the symbols of cells/rnn.py, whose formula they carry out."""

import triton
import triton.language as tl

from chainrule.ops.recurrence.backends.triton.kernels.groups import (
    arrive,
    product_normalised,
    product_normalised_backward,
    wait,
)
from chainrule.ops.recurrence.backends.triton.kernels.products import (
    product,
    product_backward,
    weights,
    weights_backward,
)
from chainrule.ops.recurrence.backends.triton.kernels.tiles import (
    cleared,
    load_tile,
    mixed,
    passed,
    row_flags,
    shared,
    store_tile,
    tanh,
)

__all__ = ["backward", "forward"]


@triton.jit(do_not_specialize=["T"])
def forward(
    gx, W, g_hh, h, y, made, normal, inverse,
    resets, padding, mask_h, rate_h, counters, partials, T, B, H, RELU: tl.constexpr,
    REVERSE: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, RESIDENT: tl.constexpr,
    PARTS: tl.constexpr, ALL: tl.constexpr, ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All steps; h is (T + 1, B, H), with the first state."""
    rows = tl.program_id(0) * M + tl.arange(0, M)
    unit = tl.program_id(1) * N
    units = unit + tl.arange(0, N)
    counter = counters + tl.program_id(0) * 32
    EXCHANGES: tl.constexpr = 1 + (g_hh is not None)
    long = tl.full((), 1, tl.int64)
    w = weights(W, 0, unit, H, H, 1, N, K if RESIDENT else 1, ROUNDS)
    h_kept = load_tile(h + (T if REVERSE else 0) * long * B * H, rows, units, B, H)
    for s in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (T - 1 - s if REVERSE else s) * long * B
        a = load_tile(gx + step * H, rows, units, B, H)
        fresh = row_flags(resets, step, rows, B)
        h_start = cleared(fresh, h_kept)
        arrivals = PARTS * EXCHANGES * s
        wait(counter, arrivals, PARTS)
        before = h + (step + B if REVERSE else step) * H
        v, _, _, _ = product(before, fresh, w, W, rows, unit, B, H, H, 1, N, K, RESIDENT, ROUNDS, PRECISION)
        if g_hh is not None:
            v, _, _, _ = product_normalised(
                v, v, v, v, g_hh, normal, inverse, step, partials + (s % 2) * EXCHANGES * PARTS * B * 2,
                counter, arrivals + PARTS, rows, units, B, H, 1, N, PARTS, ALL,
            )  # fmt: skip
        a += v
        new = tl.where(a < 0, 0.0, a) if RELU else tanh(a)  # NaN stays NaN
        h_next = mixed(mask_h, rate_h, step, rows, units, B, H, h_start, new)
        ended = row_flags(padding, step, rows, B)
        h_kept = passed(ended, h_kept, h_next)
        store_tile(h_kept, h + (step if REVERSE else step + B) * H, rows, units, B, H)
        arrive(counter, PARTS)
        store_tile(cleared(ended, h_kept), y + step * H, rows, units, B, H)
        if made is not None:
            store_tile(new, made + step * H, rows, units, B, H)


@triton.jit(do_not_specialize=["T"])
def backward(
    dy, W, g_hh, made, normal, inverse, dgx, dproduct, dh_all, dh_kept,
    resets, padding, mask_h, rate_h, counters, partials, T, B, H, RELU: tl.constexpr,
    REVERSE: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr,
    RESIDENT: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr, ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All steps, in the reverse of the scan's order.

    dh_kept, (B, H), begins as the gradient of the last state, and ends as that of the first, but for what comes
    through the product of the scan's first step.
    """
    rows = tl.program_id(0) * M + tl.arange(0, M)
    unit = tl.program_id(1) * N
    units = unit + tl.arange(0, N)
    counter = counters + tl.program_id(0) * 32
    EXCHANGES: tl.constexpr = 1 + (g_hh is not None)
    long = tl.full((), 1, tl.int64)
    w = weights_backward(W, 0, unit, H, H, N, K if RESIDENT else SPLIT, SPLIT, ROUNDS)
    dh_direct = load_tile(dh_kept, rows, units, B, H)
    for s in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (s if REVERSE else T - 1 - s) * long * B
        new = load_tile(made + step * H, rows, units, B, H)
        ended = row_flags(padding, step, rows, B)
        fresh = row_flags(resets, step, rows, B)
        dh = cleared(ended, load_tile(dy + step * H, rows, units, B, H)) + dh_direct
        arrivals = PARTS * EXCHANGES * s
        wait(counter, arrivals, PARTS)
        dh += product_backward(
            dproduct, s, step - B if REVERSE else step + B, resets, w, W, rows, unit, B, H, H,
            N, K, SPLIT, RESIDENT, ROUNDS, PRECISION,
        )  # fmt: skip
        dh_made, dh_old = shared(mask_h, rate_h, step, rows, units, B, H, dh)
        dh_direct = passed(ended, dh, cleared(fresh, dh_old))
        dh_made = cleared(ended, dh_made)
        if dh_all is not None:
            store_tile(dh, dh_all + step * H, rows, units, B, H)
        d = tl.where(new > 0, dh_made, 0.0) if RELU else dh_made * (1 - new * new)
        if g_hh is not None:
            store_tile(d, dgx + step * H, rows, units, B, H)
            d, _, _, _ = product_normalised_backward(
                d, d, d, d, g_hh, normal, inverse, step, partials + (s % 2) * EXCHANGES * PARTS * B * 2,
                counter, arrivals + PARTS, rows, units, B, H, 1, PARTS, ALL,
            )  # fmt: skip
        store_tile(d, dproduct + step * H, rows, units, B, H)
        arrive(counter, PARTS)
    store_tile(dh_direct, dh_kept, rows, units, B, H)
