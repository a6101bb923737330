"""The GRU's scan and its reverse, in the symbols of cells/gru.py, whose formula they carry out."""

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
    load_gates,
    load_tile,
    load_units,
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
    gx, W, b_hh, g_hh, h, y, gates, normal, inverse,
    resets, padding, mask_h, rate_h, counters, partials, T, B, H,
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
    w = weights(W, 0, unit, H, H, 3, N, K if RESIDENT else 1, ROUNDS)
    b_r = tl.zeros((1, N), tl.float32)
    b_z = b_r
    b_q = b_r
    if b_hh is not None:
        b_r = load_units(b_hh, units, H, 0)
        b_z = load_units(b_hh, units, H, 1)
        b_q = load_units(b_hh, units, H, 2)
    h_kept = load_tile(h + (T if REVERSE else 0) * long * B * H, rows, units, B, H)
    for s in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (T - 1 - s if REVERSE else s) * long * B
        a_r, a_z, a_n, _ = load_gates(gx + step * 3 * H, rows, units, B, H, 3)
        fresh = row_flags(resets, step, rows, B)
        h_start = cleared(fresh, h_kept)
        arrivals = PARTS * EXCHANGES * s
        wait(counter, arrivals, PARTS)
        before = h + (step + B if REVERSE else step) * H
        v_r, v_z, v_q, _ = product(before, fresh, w, W, rows, unit, B, H, H, 3, N, K, RESIDENT, ROUNDS, PRECISION)
        if g_hh is not None:
            v_r, v_z, v_q, _ = product_normalised(
                v_r, v_z, v_q, v_q, g_hh, normal, inverse, step, partials + (s % 2) * EXCHANGES * PARTS * B * 2,
                counter, arrivals + PARTS, rows, units, B, H, 3, N, PARTS, ALL,
            )  # fmt: skip
        r = tl.sigmoid(a_r + (v_r + b_r))
        z = tl.sigmoid(a_z + (v_z + b_z))
        q = v_q + b_q
        n = tanh(a_n + r * q)
        h_next = mixed(mask_h, rate_h, step, rows, units, B, H, h_start, n + z * (h_start - n))
        ended = row_flags(padding, step, rows, B)
        h_kept = passed(ended, h_kept, h_next)
        store_tile(h_kept, h + (step if REVERSE else step + B) * H, rows, units, B, H)
        arrive(counter, PARTS)
        store_tile(cleared(ended, h_kept), y + step * H, rows, units, B, H)
        if gates is not None:
            store_gates(r, z, n, q, gates + step * 4 * H, rows, units, B, H, 4)


@triton.jit(do_not_specialize=["T"])
def backward(
    dy, W, g_hh, h, gates, normal, inverse, dgx, dgh, dproduct, dh_all, dh_kept,
    resets, padding, mask_h, rate_h, counters, partials, T, B, H,
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
    w = weights_backward(W, 0, unit, H, 3 * H, N, K if RESIDENT else SPLIT, SPLIT, ROUNDS)
    dh_direct = load_tile(dh_kept, rows, units, B, H)
    for s in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (s if REVERSE else T - 1 - s) * long * B
        r, z, n, q = load_gates(gates + step * 4 * H, rows, units, B, H, 4)
        ended = row_flags(padding, step, rows, B)
        fresh = row_flags(resets, step, rows, B)
        h_start = cleared(fresh, load_tile(h + (step + B if REVERSE else step) * H, rows, units, B, H))
        dh = cleared(ended, load_tile(dy + step * H, rows, units, B, H)) + dh_direct
        J_n = (1 - z) * (1 - n * n)
        J_r = J_n * q * r * (1 - r)
        J_z = (h_start - n) * z * (1 - z)
        arrivals = PARTS * EXCHANGES * s
        wait(counter, arrivals, PARTS)
        dh += product_backward(
            dproduct, s, step - B if REVERSE else step + B, resets, w, W, rows, unit, B, H, 3 * H,
            N, K, SPLIT, RESIDENT, ROUNDS, PRECISION,
        )  # fmt: skip
        dh_made, dh_old = shared(mask_h, rate_h, step, rows, units, B, H, dh)
        dh_direct = passed(ended, dh, cleared(fresh, dh_made * z + dh_old))
        dh_made = cleared(ended, dh_made)
        if dh_all is not None:
            store_tile(dh, dh_all + step * H, rows, units, B, H)
        da_r = dh_made * J_r
        da_z = dh_made * J_z
        da_n = dh_made * J_n
        dq = da_n * r
        d_r = da_r
        d_z = da_z
        d_q = dq
        if g_hh is not None:
            d_r, d_z, d_q, _ = product_normalised_backward(
                da_r, da_z, dq, dq, g_hh, normal, inverse, step, partials + (s % 2) * EXCHANGES * PARTS * B * 2,
                counter, arrivals + PARTS, rows, units, B, H, 3, PARTS, ALL,
            )  # fmt: skip
        store_gates(d_r, d_z, d_q, d_q, dproduct + step * 3 * H, rows, units, B, H, 3)
        arrive(counter, PARTS)
        store_gates(da_r, da_z, da_n, da_n, dgx + step * 3 * H, rows, units, B, H, 3)
        if dgh is not None:
            store_gates(da_r, da_z, dq, dq, dgh + step * 3 * H, rows, units, B, H, 3)
    store_tile(dh_direct, dh_kept, rows, units, B, H)
