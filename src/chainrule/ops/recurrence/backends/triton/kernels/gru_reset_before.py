"""The scan of the GRU with the reset before the product and its reverse, in the symbols of cells/gru.py.

n needs all of s = r h, and r what comes back from all of n: a step has two products, and the programs of a group wait
for each other before either.
"""

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
    transposed_product,
    weights,
    weights_backward,
)
from chainrule.ops.recurrence.backends.triton.kernels.tiles import (
    cleared,
    load_gates,
    load_tile,
    mixed,
    passed,
    row_flags,
    shared,
    store_gates,
    store_tile,
    tanh,
)

__all__ = ["backward", "forward"]


@triton.jit(do_not_specialize=["T"])
def forward(
    gx, W, g_hh, h, s_all, y, gates, normal, inverse, normal_n, inverse_n,
    resets, padding, mask_h, rate_h, counters, partials, T, B, H,
    REVERSE: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, K_2: tl.constexpr,
    RESIDENT: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr, ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All steps; h is (T + 1, B, H), with the first state."""
    rows = tl.program_id(0) * M + tl.arange(0, M)
    unit = tl.program_id(1) * N
    units = unit + tl.arange(0, N)
    counter = counters + tl.program_id(0) * 32
    NORMS: tl.constexpr = 2 * (g_hh is not None)
    EXCHANGES: tl.constexpr = 2 + NORMS
    long = tl.full((), 1, tl.int64)
    W_n = W + 2 * long * H * H
    w = weights(W, 0, unit, H, H, 2, N, K if RESIDENT else 1, ROUNDS)
    w_n = weights(W_n, 0, unit, H, H, 1, N, K_2 if RESIDENT else 1, ROUNDS)
    h_kept = load_tile(h + (T if REVERSE else 0) * long * B * H, rows, units, B, H)
    for t in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (T - 1 - t if REVERSE else t) * long * B
        a_r, a_z, a_n, _ = load_gates(gx + step * 3 * H, rows, units, B, H, 3)
        fresh = row_flags(resets, step, rows, B)
        h_start = cleared(fresh, h_kept)
        arrivals = PARTS * EXCHANGES * t
        sums = partials + (t % 2) * EXCHANGES * PARTS * B * 2
        wait(counter, arrivals, PARTS)
        before = h + (step + B if REVERSE else step) * H
        v_r, v_z, _, _ = product(before, fresh, w, W, rows, unit, B, H, H, 2, N, K, RESIDENT, ROUNDS, PRECISION)
        if g_hh is not None:
            v_r, v_z, _, _ = product_normalised(
                v_r, v_z, v_z, v_z, g_hh, normal, inverse, step, sums,
                counter, arrivals + PARTS, rows, units, B, H, 2, N, PARTS, ALL,
            )  # fmt: skip
        r = tl.sigmoid(a_r + v_r)
        z = tl.sigmoid(a_z + v_z)
        s = s_all + step * H
        store_tile(r * h_start, s, rows, units, B, H)
        arrive(counter, PARTS)
        wait(counter, arrivals + PARTS * (1 + NORMS // 2), PARTS)
        v_n, _, _, _ = product(s, None, w_n, W_n, rows, unit, B, H, H, 1, N, K_2, RESIDENT, ROUNDS, PRECISION)
        if g_hh is not None:
            v_n, _, _, _ = product_normalised(
                v_n, v_n, v_n, v_n, g_hh + 2 * H, normal_n, inverse_n, step, sums + PARTS * B * 2,
                counter, arrivals + PARTS * (EXCHANGES - 1), rows, units, B, H, 1, N, PARTS, ALL,
            )  # fmt: skip
        n = tanh(a_n + v_n)
        h_next = mixed(mask_h, rate_h, step, rows, units, B, H, h_start, n + z * (h_start - n))
        ended = row_flags(padding, step, rows, B)
        h_kept = passed(ended, h_kept, h_next)
        store_tile(h_kept, h + (step if REVERSE else step + B) * H, rows, units, B, H)
        arrive(counter, PARTS)
        store_tile(cleared(ended, h_kept), y + step * H, rows, units, B, H)
        if gates is not None:
            store_gates(r, z, n, n, gates + step * 3 * H, rows, units, B, H, 3)


@triton.jit(do_not_specialize=["T"])
def backward(
    dy, W, g_hh, h, gates, normal, inverse, normal_n, inverse_n, dgx, dproduct, dproduct_n, dh_all, dh_kept,
    resets, padding, mask_h, rate_h, counters, partials, T, B, H,
    REVERSE: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr,
    K_2: tl.constexpr, SPLIT_2: tl.constexpr, RESIDENT: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr,
    ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All steps, in the reverse of the scan's order.

    dh_kept, (B, H), begins as the gradient of the last state, and ends as that of the first, but for what comes
    through the product of the scan's first step.
    """
    rows = tl.program_id(0) * M + tl.arange(0, M)
    unit = tl.program_id(1) * N
    units = unit + tl.arange(0, N)
    counter = counters + tl.program_id(0) * 32
    NORMS: tl.constexpr = 2 * (g_hh is not None)
    EXCHANGES: tl.constexpr = 2 + NORMS
    long = tl.full((), 1, tl.int64)
    W_n = W + 2 * long * H * H
    w = weights_backward(W, 0, unit, H, 2 * H, N, K if RESIDENT else SPLIT, SPLIT, ROUNDS)
    w_n = weights_backward(W_n, 0, unit, H, H, N, K_2 if RESIDENT else SPLIT_2, SPLIT_2, ROUNDS)
    dh_direct = load_tile(dh_kept, rows, units, B, H)
    for t in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (t if REVERSE else T - 1 - t) * long * B
        r, z, n, _ = load_gates(gates + step * 3 * H, rows, units, B, H, 3)
        ended = row_flags(padding, step, rows, B)
        fresh = row_flags(resets, step, rows, B)
        h_start = cleared(fresh, load_tile(h + (step + B if REVERSE else step) * H, rows, units, B, H))
        dh = cleared(ended, load_tile(dy + step * H, rows, units, B, H)) + dh_direct
        arrivals = PARTS * EXCHANGES * t
        sums = partials + (t % 2) * EXCHANGES * PARTS * B * 2
        wait(counter, arrivals, PARTS)
        dh += product_backward(
            dproduct, t, step - B if REVERSE else step + B, resets, w, W, rows, unit, B, H, 2 * H,
            N, K, SPLIT, RESIDENT, ROUNDS, PRECISION,
        )  # fmt: skip
        if dh_all is not None:
            store_tile(dh, dh_all + step * H, rows, units, B, H)
        dh_made, dh_old = shared(mask_h, rate_h, step, rows, units, B, H, dh)
        dh_made = cleared(ended, dh_made)
        da_n = dh_made * (1 - z) * (1 - n * n)
        da_z = dh_made * (h_start - n) * z * (1 - z)
        d_n = da_n
        if g_hh is not None:
            d_n, _, _, _ = product_normalised_backward(
                da_n, da_n, da_n, da_n, g_hh + 2 * H, normal_n, inverse_n, step, sums,
                counter, arrivals + PARTS, rows, units, B, H, 1, PARTS, ALL,
            )  # fmt: skip
        store_tile(d_n, dproduct_n + step * H, rows, units, B, H)
        arrive(counter, PARTS)
        wait(counter, arrivals + PARTS * (1 + NORMS // 2), PARTS)
        ds = transposed_product(
            dproduct_n + step * H, w_n, W_n, rows, unit, B, H, H, N, K_2, SPLIT_2, RESIDENT, ROUNDS, PRECISION
        )  # fmt: skip
        dh_direct = passed(ended, dh, cleared(fresh, dh_made * z + ds * r + dh_old))
        da_r = ds * h_start * r * (1 - r)
        d_r = da_r
        d_z = da_z
        if g_hh is not None:
            d_r, d_z, _, _ = product_normalised_backward(
                da_r, da_z, da_z, da_z, g_hh, normal, inverse, step, sums + PARTS * B * 2,
                counter, arrivals + PARTS * (EXCHANGES - 1), rows, units, B, H, 2, PARTS, ALL,
            )  # fmt: skip
        store_gates(d_r, d_z, d_z, d_z, dproduct + step * 2 * H, rows, units, B, H, 2)
        arrive(counter, PARTS)
        store_gates(da_r, da_z, da_n, da_n, dgx + step * 3 * H, rows, units, B, H, 3)
    store_tile(dh_direct, dh_kept, rows, units, B, H)
