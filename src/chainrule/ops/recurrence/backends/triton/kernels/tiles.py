"""Loads and stores of tiles of rows and units, the functions of gates, and the steps' masks, for all cells."""

import triton
import triton.language as tl

__all__ = [
    *("cleared", "load_gates", "load_tile", "load_units", "mixed", "passed", "row_flags", "shared"),
    *("store_gates", "store_tile", "tanh"),
]


@triton.jit
def tanh(x):
    """tanh(x) to the last places of float32, small x included."""
    e = tl.exp(-2 * tl.abs(x))
    far = (1 - e) / (1 + e)
    s = x * x
    near = x * (1 + s * (-0.33333334 + s * (0.13333334 - s * 0.05396825)))
    return tl.where(tl.abs(x) < 0.15, near, tl.where(x < 0, -far, far))


@triton.jit
def load_tile(start, rows, units, B, H):
    """Of a step's (B, H) the rows and the units."""
    inside = (rows < B)[:, None] & (units < H)[None, :]
    return tl.load(start + rows[:, None] * H + units[None, :], mask=inside, other=0.0)


@triton.jit
def store_tile(values, start, rows, units, B, H):
    """The reverse."""
    inside = (rows < B)[:, None] & (units < H)[None, :]
    tl.store(start + rows[:, None] * H + units[None, :], values, mask=inside)


@triton.jit
def load_gates(start, rows, units, B, H, GATES: tl.constexpr):
    """The same of a step's (B, GATES H), for up to four gates; four tiles, of which the last ones may be one."""
    inside = (rows < B)[:, None] & (units < H)[None, :]
    places = start + rows[:, None] * (GATES * H) + units[None, :]
    v0 = tl.load(places, mask=inside, other=0.0)
    v1 = v0
    if GATES > 1:
        v1 = tl.load(places + H, mask=inside, other=0.0)
    v2 = v1
    if GATES > 2:
        v2 = tl.load(places + 2 * H, mask=inside, other=0.0)
    v3 = v2
    if GATES > 3:
        v3 = tl.load(places + 3 * H, mask=inside, other=0.0)
    return v0, v1, v2, v3


@triton.jit
def store_gates(v0, v1, v2, v3, start, rows, units, B, H, GATES: tl.constexpr):
    """The reverse."""
    inside = (rows < B)[:, None] & (units < H)[None, :]
    places = start + rows[:, None] * (GATES * H) + units[None, :]
    tl.store(places, v0, mask=inside)
    if GATES > 1:
        tl.store(places + H, v1, mask=inside)
    if GATES > 2:
        tl.store(places + 2 * H, v2, mask=inside)
    if GATES > 3:
        tl.store(places + 3 * H, v3, mask=inside)


@triton.jit
def load_units(vector, units, H, gate: tl.constexpr):
    """Of a vector of all gates the units of one, (1, N)."""
    return tl.load(vector + gate * H + units, mask=units < H, other=0.0)[None, :]


@triton.jit
def row_flags(mask, step, rows, B):
    """Of a mask (T, B) the rows of a step that begins there, (M, 1); None of no mask."""
    flags = None
    if mask is not None:
        flags = (tl.load(mask + step + rows, mask=rows < B, other=0) != 0)[:, None]
    return flags


@triton.jit
def mixed(mask, rate, step, rows, units, B, H, old, new):
    """m old + (1 - m) new, of a mask (T, B, H) or a rate."""
    if mask is not None:
        kept = load_tile(mask + step * H, rows, units, B, H) != 0
        new = tl.where(kept, old, new)
    elif rate is not None:
        new = new + rate * (old - new)
    return new


@triton.jit
def shared(mask, rate, step, rows, units, B, H, d):
    """The parts of d that flow to the newly made value, (1 - m) d, and to the old one, m d."""
    if mask is not None:
        kept = load_tile(mask + step * H, rows, units, B, H) != 0
        made = tl.where(kept, 0.0, d)
        old = tl.where(kept, d, 0.0)
    elif rate is not None:
        made = (1 - rate) * d
        old = rate * d
    else:
        made = d
        old = tl.zeros_like(d)
    return made, old


@triton.jit
def cleared(rows, v):
    """v, but 0 in these rows, (M, 1); all of v where they are None."""
    if rows is not None:
        v = tl.where(rows, 0.0, v)
    return v


@triton.jit
def passed(rows, old, new):
    """new, but old in these rows, (M, 1); all of new where they are None."""
    if rows is not None:
        new = tl.where(rows, old, new)
    return new
