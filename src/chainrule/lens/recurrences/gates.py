"""How gates and units are used: saturation, dead relus, and how long the memory lasts by its gates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.display import GREY, SKY, VERMILLION, Cell, Shown, Table, title
from chainrule.lens.agreement import Agreement
from chainrule.lens.arrays import Floats, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GateUse", "Gates", "use_of", "uses"]

_LOW = 0.1  # a sigmoid beyond these passes less than 0.09 of its 0.25 (Karpathy et al. 2015, section 4.2)
_HIGH = 0.9
_MEMORY = {"gru": "z", "gru_reset_before": "z", "lstm": "f"}
_SQUASHED = {"n", "g"}  # tanh or relu, all others are sigmoids


@dataclass(frozen=True)
class GateUse:
    """One gate, of an RNN the state h, over all rows and live steps. ``low`` and ``high`` are shares of its values.

    A sigmoid is low below 0.1 and high above 0.9, a tanh below -0.9 and above 0.9; a relu is low where it is 0 and
    has no high. ``dead`` is the share of units that are low at every step: of a relu, those that learn nothing.
    """

    name: str
    mean: float
    low: float
    high: float
    dead: float


@dataclass(frozen=True, repr=False)
class Gates(Shown):
    """The gates of one layer and direction.

    Attributes:
        use: each gate's.
        memory: of every unit, the time constant of its forget or update gate in steps: -1 over the mean of log f, after
            which a value kept by the gate alone has fallen to 1/e; infinite for a gate that stays 1. None for an RNN,
            which has no such gate. (H,).
    """

    of: str
    use: tuple[GateUse, ...]
    memory: Floats | None
    agreement: Agreement

    def summary(self) -> str:
        return f"of {self.of}: {', '.join(use.name for use in self.use)}"

    def table(self) -> Table:
        rows: list[tuple[Cell, ...]] = [(u.name, u.mean, u.low, u.high, u.dead) for u in self.use]
        notes = [f"Shares of the values; always low: of the units. Every value {self.agreement}."]
        if self.memory is not None:
            tenth, half, most = np.quantile(self.memory, (0.1, 0.5, 0.9), method="nearest")
            shares = f"a tenth of the units {tenth:.3g} or less, half {half:.3g}, nine tenths {most:.3g}"
            notes.insert(0, f"Memory by the gate, in steps: {shares}.")
        what = "state" if self.memory is None else "gate"
        return Table(f"{what.title()}s: {self.of}", (what, "mean", "low", "high", "always low"), rows, tuple(notes))

    def to_dict(self) -> dict[str, Any]:
        use = {u.name: {"mean": u.mean, "low": u.low, "high": u.high, "dead": u.dead} for u in self.use}
        memory = None if self.memory is None else listed(self.memory)
        return {"of": self.of, "gates": use, "memory": memory, "difference_to_autograd": self.agreement.error}

    @property
    def figure_height(self) -> float:
        return 1.6 + 0.5 * len(self.use)

    def draw_on(self, ax: "Axes") -> None:
        """Of each gate, the share of values at its low and at its high end."""
        names = [u.name for u in self.use]
        low, high = ([getattr(u, end) for u in self.use] for end in ("low", "high"))
        middle = [1 - a - b for a, b in zip(low, high, strict=True)]
        ax.barh(names, low, color=SKY, label="low")
        ax.barh(names, middle, left=low, color="#BBBBBB", label="between")
        ax.barh(names, high, left=np.add(low, middle), color=VERMILLION, label="high")
        ax.set_xlim(0, 1)
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.set_xlabel("share of the values", color=GREY)
        ax.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.25))
        title(ax, f"Gates: {self.of}")


def use_of(of: str, cell: str, gates: dict[str, Floats], agreement: Agreement) -> Gates:
    """From the values of the gates by name, (steps, H) each."""
    memory = None
    if cell in _MEMORY:
        with np.errstate(divide="ignore"):
            memory = 1 / np.abs(np.log(gates[_MEMORY[cell]]).mean(0))
    return Gates(of, uses(cell, gates), memory, agreement)


def uses(cell: str, gates: dict[str, Floats]) -> tuple[GateUse, ...]:
    """How each gate is used."""
    found = []
    for name, values in gates.items():
        relu = cell == "rnn_relu"
        low = values <= 0 if relu else values < (-_HIGH if name in _SQUASHED else _LOW)
        high = np.zeros_like(low) if relu else values > _HIGH
        found.append(
            GateUse(
                "h" if cell.startswith("rnn") else name,
                *(float(each.mean()) for each in (values, low, high, low.all(0))),
            )
        )
    return tuple(found)
