"""The verdict on the gradient norm by lag, in words: exploding, lasting, vanishing or enough."""

from collections.abc import Callable

import numpy as np

from chainrule._choices import counted
from chainrule.display import number
from chainrule.lens.conversion import Floats
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT, Interval, by_lag, horizon, interval

__all__ = ["verdict"]

_EXPLODES = 10.0  # times the start


def verdict(
    lagged: Floats, window: int, receptive_field: int | None = None, clip: Callable[[int], float] | None = None
) -> str:
    """The verdict on norms by lag (B, R, K): a sentence that begins with one word, "enough: steps ..."."""
    if np.isinf(lagged[..., 0]).any():
        return "broken: the gradient that enters the layer is not finite; look for NaN in loss, data and weights."
    curve = by_lag(lagged)
    curve = curve[~np.isnan(curve)]
    if not curve.size or not curve[0] > 0:
        return "none: no gradient enters the layer."
    if receptive_field is not None:
        return _of_window(curve, receptive_field)
    if not np.isfinite(curve).all() or curve.max() > _EXPLODES * curve[0]:
        return _exploding(curve, lagged.shape[-1], clip)
    one = horizon(curve, ONE_PERCENT)
    half = horizon(curve, HALF)
    if one is None:
        return _lasting(curve, window)
    horizons = f"steps older than {one}{_between(interval(lagged, ONE_PERCENT))} receive less than 1 % of the gradient"
    if half is not None:
        horizons += f", older than {half} less than half"
    if one > window:
        return f"lasting: {horizons}; your window is {window}: too short to learn from all of them."
    if 4 * one < window:
        return f"vanishing: {horizons}; most of your window of {window} adds almost nothing."
    return f"enough: {horizons}; your window is {window}."


def _lasting(curve: Floats, window: int) -> str:
    seen = len(curve) - 1
    left = (
        f"lasting: {counted(seen, 'step')} back the gradient norm is still {curve[-1] / curve[0]:.2g} times its start"
    )
    if seen + 1 < window:
        return f"{left}; longer sequences would show where it ends (your window is {window})."
    if seen + 1 == window:
        return f"{left}: it does not vanish within your window of {window}."
    return f"{left}: a window longer than your {window} would learn from older steps."


def _of_window(curve: Floats, receptive_field: int) -> str:
    used = horizon(curve, ONE_PERCENT)
    sees = f"window: the model sees the last {counted(receptive_field, 'input')} and nothing before them"
    if used is None or used >= receptive_field:
        return f"{sees}; each of them receives at least 1 % of the newest one's gradient."
    return f"{sees}; those older than {used} receive less than 1 % of the newest one's gradient."


def _grown(ratio: float) -> str:
    """A ratio with its digits up to millions."""
    if 1e4 <= ratio < 1e9:
        return f"{ratio:,.0f}"
    return number(ratio)


def _exploding(curve: Floats, steps: int, clip: Callable[[int], float] | None) -> str:
    lag = int(np.argmax(~(curve <= _EXPLODES * curve[0])))
    peak = int(np.argmax(np.where(np.isfinite(curve), curve, np.inf)))
    grows = f"exploding: from lag {lag} on the gradient norm is over {_EXPLODES:g} times its start"
    if np.isfinite(curve[peak]):
        grows += f", and {_grown(float(curve[peak] / curve[0]))} times at lag {peak}"
    else:
        grows += f", and infinite at lag {peak}"
    if clip is None:
        return f"{grows}: clip it."
    full = number(clip(steps))
    short = number(clip(lag))
    return f"{grows}. Over all weights it is {full}: clip at {short}, its value in chunks of {counted(lag, 'step')}."


def _between(ends: Interval | None) -> str:
    if ends is None or ends[0] == ends[1]:
        return ""
    low, high = ("beyond the sequence" if end is None else str(end) for end in ends)
    return f" (95 %: {low} to {high})"
