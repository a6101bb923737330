"""How far back the gradient reaches: the map of its norms over all pairs of steps, and the horizon that it draws."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule._choices import choose, finite
from chainrule.lens.agreement import Agreement
from chainrule.lens.arrays import Floats, listed
from chainrule.lens.showing import BLUE, GREY, VERMILLION, Shown, Table, axes_on, logarithmic, number, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HALF", "ONE_PERCENT", "Interval", "Reach", "by_lag", "horizon", "interval", "of_lags", "verdict"]

Interval = tuple[int | None, int | None]

ONE_PERCENT, HALF = 0.01, 0.5
_EXPLODES = 10.0  # times the start


def of_lags(norms: Floats, targets: ArrayLike, ahead: bool = False) -> Floats:
    """norms (B, R, T) by the lag from each target: (B, R, K), NaN where a lag lies outside of the sequence.

    The targets are (R,), or (B, R). The lag of step i is t - i; with ``ahead``, for a reverse direction, it is i - t.
    """
    T = norms.shape[-1]
    lags = np.arange(T)
    at = np.broadcast_to(np.asarray(targets)[..., None] + (lags if ahead else -lags), norms.shape)
    outside = (at < 0) | (at >= T)
    return np.where(outside, np.nan, np.take_along_axis(norms, np.where(outside, 0, at), axis=2))


def by_lag(lagged: Floats) -> Floats:
    """The mean norm by lag, (K,), over rows and targets (B, R, K); NaN where none reaches so far.

    A lag is measured by what the same targets start with: late ones alone reach far, and may start with more.
    """
    norms, starts = _sums(lagged)
    count = (lagged[..., 0] > 0).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = norms.sum(0) / starts.sum(0) * (starts[:, 0].sum() / count)
    return means


def _sums(lagged: Floats) -> tuple[Floats, Floats]:
    """Of each row by lag, (B, K): the norms over its targets, and those that the same targets start with.

    Targets without a gradient are left out.
    """
    start = lagged[..., :1]
    there = (start > 0) & ~np.isnan(lagged)
    return np.where(there, lagged, 0).sum(1), np.where(there, start, 0).sum(1)


def horizon(curve: Floats, share: float) -> int | None:
    """The lag from which on the curve stays under this share of its start; None if there is no such lag.

    >>> horizon(np.array([1.0, 0.5, 0.005, 0.02, 0.001, 0.0]), share=0.01)
    4
    """
    seen = curve[~np.isnan(curve)]
    if len(seen) == 0 or not seen[0] > 0:
        return None
    above = np.flatnonzero(~(seen < share * seen[0]))
    last = int(above[-1])
    return last + 1 if last + 1 < len(seen) else None


@dataclass(frozen=True)
class Reach(Shown):
    """The norms ||dL_t/ds_i|| of the gradients that enter at steps t, as they arrive at the states of steps i.

    s is the state that a step leaves, the LSTM's (h, c) together; of a window model the input takes its place. L_t is
    what the output of step t adds to the loss.

    Attributes:
        norms: (B, R, T): row, target t, step i. NaN across a reset and beyond a row's length.
        targets: the R steps t that the rows of a map belong to; all T, or a sample of them.
        window: the steps that training goes back.
        ahead: whether gradients go forward in time, as in a reverse direction.
        receptive_field: of a window model: the steps that it sees at all; None for one with a state.
        clip: computes the norm of the weights' gradient where the state is detached every so many steps.
    """

    of: str
    norms: Floats
    targets: tuple[int, ...]
    window: int
    agreement: Agreement
    ahead: bool = False
    receptive_field: int | None = None
    clip: Callable[[int], float] | None = field(default=None, repr=False)

    @cached_property
    def lagged(self) -> Floats:
        """``norms`` by lag instead of step, (B, R, K)."""
        return of_lags(self.norms, self.targets, self.ahead)

    @cached_property
    def curve(self) -> Floats:
        """The mean norm by lag, (K,)."""
        return by_lag(self.lagged)

    def horizon(self, share: float = ONE_PERCENT) -> int | None:
        """The lag from which on the mean norm stays under this share of its start; None if it does not within reach."""
        return horizon(self.curve, _share(share))

    def interval(self, share: float = ONE_PERCENT) -> Interval | None:
        """The horizon's 95 % interval, as if the sequences were drawn independently; None with fewer than two.

        Its ends are None where the horizon lies beyond what was seen. By the jackknife: each sequence is left out once
        (Tukey 1958; Miller, "The jackknife: a review", Biometrika 61, 1974).
        """
        return interval(self.lagged, _share(share))

    @cached_property
    def verdict(self) -> str:
        """What it comes to, in a sentence or two."""
        return verdict(self.lagged, self.window, self.receptive_field, self.clip)

    @property
    def kind(self) -> str:
        """The verdict in a word: exploding, vanishing, enough, lasting, window, none or broken."""
        return self.verdict.partition(":")[0]

    def table(self) -> Table:
        """The mean norm at lags that grow by doubling, and as a share of the start."""
        seen = np.flatnonzero(~np.isnan(self.curve))
        lags = sorted({0, int(seen[-1]), *(2**k for k in range(20) if 2**k < seen[-1])}) if seen.size else []
        rows = [(lag, float(self.curve[lag]), float(self.curve[lag] / self.curve[0])) for lag in lags]
        notes = [self.verdict, self._sampled(), f"Every gradient {self.agreement}."]
        unit = "input" if self.receptive_field is not None else "state"
        return Table(f"Reach: {self.of}", ("lag", f"|dL_t/d{unit}|", "of lag 0"), rows, tuple(n for n in notes if n))

    def to_dict(self) -> dict[str, Any]:
        interval = {name: self.interval(share) for name, share in (("half", HALF), ("one_percent", ONE_PERCENT))}
        return {
            "of": self.of,
            "norms": listed(self.norms),
            "targets": list(self.targets),
            "by_lag": listed(self.curve),
            "window": self.window,
            "receptive_field": self.receptive_field,
            "horizon": {"half": self.horizon(HALF), "one_percent": self.horizon()},
            "interval": {name: None if ends is None else list(ends) for name, ends in interval.items()},
            "verdict": self.verdict,
            "difference_to_autograd": self.agreement.error,
        }

    def plot(self, ax: "Axes | None" = None, what: str = "map") -> "Axes":
        """``what`` is "map", targets by steps, the mean over the rows; or "lags", the mean norm by lag."""
        choose("what", what, ("map", "lags"))
        axes = axes_on(ax)
        if what == "lags":
            axes.plot(self.curve, color=BLUE, linewidth=2)
            axes.set_yscale("log")
            for share, colour in ((HALF, GREY), (ONE_PERCENT, VERMILLION)):
                axes.axhline(share * self.curve[0], color=colour, linewidth=1, linestyle="--")
            axes.set_xlabel("lag")
            axes.set_ylabel("mean norm (dashed: 50 % and 1 %)")
        else:
            counts = (~np.isnan(self.norms)).sum(0)
            mean = np.where(counts > 0, np.nansum(self.norms, axis=0) / np.maximum(counts, 1), np.nan)
            causal = of_causal(mean, self.targets, self.ahead)
            logarithmic(axes, causal, "norm")
            ticks = np.unique(np.linspace(0, len(self.targets) - 1, min(6, len(self.targets))).astype(int))
            axes.set_yticks(ticks, [str(self.targets[k]) for k in ticks])
            axes.set_xlabel("step i that the gradient reaches")
            axes.set_ylabel("step t that it comes from")
        title(axes, f"Reach: {self.of}")
        return axes

    def _sampled(self) -> str:
        T = self.norms.shape[-1]
        rows = len(self.norms)
        of = f"all {T}" if len(self.targets) == T else f"{len(self.targets)} of {T}"
        return f"Mean over {of} steps t of {rows} sequence{'s' * (rows > 1)}."


def of_causal(norms: Floats, targets: tuple[int, ...], ahead: bool) -> Floats:
    """norms (R, T) with NaN where step i lies on the side of t to which no gradient goes."""
    steps, t = np.arange(norms.shape[-1]), np.array(targets)[:, None]
    return np.where(steps < t if ahead else steps > t, np.nan, norms)


def interval(lagged: Floats, share: float) -> Interval | None:
    """The 95 % interval of the horizon over rows (B, R, K): Student's, of its logarithm, by the jackknife."""
    enter = (lagged[..., 0] > 0).any(1)
    (norms, starts), B, beyond = _sums(lagged[enter]), int(enter.sum()), lagged.shape[-1]
    if B < 2:
        return None
    without = ~np.vstack([np.zeros(B, dtype=bool), np.eye(B, dtype=bool)])  # none of the rows, then each
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [_crossing(norms[rows].sum(0) / starts[rows].sum(0), share) for rows in without]
    whole, *fewer = np.log([beyond if lag is None else lag for lag in found])
    spread = _student(B - 1) * np.sqrt((B - 1) * np.var(fewer))
    low, high = np.ceil(np.exp([whole - spread, whole + spread]).round(6))  # as the horizon is the crossing's
    return int(low) if low < beyond else None, int(high) if high < beyond and None not in found else None


def _crossing(curve: Floats, share: float) -> float | None:
    """Where between the lag before the horizon and the horizon the curve, a line in its logarithm, falls under it."""
    lag = horizon(curve, share)
    if lag is None or not curve[lag] > 0:
        return lag
    above, below = np.log(curve[lag - 1 : lag + 1] / curve[0])
    return lag - 1 + float(above - np.log(share)) / float(above - below)


def _share(share: float) -> float:
    return finite("share", share, 0, 1, open_low=True)


def _student(freedom: int) -> float:
    """Student's t that 97.5 % lie below; from five degrees of freedom on Abramowitz & Stegun's series, 26.7.5."""
    few = (12.706, 4.303, 3.182, 2.776)
    return few[freedom - 1] if freedom <= len(few) else 1.96 + 2.372 / freedom + 2.822 / freedom**2


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
    one, half = horizon(curve, ONE_PERCENT), horizon(curve, HALF)
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
    left = f"lasting: {seen} steps back {curve[-1] / curve[0]:.2g} times the gradient's start is left"
    if seen + 1 < window:
        return f"{left}, and longer sequences would show where it ends; your window is {window}."
    if seen + 1 == window:
        return f"{left}: it does not vanish within your window of {window}."
    return f"{left}: a longer window than your {window} would learn from older steps."


def _of_window(curve: Floats, receptive_field: int) -> str:
    used = horizon(curve, ONE_PERCENT)
    sees = f"window: the model sees the last {receptive_field} inputs and nothing before them"
    if used is None or used >= receptive_field:
        return f"{sees}; all of them receive 1 % of the newest one's gradient or more."
    return f"{sees}; those older than {used} receive less than 1 % of the newest one's gradient."


def _exploding(curve: Floats, steps: int, clip: Callable[[int], float] | None) -> str:
    lag = int(np.argmax(~(curve <= _EXPLODES * curve[0])))
    peak = int(np.argmax(np.where(np.isfinite(curve), curve, np.inf)))
    times = f"{number(float(curve[peak] / curve[0]))} times" if np.isfinite(curve[peak]) else "beyond all numbers"
    grows = f"exploding: from lag {lag} back the gradient is over {_EXPLODES:g} times its start, at lag {peak} {times}"
    if clip is None:
        return f"{grows}: clip its norm."
    full, short = (number(clip(k)) for k in (steps, lag))
    return f"{grows}; the norm over all weights is {full}: clip at {short}, which it has in chunks of {lag} steps."


def _between(ends: Interval | None) -> str:
    if ends is None or ends[0] == ends[1]:
        return ""
    low, high = ("more than seen" if end is None else str(end) for end in ends)
    return f" (95 %: {low} to {high})"
