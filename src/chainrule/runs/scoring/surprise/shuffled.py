"""The same data in random order: what a model's score owes to the order that the data came in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, whole
from chainrule.display import BLUE, VERMILLION, Cell, Shown, Table, title, whole_ticks
from chainrule.runs.scoring.metrics import nats_to_bits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Shuffled", "shuffles"]

_LEVEL = 0.05
_MOST = 1_000_000  # random orders
_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Shuffled(Shown):
    """The score of data in its order, and in N random ones.

    Were the data exchangeable, its own order would be as likely to have any rank among all as any other: the
    permutation test (Fisher 1935; E. L. Lehmann and J. P. Romano, "Testing Statistical Hypotheses", 2005, 15.2).

    Attributes:
        of, unit, count, model: what was scored, in how many units, by what.
        what: what was put in random order, in words.
        ordered: nats per unit as the data came.
        shuffled: nats per unit in each of the random orders, (N,).

    >>> found = Shuffled("words", "character", 100, "ngram", "characters", 1.2, np.array([1.5, 1.6, 1.4]))
    >>> found, found.p
    (<Shuffled of words: 1.2000 nats/character, in random order 1.5000>, 0.25)
    """

    of: str
    unit: str
    count: int
    model: str
    what: str
    ordered: float
    shuffled: _Floats

    @property
    def p(self) -> float:
        """How often an order is at least as likely as the data's own, among the random ones and this one."""
        return float((1 + (self.shuffled <= self.ordered).sum()) / (1 + len(self.shuffled)))

    @property
    def lost(self) -> float:
        """The nats per unit that the random orders lose on average."""
        return float(self.shuffled.mean() - self.ordered)

    def verdict(self) -> str:
        """Whether order matters here, in a sentence or two."""
        times = counted(len(self.shuffled), "random order")
        if self.p <= _LEVEL:
            return f"Order matters here: random ones lose {self.lost:.3f} nats per {self.unit} (p = {self.p:.2g})."
        if not (self.shuffled <= self.ordered).any():
            return (
                f"Random orders lose {self.lost:.3f} nats per {self.unit}, but {times} show no more than "
                f"p = {self.p:.2g}. Draw 19 or more."
            )
        return f"Order was not shown to matter here: of {times}, some are as likely as its own (p = {self.p:.2g})."

    def summary(self) -> str:
        return f"of {self.of}: {self.ordered:z.4f} nats/{self.unit}, in random order {self.shuffled.mean():z.4f}"

    def table(self) -> Table:
        times = len(self.shuffled)
        values = {
            f"{self.model}, in order": self.ordered,
            f"mean of {counted(times, 'random order')}": float(self.shuffled.mean()),
            "likeliest of them": float(self.shuffled.min()),
            "least likely": float(self.shuffled.max()),
        }
        rows: list[tuple[Cell, ...]] = [
            (name, nats, nats_to_bits(nats), -nats * self.count) for name, nats in values.items()
        ]
        columns = ("", f"nats/{self.unit}", f"bits/{self.unit}", "log-likelihood")
        formats = dict(zip(columns[1:], (".4f", ".4f", ",.1f"), strict=True))
        heading = f"{self.of}: {counted(self.count, self.unit)}, {self.what} in random order"
        return Table(heading, columns, rows, (self.verdict(),), formats=formats, strong=[0])

    def to_dict(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "unit": self.unit,
            "count": self.count,
            "what": self.what,
            "ordered_nats": self.ordered,
            "shuffled_nats": self.shuffled.tolist(),
            "p": self.p,
            "verdict": self.verdict(),
        }

    def draw_on(self, ax: "Axes") -> None:
        """The nats per unit of every random order, and of the data's own."""
        times = np.arange(1, len(self.shuffled) + 1)
        ax.plot(self.shuffled, times, color=BLUE, linewidth=0, marker="o", label="in random order")
        ax.axvline(self.ordered, color=VERMILLION, linewidth=2, label="as it came")
        whole_ticks(ax.yaxis)
        ax.margins(x=0.1)
        ax.set_xlabel(f"nats per {self.unit}; less is likelier")
        ax.set_ylabel("random order")
        ax.legend(frameon=False)
        title(ax, f"{self.what.capitalize()} in random order: {self.of}")


def shuffles(
    times: int, seed: int, nats_in: Callable[[np.random.Generator], float], advance: Callable[[float], None]
) -> _Floats:
    """Nats per unit in so many random orders, which ``nats_in`` draws by the generator, (times,).

    Raises:
        ArgumentError: times or seed are no whole numbers, or times is not from 1 to a million.
    """
    count = whole("`shuffled`", times, most=_MOST)
    generator = np.random.default_rng(whole("`seed`", seed, 0))
    found = np.empty(count)
    for n in range(count):
        found[n] = nats_in(generator)
        advance((n + 1) / count)
    return found
