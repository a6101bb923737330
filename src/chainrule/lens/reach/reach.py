"""How far back the gradient reaches: the map of its norms over all pairs of steps, and its horizon."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._choices import choose, counted, finite
from chainrule.display import VERMILLION, Shown, Table, listed, logarithmic, title
from chainrule.lens import formulas
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import Floats, if_given
from chainrule.lens.reach.curve import curve_frame, curve_rows, draw_curve
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT, Interval, by_lag, horizon, interval, of_lags
from chainrule.lens.reach.parts import judged
from chainrule.lens.reach.verdict import verdict, verdict_on_parts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Reach"]


@dataclass(frozen=True, repr=False)
class Reach(Shown):
    """The norms ||dL_t/ds_i|| of the gradients that enter at steps t, as they arrive at the states of steps i.

    s is the state that a step leaves, the LSTM's (h, c) together; of a window model the input takes its place. L_t is
    what the output of step t adds to the loss.

    The parts of a state are judged apart, each by what it starts with: where h is large and forgets, c may be small and
    last. ``curve``, the horizon and the verdict are those of the part that lasts the longest.

    Attributes:
        norms: (B, R, T): row, target t, step i. NaN across a reset and beyond a row's length.
        targets: the R steps t that the rows of a map belong to; all T, or a sample of them.
        window: the number of steps that training goes back.
        ahead: whether gradients go forward in time, as in a reverse direction.
        receptive_field: of a window model: the number of steps that it sees; None for one with a state.
        clip: computes the norm of the gradient of all weights if the state is detached every so many steps.
        parts_of_state: by its name, the norms (B, R, T) of each part of a state that has several, those of dL_t/dc_i
            with what comes through h_i.

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.GRU(2, 3), torch.ones(6, 1, 2))
    >>> reach = found.reach()
    >>> reach.norms.shape, reach.targets
    ((1, 6, 6), (0, 1, 2, 3, 4, 5))
    """

    of: str
    norms: Floats
    targets: tuple[int, ...]
    window: int
    agreement: Agreement
    ahead: bool = False
    receptive_field: int | None = None
    clip: Callable[[int], float] | None = None
    parts_of_state: Mapping[str, Floats] = field(default_factory=dict)

    @cached_property
    def judged(self) -> str | None:
        """The part of the state that is judged; None where it has one part."""
        return judged(self._lagged_parts) if self.parts_of_state else None

    @cached_property
    def lagged(self) -> Floats:
        """Norms by lag instead of step, (B, R, K)."""
        if self.judged is not None:
            return self._lagged_parts[self.judged]
        return of_lags(self.norms, self.targets, self.ahead)

    @cached_property
    def _lagged_parts(self) -> dict[str, Floats]:
        return {name: of_lags(norms, self.targets, self.ahead) for name, norms in self.parts_of_state.items()}

    @cached_property
    def curve(self) -> Floats:
        """The norm by lag, (K,), as a mean over the targets that reach so far back.

        It is their mean at that lag relative to their own at lag 0, times the mean at lag 0 over all targets: early
        steps do not reach far, and a plain mean over those that do would change with what these start with.
        """
        return by_lag(self.lagged)

    @cached_property
    def curves(self) -> dict[str, Floats]:
        """The norm by lag of each part of the state, (K,), by its name, as ``curve`` has it."""
        if self.judged is None:
            return {self._what: self.curve}
        return {name: by_lag(lagged) for name, lagged in self._lagged_parts.items()}

    def horizon(self, share: float = ONE_PERCENT) -> int | None:
        """The lag from which on ``curve`` stays under this share of its start; None if it does not within reach."""
        return horizon(self.curve, _share(share))

    def interval(self, share: float = ONE_PERCENT) -> Interval | None:
        """The horizon's 95 % interval, as if the sequences were drawn independently; None with fewer than two.

        Its ends are None where the horizon lies beyond what was seen. By the jackknife: each sequence is left out once
        (Tukey 1958; Miller, "The jackknife: a review", Biometrika 61, 1974).
        """
        return interval(self.lagged, _share(share))

    @cached_property
    def verdict(self) -> str:
        """The result in a sentence or two."""
        if self.judged is not None:
            return verdict_on_parts(self._lagged_parts, self.window, self.clip)
        return verdict(self.lagged, self.window, self.receptive_field, self.clip)

    @property
    def kind(self) -> str:
        """The verdict in a word: exploding, vanishing, enough, lasting, window, none or broken."""
        return self.verdict.partition(":")[0]

    def formulas(self) -> Sequence[str]:
        return (formulas.JACOBIAN, formulas.REACH)

    def summary(self) -> str:
        steps = counted(self.norms.shape[-1], "step")
        return f"of {self.of}: {steps}, {counted(len(self.targets), 'target')}, {counted(len(self.norms), 'sequence')}"

    def table(self) -> Table:
        """The gradient norm at lags that double, as ``curve`` has it, and as a share of the start."""
        notes = (self.verdict, self._sampled(), f"Every gradient {self.agreement}.")
        columns = ["lag"]
        for name in self.curves:
            columns += [f"|dL_t/d{name}|", "of lag 0" if self.judged is None else f"{name} of lag 0"]
        of_parts = zip(*map(curve_rows, self.curves.values()), strict=True)
        rows = [(of_part[0][0], *(cell for _, *cells in of_part for cell in cells)) for of_part in of_parts]
        return Table(f"Gradient norm by lag: {self.of}", tuple(columns), rows, notes)

    @property
    def _what(self) -> str:
        return "state" if self.receptive_field is None else "input"

    def to_frame(self) -> "pd.DataFrame":
        """The gradient norm at every lag, as ``curve`` has it, and as a share of the start; of parts, also of each."""
        whole = curve_frame(self.curve)
        for name in self.parts_of_state:
            whole = whole.merge(curve_frame(self.curves[name]), on="lag", suffixes=("", f"_{name}"))
        return whole

    def to_dict(self) -> dict[str, Any]:
        shares = {"half": HALF, "one_percent": ONE_PERCENT}
        intervals = {name: self.interval(share) for name, share in shares.items()}
        return {
            "of": self.of,
            "norms": listed(self.norms),
            "targets": list(self.targets),
            "by_lag": listed(self.curve),
            "judged": self.judged,
            "parts_by_lag": {name: listed(self.curves[name]) for name in self.parts_of_state},
            "window": self.window,
            "receptive_field": self.receptive_field,
            "horizon": {name: self.horizon(share) for name, share in shares.items()},
            "interval": {name: if_given(list, ends) for name, ends in intervals.items()},
            "verdict": self.verdict,
            "difference_to_autograd": self.agreement.error,
        }

    def draw_on(self, ax: "Axes", what: str = "map") -> None:
        """``what`` is "map", targets by steps, the mean over the rows; or "lags", the gradient norm by lag."""
        choose("what", what, ("map", "lags"))
        if what == "lags":
            draw_curve(ax, self.curves)
            self._shade_interval(ax)
            title(ax, f"Gradient norm by lag: {self.of}")
            return
        counts = (~np.isnan(self.norms)).sum(0)
        mean = np.where(counts > 0, np.nansum(self.norms, axis=0) / np.maximum(counts, 1), np.nan)
        logarithmic(ax, of_causal(mean, self.targets, self.ahead), "norm")
        ticks = np.unique(np.linspace(0, len(self.targets) - 1, min(6, len(self.targets))).astype(int))
        ax.set_yticks(ticks, [str(self.targets[k]) for k in ticks])
        ax.set_xlabel("step i that the gradient reaches")
        ax.set_ylabel("step t that it comes from")
        title(ax, f"Gradient norms between steps: {self.of}")

    def _shade_interval(self, ax: "Axes") -> None:
        """The interval of the 1 % horizon, up to the last lag where it has no end."""
        low, high = self.interval() or (None, None)
        if low is not None:
            ax.axvspan(low, len(self.curve) - 1 if high is None else high, color=VERMILLION, alpha=0.15)
            ax.set_xlabel("lag (shaded: 95 % interval of the 1 % horizon)")

    def _sampled(self) -> str:
        steps = self.norms.shape[-1]
        among = "all"
        if len(self.targets) < steps:
            among = f"{len(self.targets)} of"
        return (
            f"At lag 0 the mean over {among} {counted(steps, 'step')} t of {counted(len(self.norms), 'sequence')}; at "
            "lag k that, times mean(lag k) / mean(lag 0) of the steps t that reach so far."
        )


def of_causal(norms: Floats, targets: tuple[int, ...], ahead: bool) -> Floats:
    """norms (R, T) with NaN where step i lies on the side of t to which no gradient goes."""
    steps = np.arange(norms.shape[-1])
    t = np.array(targets)[:, None]
    unreached = steps < t if ahead else steps > t
    return np.where(unreached, np.nan, norms)


def _share(share: float) -> float:
    return finite("share", share, 0, 1, open_low=True)
