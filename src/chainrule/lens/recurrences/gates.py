"""Gate saturation, dead units, and the time constants of the memory gates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.display import GREY, SKY, VERMILLION, Cell, Shown, Table, listed, title
from chainrule.lens.autograd_agreement import Agreement, compare
from chainrule.lens.conversion import Floats, if_given, to_numpy
from chainrule.lens.recurrences.passes import Scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GateUse", "Gates", "gate_use", "gates_of"]

_LOW = 0.1  # a sigmoid beyond these passes less than 0.09 of its 0.25 (Karpathy et al. 2015, section 4.2)
_HIGH = 0.9


@dataclass(frozen=True)
class GateUse:
    """One gate (of an RNN the state h) over all rows and live steps. ``low`` and ``high`` are shares of its values.

    A sigmoid is low below 0.1 and high above 0.9, a tanh below -0.9 and above 0.9; a relu is low where it is 0 and
    has no high, an exponential or linear gate has neither. ``dead`` is the share of units that are low at every step:
    of a relu, those that learn nothing.
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
        use: how each gate is used.
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
        rows: list[tuple[Cell, ...]] = [(use.name, use.mean, use.low, use.high, use.dead) for use in self.use]
        notes = [f"Low and high: shares of the values; always low: share of the units. Every value {self.agreement}."]
        what = "state"
        if self.memory is not None:
            what = "gate"
            tenth, half, most = np.quantile(self.memory, (0.1, 0.5, 0.9), method="nearest")
            notes.insert(
                0,
                f"Time constant of the memory gate, in steps: median {half:.3g}, "
                f"10 % of the units at most {tenth:.3g}, 90 % at most {most:.3g}.",
            )
        return Table(f"{what.title()}s: {self.of}", (what, "mean", "low", "high", "always low"), rows, tuple(notes))

    def to_dict(self) -> dict[str, Any]:
        use = {u.name: {"mean": u.mean, "low": u.low, "high": u.high, "dead": u.dead} for u in self.use}
        memory = if_given(listed, self.memory)
        return {"of": self.of, "gates": use, "memory": memory, "difference_to_autograd": self.agreement.error}

    @property
    def figure_height(self) -> float:
        return 1.6 + 0.5 * len(self.use)

    def draw_on(self, ax: "Axes") -> None:
        """Of each gate, the share of values at its low and at its high end."""
        names = [use.name for use in self.use]
        low = np.array([use.low for use in self.use])
        high = np.array([use.high for use in self.use])
        middle = 1 - low - high
        ax.barh(names, low, color=SKY, label="low")
        ax.barh(names, middle, left=low, color="#BBBBBB", label="between")
        ax.barh(names, high, left=low + middle, color=VERMILLION, label="high")
        ax.set_xlim(0, 1)
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.set_xlabel("share of the values", color=GREY)
        ax.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.25))
        title(ax, f"Gates: {self.of}")


def gates_of(scan: Scan, of: str) -> Gates:
    """How the gates of one layer and direction are used, over all rows and live steps."""
    definition = torch.cat([value for _, value in scan.definition().values()], dim=-1)
    agreement = compare("the gates", scan.gates[scan.live], definition[scan.live])
    memory = None
    if scan.cell.memory is not None:
        kept = scan.cell.memory(_live_values(scan))
        with np.errstate(divide="ignore"):
            memory = 1 / np.abs(np.log(kept).mean(0))
    return Gates(of, gate_use(scan), memory, agreement)


def gate_use(scan: Scan) -> tuple[GateUse, ...]:
    """How each gate of one layer and direction is used, over all rows and live steps."""
    is_state = len(scan.cell.gates) == 1 and len(scan.cell.state) == 1  # the only gate of an RNN is its state
    found = []
    for name, values in _live_values(scan).items():
        low, high = _low_and_high(scan.cell.gates[name], values)
        found.append(
            GateUse(
                name="h" if is_state else name,
                mean=float(values.mean()),
                low=float(low.mean()),
                high=float(high.mean()),
                dead=float(low.all(0).mean()),
            )
        )
    return tuple(found)


def _live_values(scan: Scan) -> dict[str, Floats]:
    """The values of every gate within the rows' lengths, (steps, H)."""
    return {name: to_numpy(part) for name, part in scan.by_gate(scan.gates[scan.live]).items()}


def _low_and_high(activation: str, values: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which values lie at the low and at the high end of what the gate can be."""
    if activation == "sigmoid":
        return values < _LOW, values > _HIGH
    if activation == "tanh":
        return values < -_HIGH, values > _HIGH
    low = values <= 0 if activation == "relu" else np.zeros(values.shape, dtype=bool)
    return low, np.zeros(values.shape, dtype=bool)
