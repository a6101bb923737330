"""What a gradient by lag comes to, in words: exploding, lasting, vanishing or enough."""

from collections.abc import Callable

import numpy as np

from chainrule._choices import counted
from chainrule.display import number
from chainrule.lens.arrays import Floats
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT, Interval, by_lag, horizon, interval

__all__ = ["verdict"]

_EXPLODES = 10.0  # times the start


def verdict(
    lagged: Floats, window: int, receptive_field: int | None = None, clip: Callable[[int], float] | None = None
) -> str:
    """What norms by lag (B, R, K) come to, in a sentence that begins with its word: "enough: steps older than ..."."""
    if np.isinf(lagged[..., 0]).any():
        return "broken: what enters the layer is not finite; look for NaN or infinity in the loss, data and weights."
    curve = by_lag(lagged)
    curve = curve[~np.isnan(curve)]
    if not curve.size or not curve[0] > 0:
        return "none: no gradient enters the layer, so none reaches back."
    if receptive_field is not None:
        return _of_window(curve, receptive_field)
    if not np.isfinite(curve).all() or curve.max() > _EXPLODES * curve[0]:
        return _exploding(curve, lagged.shape[-1], clip)
    one = horizon(curve, ONE_PERCENT)
    half = horizon(curve, HALF)
    if one is None:
        return _lasting(curve, window)
    tells = f"steps older than {one}{_between(interval(lagged, ONE_PERCENT))} receive less than 1 % of the gradient"
    if half is not None:
        tells += f", older than {half} less than half"
    if one > window:
        return f"lasting: {tells}; your window is {window}: too short to learn from all of them."
    if 4 * one < window:
        return f"vanishing: {tells}; most of your window of {window} teaches nothing."
    return f"enough: {tells}; your window is {window}."


def _lasting(curve: Floats, window: int) -> str:
    seen = len(curve) - 1
    left = f"lasting: {counted(seen, 'step')} back {curve[-1] / curve[0]:.2g} times the gradient's start is left"
    if seen + 1 < window:
        return f"{left}, and longer sequences would show where it ends; your window is {window}."
    if seen + 1 == window:
        return f"{left}: it does not vanish within your window of {window}."
    return f"{left}: a longer window than your {window} would learn from older steps."


def _of_window(curve: Floats, receptive_field: int) -> str:
    used = horizon(curve, ONE_PERCENT)
    sees = f"window: the model sees the last {counted(receptive_field, 'input')} and nothing before them"
    if used is None or used >= receptive_field:
        return f"{sees}; all of them receive 1 % of the newest one's gradient or more."
    return f"{sees}; those older than {used} receive less than 1 % of the newest one's gradient."


def _grown(ratio: float) -> str:
    """A large ratio as people write it, up to millions."""
    return f"{ratio:,.0f}" if 1e4 <= ratio < 1e9 else number(ratio)


def _exploding(curve: Floats, steps: int, clip: Callable[[int], float] | None) -> str:
    lag = int(np.argmax(~(curve <= _EXPLODES * curve[0])))
    peak = int(np.argmax(np.where(np.isfinite(curve), curve, np.inf)))
    times = f"{_grown(float(curve[peak] / curve[0]))} times" if np.isfinite(curve[peak]) else "beyond all numbers"
    grows = f"exploding: from lag {lag} back the gradient is over {_EXPLODES:g} times its start, at lag {peak} {times}"
    if clip is None:
        return f"{grows}: clip its norm."
    full, short = (number(clip(k)) for k in (steps, lag))
    chunks = f"chunks of {counted(lag, 'step')}"
    return f"{grows}; the norm over all weights is {full}: clip at {short}, which it has in {chunks}."


def _between(ends: Interval | None) -> str:
    if ends is None or ends[0] == ends[1]:
        return ""
    low, high = ("more than seen" if end is None else str(end) for end in ends)
    return f" (95 %: {low} to {high})"
