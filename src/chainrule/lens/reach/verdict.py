"""The verdict on the gradient norm by lag, in words: exploding, lasting, vanishing or enough."""

from collections.abc import Callable, Mapping

import numpy as np

from chainrule._choices import counted
from chainrule.display import number
from chainrule.lens.conversion import Floats
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT, Interval, by_lag, horizon, interval
from chainrule.lens.reach.parts import EXPLODES, judged

__all__ = ["verdict", "verdict_on_parts"]


def verdict_on_parts(lagged: Mapping[str, Floats], window: int, clip: Callable[[int], float] | None = None) -> str:
    """That on the part that lasts, of a state of several, by their names; in a second sentence, what the others do."""
    name = judged(lagged)
    said = verdict(lagged[name], window, clip=clip, of=f" of {name}")
    others = (_beside(other, by_lag(norms)) for other, norms in lagged.items() if other != name)
    return " ".join([said, *others])


def verdict(
    lagged: Floats,
    window: int,
    receptive_field: int | None = None,
    clip: Callable[[int], float] | None = None,
    of: str = "",
) -> str:
    """The verdict on norms by lag (B, R, K): a sentence that begins with one word, "enough: steps ...".

    ``of`` says of which part of the state they are: " of c".
    """
    if np.isinf(lagged[..., 0]).any():
        return "broken: the gradient that enters the layer is not finite; look for NaN in loss, data and weights."
    curve = by_lag(lagged)
    curve = curve[~np.isnan(curve)]
    if not curve.size or not curve[0] > 0:
        return "none: no gradient enters the layer."
    if receptive_field is not None:
        return _of_window(curve, receptive_field)
    if not np.isfinite(curve).all() or curve.max() > EXPLODES * curve[0]:
        return _exploding(curve, lagged.shape[-1], clip, of)
    one = horizon(curve, ONE_PERCENT)
    half = horizon(curve, HALF)
    if one is None:
        return _lasting(curve, window, of)
    ends = _between(interval(lagged, ONE_PERCENT))
    horizons = f"steps older than {one}{ends} receive less than 1 % of the gradient{of}"
    if half is not None:
        horizons += f", older than {half} less than half"
    if one > window:
        return f"lasting: {horizons}; your window is {window}: too short to learn from all of them."
    if 4 * one < window:
        return f"vanishing: {horizons}; most of your window of {window} adds almost nothing."
    return f"enough: {horizons}; your window is {window}."


def _beside(name: str, curve: Floats) -> str:
    """What a part does that is not judged."""
    curve = curve[~np.isnan(curve)]
    if not curve.size or not curve[0] > 0:
        return f"None enters {name}."
    one = horizon(curve, ONE_PERCENT)
    if one is not None:
        return f"That of {name} falls under 1 % beyond {counted(one, 'step')}."
    return f"That of {name} is {curve[-1] / curve[0]:.2g} times its start after {counted(len(curve) - 1, 'step')}."


def _lasting(curve: Floats, window: int, of: str) -> str:
    seen = counted(len(curve) - 1, "step")
    left = f"lasting: {seen} back the gradient norm{of} is still {curve[-1] / curve[0]:.2g} times its start"
    if len(curve) < window:
        return f"{left}; longer sequences would show where it ends (your window is {window})."
    if len(curve) == window:
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


def _exploding(curve: Floats, steps: int, clip: Callable[[int], float] | None, of: str) -> str:
    lag = int(np.argmax(~(curve <= EXPLODES * curve[0])))
    peak = int(np.argmax(np.where(np.isfinite(curve), curve, np.inf)))
    grows = f"exploding: from lag {lag} on the gradient norm{of} is over {EXPLODES:g} times its start"
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
