"""What the programs of a group tell each other: that a step is done, and sums over all units.

A program has some rows of the batch and some units, and goes through all steps with them; the programs that share
their rows form a group of PARTS. What one stores the others read after they have all arrived.
"""

import os

import torch
import triton
import triton.language as tl

from chainrule.ops.recurrence.backends.triton.kernels.tiles import load_gates, load_units, store_gates

__all__ = ["arrive", "normalised", "normalised_backward", "product_normalised", "product_normalised_backward", "wait"]

_EPSILON = tl.constexpr(1e-5)
_IS_PTX = tl.constexpr(torch.version.hip is None and os.environ.get("TRITON_INTERPRET") != "1")


@triton.jit
def arrive(counter, PARTS: tl.constexpr):
    """What the program has stored so far is there for the others."""
    tl.debug_barrier()
    if PARTS > 1:
        tl.atomic_add(counter, 1, sem="release", scope="gpu")


@triton.jit
def wait(counter, arrivals, PARTS: tl.constexpr):
    """Go on when the group has arrived as often as that."""
    if PARTS > 1:
        while _acquired(counter) < arrivals:
            pass
        tl.debug_barrier()


@triton.jit
def _acquired(counter):
    """The count, before which nothing is read that is asked for after it: Triton's own loads have no such order."""
    if _IS_PTX:
        address = counter.to(tl.uint64, bitcast=True)
        count = tl.inline_asm_elementwise(
            "ld.acquire.gpu.global.s32 $0, [$1];", "=r,l", [address], dtype=tl.int32, is_pure=False, pack=1
        )
    else:
        count = tl.atomic_add(counter, 0, sem="acquire", scope="gpu")
    return count


@triton.jit
def _exchanged(x1, x2, partials, counter, arrivals, rows, B, PARTS: tl.constexpr, ALL: tl.constexpr):
    """Two numbers a row of every program in the group, (M, ALL) each; ALL is PARTS or the next power of two."""
    part = tl.program_id(1)
    tl.store(partials + (part * B + rows) * 2, x1, mask=rows < B)
    tl.store(partials + (part * B + rows) * 2 + 1, x2, mask=rows < B)
    arrive(counter, PARTS)
    wait(counter, arrivals, PARTS)
    parts = tl.arange(0, ALL)
    inside = (rows < B)[:, None] & (parts < PARTS)[None, :]
    places = partials + (parts[None, :] * B + rows[:, None]) * 2
    x1 = tl.load(places, mask=inside, other=0.0, cache_modifier=".cg")
    x2 = tl.load(places + 1, mask=inside, other=0.0, cache_modifier=".cg")
    return x1, x2


@triton.jit
def _sum_of_gates(v0, v1, v2, v3, GATES: tl.constexpr):
    total = tl.sum(v0, 1)
    if GATES > 1:
        total += tl.sum(v1, 1)
    if GATES > 2:
        total += tl.sum(v2, 1)
    if GATES > 3:
        total += tl.sum(v3, 1)
    return total


@triton.jit
def _square(v, mean, inside):
    away = tl.where(inside, v - mean, 0.0)
    return away * away


@triton.jit
def normalised(
    v0, v1, v2, v3, partials, counter, arrivals, rows, units, B, H,
    GATES: tl.constexpr, N: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr,
):  # fmt: skip
    """v^ = (v - mean) / sqrt(variance + epsilon) over the units of all gates, and 1 / sqrt, (M,).

    The programs' means and squared distances from them are put together as Chan et al. (1979) do.
    """
    inside = (units < H)[None, :]
    own = GATES * tl.minimum(N, H - tl.program_id(1) * N)
    total = _sum_of_gates(v0, v1, v2, v3, GATES)
    m = (total / own)[:, None]
    squares = _sum_of_gates(
        _square(v0, m, inside), _square(v1, m, inside), _square(v2, m, inside), _square(v3, m, inside), GATES
    )
    count = GATES * H
    if PARTS > 1:
        totals, all_squares = _exchanged(total, squares, partials, counter, arrivals, rows, B, PARTS, ALL)
        parts = tl.arange(0, ALL)
        is_part = (parts < PARTS)[None, :]
        each = tl.where(is_part, GATES * tl.minimum(N, H - parts * N)[None, :], 1)
        mean = tl.sum(totals, 1) / count
        away = totals / each - mean[:, None]
        variance = tl.sum(all_squares + tl.where(is_part, each * away * away, 0.0), 1) / count
    else:
        mean = total / count
        variance = squares / count
    inverse = 1 / tl.sqrt(variance + _EPSILON)
    mean = mean[:, None]
    i = inverse[:, None]
    return (v0 - mean) * i, (v1 - mean) * i, (v2 - mean) * i, (v3 - mean) * i, inverse


@triton.jit
def normalised_backward(
    d0, d1, d2, d3, n0, n1, n2, n3, inverse, partials, counter, arrivals, rows, B, H,
    GATES: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr,
):  # fmt: skip
    """dv from d = dv^, n = v^ and 1 / sqrt, (M,): inverse (d - mean(d) - v^ mean(d v^))."""
    x1 = _sum_of_gates(d0, d1, d2, d3, GATES)
    x2 = _sum_of_gates(d0 * n0, d1 * n1, d2 * n2, d3 * n3, GATES)
    if PARTS > 1:
        all_x1, all_x2 = _exchanged(x1, x2, partials, counter, arrivals, rows, B, PARTS, ALL)
        x1 = tl.sum(all_x1, 1)
        x2 = tl.sum(all_x2, 1)
    m1 = (x1 / (GATES * H))[:, None]
    m2 = (x2 / (GATES * H))[:, None]
    i = inverse[:, None]
    return i * (d0 - m1 - n0 * m2), i * (d1 - m1 - n1 * m2), i * (d2 - m1 - n2 * m2), i * (d3 - m1 - n3 * m2)


@triton.jit
def product_normalised(
    v0, v1, v2, v3, gains, normal, inverse, step, partials, counter, arrivals, rows, units, B, H,
    GATES: tl.constexpr, N: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr,
):  # fmt: skip
    """The product W_hh h of a step normalised, times its gains; v^ and 1 / sqrt are kept where they are asked for."""
    v0, v1, v2, v3, i = normalised(
        v0, v1, v2, v3, partials, counter, arrivals, rows, units, B, H, GATES, N, PARTS, ALL
    )  # fmt: skip
    if normal is not None:
        store_gates(v0, v1, v2, v3, normal + step * GATES * H, rows, units, B, H, GATES)
        tl.store(inverse + step + rows, i, mask=rows < B)
    return _times_gains(gains, v0, v1, v2, v3, units, H, GATES)


@triton.jit
def product_normalised_backward(
    d0, d1, d2, d3, gains, normal, inverse, step, partials, counter, arrivals, rows, units, B, H,
    GATES: tl.constexpr, PARTS: tl.constexpr, ALL: tl.constexpr,
):  # fmt: skip
    """The gradient of the product from that of what `product_normalised` makes of it."""
    d0, d1, d2, d3 = _times_gains(gains, d0, d1, d2, d3, units, H, GATES)
    n0, n1, n2, n3 = load_gates(normal + step * GATES * H, rows, units, B, H, GATES)
    i = tl.load(inverse + step + rows, mask=rows < B, other=0.0)
    return normalised_backward(
        d0, d1, d2, d3, n0, n1, n2, n3, i, partials, counter, arrivals, rows, B, H, GATES, PARTS, ALL
    )  # fmt: skip


@triton.jit
def _times_gains(gains, v0, v1, v2, v3, units, H, GATES: tl.constexpr):
    v0 = load_units(gains, units, H, 0) * v0
    if GATES > 1:
        v1 = load_units(gains, units, H, 1) * v1
    if GATES > 2:
        v2 = load_units(gains, units, H, 2) * v2
    if GATES > 3:
        v3 = load_units(gains, units, H, 3) * v3
    return v0, v1, v2, v3
