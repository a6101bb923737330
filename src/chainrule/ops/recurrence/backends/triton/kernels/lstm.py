"""The LSTM's scan and its reverse, in the symbols of cells/lstm.py, whose formula they carry out."""

import triton
import triton.language as tl

from chainrule.ops.recurrence.backends.triton.kernels.groups import (
    arrive,
    normalised,
    normalised_backward,
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
    gx, W, W_hr, g_hh, g_c, b_c, p, h, c, m_all, y, gates, normal, inverse, normal_c, inverse_c,
    resets, padding, mask_h, rate_h, mask_c, rate_c, counters, partials, T, B, H, P,
    REVERSE: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, K_2: tl.constexpr,
    RESIDENT: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr, ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All steps; h, (T + 1, B, P), and c, (T + 1, B, H), begin with the first state; P is H without a projection."""
    rows = tl.program_id(0) * M + tl.arange(0, M)
    unit = tl.program_id(1) * N
    units = unit + tl.arange(0, N)
    counter = counters + tl.program_id(0) * 32
    NORMS: tl.constexpr = (g_hh is not None) + (g_c is not None)
    EXCHANGES: tl.constexpr = 1 + NORMS + (W_hr is not None)
    long = tl.full((), 1, tl.int64)
    w = weights(W, 0, unit, H, P, 4, N, K if RESIDENT else 1, ROUNDS)
    w_hr = w
    if W_hr is not None:
        w_hr = weights(W_hr, 0, unit, P, H, 1, N, K_2 if RESIDENT else 1, ROUNDS)
    start = (T if REVERSE else 0) * long * B
    h_kept = load_tile(h + start * P, rows, units, B, P)
    c_kept = load_tile(c + start * H, rows, units, B, H)
    for s in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (T - 1 - s if REVERSE else s) * long * B
        a_i, a_f, a_g, a_o = load_gates(gx + step * 4 * H, rows, units, B, H, 4)
        fresh = row_flags(resets, step, rows, B)
        h_start = cleared(fresh, h_kept)
        c_start = cleared(fresh, c_kept)
        arrivals = PARTS * EXCHANGES * s
        sums = partials + (s % 2) * EXCHANGES * PARTS * B * 2
        wait(counter, arrivals, PARTS)
        before = h + (step + B if REVERSE else step) * P
        v_i, v_f, v_g, v_o = product(before, fresh, w, W, rows, unit, B, H, P, 4, N, K, RESIDENT, ROUNDS, PRECISION)
        if g_hh is not None:
            v_i, v_f, v_g, v_o = product_normalised(
                v_i, v_f, v_g, v_o, g_hh, normal, inverse, step, sums, counter, arrivals + PARTS,
                rows, units, B, H, 4, N, PARTS, ALL,
            )  # fmt: skip
        i, f, g, o, c_made = _gated(a_i + v_i, a_f + v_f, a_g + v_g, a_o + v_o, p, c_start, units, H)
        u = c_made
        if g_c is not None:
            c_hat, _, _, _, i_c = normalised(
                c_made, c_made, c_made, c_made, sums + (NORMS - 1) * PARTS * B * 2, counter,
                arrivals + PARTS * NORMS, rows, units, B, H, 1, N, PARTS, ALL,
            )  # fmt: skip
            u = load_units(g_c, units, H, 0) * c_hat + load_units(b_c, units, H, 0)
            if normal_c is not None:
                store_tile(c_hat, normal_c + step * H, rows, units, B, H)
                tl.store(inverse_c + step + rows, i_c, mask=rows < B)
        h_made = o * tanh(u)
        if W_hr is not None:
            m = m_all + step * H
            store_tile(h_made, m, rows, units, B, H)
            arrive(counter, PARTS)
            wait(counter, arrivals + PARTS * (EXCHANGES - 1), PARTS)
            h_made, _, _, _ = product(m, None, w_hr, W_hr, rows, unit, B, P, H, 1, N, K_2, RESIDENT, ROUNDS, PRECISION)
        h_next = mixed(mask_h, rate_h, step, rows, units, B, P, h_start, h_made)
        c_next = mixed(mask_c, rate_c, step, rows, units, B, H, c_start, c_made)
        ended = row_flags(padding, step, rows, B)
        h_kept = passed(ended, h_kept, h_next)
        c_kept = passed(ended, c_kept, c_next)
        after = step if REVERSE else step + B
        store_tile(h_kept, h + after * P, rows, units, B, P)
        arrive(counter, PARTS)
        store_tile(c_kept, c + after * H, rows, units, B, H)
        store_tile(cleared(ended, h_kept), y + step * P, rows, units, B, P)
        if gates is not None:
            store_gates(i, f, g, o, gates + step * 4 * H, rows, units, B, H, 4)


@triton.jit
def _gated(a_i, a_f, a_g, a_o, p, c_start, units, H):
    """The gates, and c as they make it."""
    if p is not None:
        a_i += load_units(p, units, H, 0) * c_start
        a_f += load_units(p, units, H, 1) * c_start
    i = tl.sigmoid(a_i)
    f = tl.sigmoid(a_f)
    g = tanh(a_g)
    c = f * c_start + i * g
    if p is not None:
        a_o += load_units(p, units, H, 2) * c
    return i, f, g, tl.sigmoid(a_o), c


@triton.jit(do_not_specialize=["T"])
def backward(
    dy, W, W_hr, g_hh, g_c, b_c, p, c, gates, normal, inverse, normal_c, inverse_c,
    dgx, dproduct, dh_made_all, du_all, dh_all, dc_all, dh_kept, dc_kept,
    resets, padding, mask_h, rate_h, mask_c, rate_c, counters, partials, T, B, H, P,
    REVERSE: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr,
    K_2: tl.constexpr, SPLIT_2: tl.constexpr, RESIDENT: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr,
    ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All steps, in the reverse of the scan's order.

    dh_kept, (B, P), and dc_kept, (B, H), begin as the gradients of the last state, and end as those of the first, but
    for what comes through the product of the scan's first step.
    """
    rows = tl.program_id(0) * M + tl.arange(0, M)
    unit = tl.program_id(1) * N
    units = unit + tl.arange(0, N)
    counter = counters + tl.program_id(0) * 32
    NORMS: tl.constexpr = (g_hh is not None) + (g_c is not None)
    PROJECTS: tl.constexpr = W_hr is not None
    EXCHANGES: tl.constexpr = 1 + NORMS + PROJECTS
    long = tl.full((), 1, tl.int64)
    w = weights_backward(W, 0, unit, P, 4 * H, N, K if RESIDENT else SPLIT, SPLIT, ROUNDS)
    w_hr = w
    if PROJECTS:
        w_hr = weights_backward(W_hr, 0, unit, H, P, N, K_2 if RESIDENT else SPLIT_2, SPLIT_2, ROUNDS)
    dh_direct = load_tile(dh_kept, rows, units, B, P)
    dc = load_tile(dc_kept, rows, units, B, H)
    for s in tl.range(0, T, num_stages=1):  # in order: a step loads what the one before it stored
        step = (s if REVERSE else T - 1 - s) * long * B
        i, f, g, o = load_gates(gates + step * 4 * H, rows, units, B, H, 4)
        ended = row_flags(padding, step, rows, B)
        fresh = row_flags(resets, step, rows, B)
        c_start = cleared(fresh, load_tile(c + (step + B if REVERSE else step) * H, rows, units, B, H))
        dh = cleared(ended, load_tile(dy + step * P, rows, units, B, P)) + dh_direct
        arrivals = PARTS * EXCHANGES * s
        sums = partials + (s % 2) * EXCHANGES * PARTS * B * 2
        wait(counter, arrivals, PARTS)
        dh += product_backward(
            dproduct, s, step - B if REVERSE else step + B, resets, w, W, rows, unit, B, P, 4 * H,
            N, K, SPLIT, RESIDENT, ROUNDS, PRECISION,
        )  # fmt: skip
        dh_made, dh_next = shared(mask_h, rate_h, step, rows, units, B, P, dh)
        dm = dh_made
        if PROJECTS:
            dm = _projected_backward(
                cleared(ended, dh_made), dh_made_all + step * P, w_hr, W_hr, counter, arrivals + PARTS,
                rows, unit, units, B, H, P, N, K_2, SPLIT_2, RESIDENT, PARTS, ROUNDS, PRECISION,
            )  # fmt: skip
        tanh_u, dc_u = _tanh_backward(
            f * c_start + i * g, o, dm, g_c, b_c, normal_c, inverse_c, du_all, ended, step, sums,
            counter, arrivals + PARTS * (1 + PROJECTS), rows, units, B, H, PARTS, ALL,
        )  # fmt: skip
        dc_made, dc_next = shared(mask_c, rate_c, step, rows, units, B, H, dc)
        dc_made += dc_u
        da_i, da_f, da_g, da_o, dc_made, dc_next = _gated_backward(
            i, f, g, o, c_start, tanh_u, p, dm, dc_made, dc_next, ended, units, H
        )
        if dh_all is not None:
            store_tile(dh, dh_all + step * P, rows, units, B, P)
            is_mixed: tl.constexpr = (mask_c is not None) or (rate_c is not None)
            store_tile(dc if is_mixed else dc_made, dc_all + step * H, rows, units, B, H)
        dh_direct = passed(ended, dh, cleared(fresh, dh_next))
        dc = passed(ended, dc, cleared(fresh, dc_next))
        if g_hh is not None:
            store_gates(da_i, da_f, da_g, da_o, dgx + step * 4 * H, rows, units, B, H, 4)
            da_i, da_f, da_g, da_o = product_normalised_backward(
                da_i, da_f, da_g, da_o, g_hh, normal, inverse, step, sums + (NORMS - 1) * PARTS * B * 2,
                counter, arrivals + PARTS * (EXCHANGES - 1), rows, units, B, H, 4, PARTS, ALL,
            )  # fmt: skip
        store_gates(da_i, da_f, da_g, da_o, dproduct + step * 4 * H, rows, units, B, H, 4)
        arrive(counter, PARTS)
    store_tile(dh_direct, dh_kept, rows, units, B, P)
    store_tile(dc, dc_kept, rows, units, B, H)


@triton.jit
def _projected_backward(
    dh, place, w_hr, W_hr, counter, arrivals, rows, unit, units, B, H, P,
    N: tl.constexpr, K: tl.constexpr, SPLIT: tl.constexpr, RESIDENT: tl.constexpr, PARTS: tl.constexpr,
    ROUNDS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dm from dh = d(W_hr m), of which all units are kept."""
    store_tile(dh, place, rows, units, B, P)
    arrive(counter, PARTS)
    wait(counter, arrivals, PARTS)
    return transposed_product(place, w_hr, W_hr, rows, unit, B, H, P, N, K, SPLIT, RESIDENT, ROUNDS, PRECISION)


@triton.jit
def _tanh_backward(
    c, o, dm, g_c, b_c, normal_c, inverse_c, du_all, ended, step, partials, counter, arrivals, rows, units, B, H,
    PARTS: tl.constexpr, ALL: tl.constexpr,
):  # fmt: skip
    """tanh(u), and what c receives through it; u is c, or g_c LN(c) + b_c, whose du is kept."""
    if g_c is None:
        tanh_u = tanh(c)
        dc = dm * o * (1 - tanh_u * tanh_u)
    else:
        c_hat = load_tile(normal_c + step * H, rows, units, B, H)
        gain = load_units(g_c, units, H, 0)
        tanh_u = tanh(gain * c_hat + load_units(b_c, units, H, 0))
        du = dm * o * (1 - tanh_u * tanh_u)
        store_tile(cleared(ended, du), du_all + step * H, rows, units, B, H)
        d = du * gain
        i = tl.load(inverse_c + step + rows, mask=rows < B, other=0.0)
        dc, _, _, _ = normalised_backward(
            d, d, d, d, c_hat, c_hat, c_hat, c_hat, i, partials, counter, arrivals, rows, B, H, 1, PARTS, ALL
        )
    return tanh_u, dc


@triton.jit
def _gated_backward(i, f, g, o, c_start, tanh_u, p, dm, dc, dc_old, ended, units, H):
    """What enters the gates receives, all that c receives, and the gradient of c before the step, dc_old included."""
    da_o = dm * tanh_u * o * (1 - o)
    if p is not None:
        dc += da_o * load_units(p, units, H, 2)
    da_i = dc * g * i * (1 - i)
    da_f = dc * c_start * f * (1 - f)
    da_g = dc * i * (1 - g * g)
    before = dc * f + dc_old
    if p is not None:
        before += da_i * load_units(p, units, H, 0) + da_f * load_units(p, units, H, 1)
    return cleared(ended, da_i), cleared(ended, da_f), cleared(ended, da_g), cleared(ended, da_o), dc, before
