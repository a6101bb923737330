"""What a step may see of the past and what sees it, and what the next chunk is given, for all kernels.

Steps are counted from the first of x, so that the state, (B, channels, P), lies at -P to -1. ``since``, (B, T), holds
the first step that each step may see: that of the row's last reset, -P before any; ``until``, (B, T), the first reset
at or after each step, T where there is none. ``row`` counts channels of all rows.
"""

import triton
import triton.language as tl

__all__ = ["end_of", "first_of", "keep", "kept_gradient", "last_of", "seen"]


@triton.jit
def seen(past, state, row, steps, inside, T, P):
    """Of a channel's inputs those at these steps; beyond ``inside`` zero."""
    places = past + row * T + steps
    if state is None:
        inside &= steps >= 0
    else:
        places = tl.where(steps < 0, state + row * P + (P + steps), places)
    return tl.load(places, mask=inside, other=0.0)


@triton.jit
def end_of(ends, since, b, T, P):
    """Where row b ends, and the first step that is seen from its last one."""
    end = T
    if ends is not None:
        end = tl.load(ends + b).to(tl.int32)
    first = -P
    if since is not None:
        first = tl.load(since + b * T + end - 1, mask=end > 0, other=-P)
    return end, first


@triton.jit
def first_of(since, b, steps, T, P):
    """The first step that each of row b's steps may see."""
    first = -P
    if since is not None:
        first = tl.load(since + b * T + steps, mask=steps < T, other=0)
    return first


@triton.jit
def last_of(until, b, steps, end, T):
    """The step before which all lie that may see each of row b's steps; the state's are negative."""
    if until is not None:
        later = tl.maximum(steps + 1, 0)
        end = tl.minimum(end, tl.load(until + b * T + later, mask=later < T, other=T))
    return end


@triton.jit
def keep(past, state, last, row, is_channel, end, first, T, P, M: tl.constexpr):
    """Store the inputs before the next chunk, M steps at a time."""
    for start in range(0, P, M):
        places = start + tl.arange(0, M)[None, :]
        read = end - P + places
        inside = is_channel & (places < P) & (read >= first)
        tl.store(last + row * P + places, seen(past, state, row, read, inside, T, P), mask=is_channel & (places < P))


@triton.jit
def kept_gradient(dlast, row, is_channel, steps, end, first, P):
    """What these steps receive from the inputs before the next chunk."""
    place = steps - end + P
    kept = is_channel & (place >= 0) & (place < P) & (steps >= first)
    return tl.load(dlast + row * P + place, mask=kept, other=0.0)
