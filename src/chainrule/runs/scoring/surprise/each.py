"""The log-likelihood taken apart: log p of every symbol, step or example, and the sum that they run up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.display import BLUE, GREY, Cell, Shown, Table, listed, name_ends, title, whole_ticks
from chainrule.runs.scoring.surprise.strip import ACROSS, coloured, draw_strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.text import Text

__all__ = ["Each"]

_DRAWN = 25 * ACROSS  # symbols of a figure
_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Each(Shown):
    """How likely every scored unit was: log p(x_t | x_<t), of examples log p(label | x).

    Attributes:
        of, unit: what was scored, and whether its units are characters, bytes, samples, steps or examples.
        what: each unit as it is written, (N,).
        log_prob: log p of each in nats, (N,).
        is_text: whether the units are read one after another, as a text.
        notes: what is said below the table.

    >>> found = Each("a word", "character", "abc", np.log([0.5, 0.25, 0.5]))
    >>> found, np.exp(found.running).round(6).tolist()
    (<Each of a word: 3 characters, log-likelihood -2.8>, [0.5, 0.125, 0.0625])
    """

    of: str
    unit: str
    what: Sequence[str]
    log_prob: _Floats
    is_text: bool = False
    notes: tuple[str, ...] = ()

    @property
    def running(self) -> _Floats:
        """The sum of log p up to and including each unit, (N,): at the end the log-likelihood of all."""
        sums: _Floats = np.cumsum(self.log_prob)
        return sums

    @property
    def surprise(self) -> _Floats:
        """-log2 p of each unit, in bits, (N,)."""
        bits: _Floats = -self.log_prob / math.log(2)
        return bits

    def formulas(self) -> Sequence[str]:
        if self.unit == "example":
            return (r"\log\, p = \sum_{n} \log\, p(\mathrm{label}_n \mid x_n)",)
        return (r"\log\, p(x_1, \dots, x_T) = \sum_{t=1}^{T} \log\, p(x_t \mid x_1, \dots, x_{t-1})",)

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.log_prob), self.unit)}, log-likelihood {self.running[-1]:,.1f}"

    def table(self) -> Table:
        running = self.running
        bits = running / math.log(2)
        rows: list[tuple[Cell, ...]] = [
            (n + 1, what, float(self.log_prob[n]), float(-self.surprise[n]), float(running[n]), float(bits[n]))
            for n, what in enumerate(self.what)
        ]
        columns = ("n", self.unit, "log p", "log2 p", "sum, nats", "sum, bits")
        return Table(self.of, columns, rows, self.notes, formats=dict.fromkeys(columns[2:], ",.3f"))

    def strip(self) -> "Text":
        """The units in a row, on a ground that is the more orange the more they surprised; for a terminal."""
        return coloured(self.what, self.surprise, separator="" if self.is_text else " ")

    def to_dict(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "unit": self.unit,
            "what": list(self.what),
            "log_prob": listed(self.log_prob),
            "log_likelihood": listed(self.running[-1]),
        }

    def draw_on(self, ax: "Axes") -> None:
        """Of a text its symbols, coloured by their surprise, the first thousand; of others the surprise of each."""
        if self.is_text:
            draw_strip(ax, self.what[:_DRAWN], self.surprise[:_DRAWN])
            count = len(self.what)
            shown = f"the first {_DRAWN:,} of " * (count > _DRAWN) + counted(count, self.unit)
            title(ax, f"Surprise of each {self.unit}: {shown}")
            return
        places = np.arange(1, len(self.what) + 1)
        ax.plot(places, self.surprise, color=BLUE, linewidth=0.8, marker=".", markersize=4)
        mean = float(self.surprise.mean())
        ax.margins(x=0)
        whole_ticks(ax.xaxis)
        ax.set_xlabel(f"scored {self.unit}")
        ax.set_ylabel("surprise, -log2 p (bits)")
        title(ax, f"Surprise of each {self.unit}")
        if math.isfinite(mean):
            ax.axhline(mean, color=GREY, linewidth=1, linestyle="--")
            name_ends(ax, [(f"mean {mean:.3f}", mean, GREY)])

    @property
    def figure_height(self) -> float:
        if not self.is_text:
            return 4.0
        return 1.2 + 0.24 * -(-min(len(self.what), _DRAWN) // ACROSS)
