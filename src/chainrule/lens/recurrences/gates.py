"""Gate saturation, dead units, and the time constants of the memory gates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.display import BLACK, SKY, VERMILLION, Cell, Shown, Table, listed, title
from chainrule.lens.autograd_agreement import Agreement, compare
from chainrule.lens.conversion import Floats, if_given, to_numpy
from chainrule.lens.recurrences.passes import Scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GateUse", "Gates", "gate_use", "gates_of"]

_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_BINS = 40
_LOW = 0.1  # a sigmoid beyond these passes less than 0.09 of its 0.25 (Karpathy et al. 2015, section 4.2)
_HIGH = 0.9
_ENDS = {_RANGES["sigmoid"]: (_LOW, _HIGH), _RANGES["tanh"]: (-_HIGH, _HIGH)}  # beyond which a gate is saturated
_ROW = 0.75  # of a row of the figure that the tallest bar takes


@dataclass(frozen=True)
class GateUse:
    """One gate (of an RNN the state h) over all rows and live steps. ``low`` and ``high`` are shares of its values.

    A sigmoid is low below 0.1 and high above 0.9, a tanh below -0.9 and above 0.9; a relu is low where it is 0 and
    has no high, an exponential or linear gate has neither. ``dead`` is the share of units that are low at every step:
    of a relu, those that learn nothing.

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.RNN(2, 3), torch.full((6, 1, 2), 1e4))
    >>> use = found.gates().use[0]
    >>> use.name, round(use.low + use.high, 6)  # so large an input saturates all units
    ('h', 1.0)
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
        edges, shares: of every gate by name, the bins (n + 1,) of its histogram and the share of its values in each,
            (n,).

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.GRU(2, 3), torch.ones(6, 1, 2))
    >>> gates = found.gates()
    >>> [use.name for use in gates.use], gates.memory.shape
    (['r', 'z', 'n'], (3,))
    """

    of: str
    use: tuple[GateUse, ...]
    memory: Floats | None
    edges: dict[str, Floats]
    shares: dict[str, Floats]
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
        spread = {"edges": self.edges, "shares": self.shares}
        histograms = {kind: {name: listed(values) for name, values in each.items()} for kind, each in spread.items()}
        memory = if_given(listed, self.memory)
        about = {"of": self.of, "gates": use, "memory": memory, "difference_to_autograd": self.agreement.error}
        return about | histograms

    @property
    def figure_height(self) -> float:
        return 1.4 + 0.7 * len(self.use)

    def draw_on(self, ax: "Axes") -> None:
        """Of each gate, how its values are spread; what is saturated is orange, with its share at either end."""
        for row, use in enumerate(self.use):
            edges = self.edges[use.name]
            shares = self.shares[use.name]
            middles = (edges[:-1] + edges[1:]) / 2
            ends = _ENDS.get((edges[0], edges[-1]), (-np.inf, np.inf))
            colours = np.where((middles < ends[0]) | (middles > ends[1]), VERMILLION, SKY)
            height = _ROW * shares / max(shares.max(), np.finfo(np.float64).tiny)
            ax.bar(middles, -height, np.diff(edges), bottom=row, color=colours)
            ax.plot([use.mean] * 2, [row, row - _ROW], color=BLACK, linewidth=1.5)
            _write_ends(ax, row, use)
        ax.set_yticks([row - _ROW / 2 for row in range(len(self.use))], [use.name for use in self.use])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(self.use) - 0.9, -0.9)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("value (black: its mean; orange: saturated, with the share)")
        title(ax, f"Gates: {self.of}")


def _write_ends(ax: "Axes", row: int, use: GateUse) -> None:
    """The shares of the values at either end, to the right of the axes."""
    ends = [f"{share:.1%} {end}" for end, share in (("low", use.low), ("high", use.high)) if share]
    place = (1.01, row - _ROW / 2)
    ax.annotate(
        "\n".join(ends), place, xycoords=ax.get_yaxis_transform(), va="center", color=VERMILLION, annotation_clip=False
    )


def gates_of(scan: Scan, of: str) -> Gates:
    """How the gates of one layer and direction are used, over all rows and live steps."""
    definition = torch.cat([value for _, value in scan.definition().values()], dim=-1)
    agreement = compare("the gates", scan.gates[scan.live], definition[scan.live])
    memory = None
    if scan.cell.memory is not None:
        kept = scan.cell.memory(_live_values(scan))
        with np.errstate(divide="ignore"):
            memory = 1 / np.abs(np.log(kept).mean(0))
    edges = {}
    shares = {}
    for name, values in _live_values(scan).items():
        shown = _name_of(scan, name)
        counts, edges[shown] = np.histogram(values, _BINS, _range_of(scan.cell.gates[name], values))
        shares[shown] = counts / values.size
    return Gates(of, gate_use(scan), memory, edges, shares, agreement)


def gate_use(scan: Scan) -> tuple[GateUse, ...]:
    """How each gate of one layer and direction is used, over all rows and live steps."""
    found = []
    for name, values in _live_values(scan).items():
        low, high = _low_and_high(scan.cell.gates[name], values)
        found.append(
            GateUse(
                name=_name_of(scan, name),
                mean=float(values.mean()),
                low=float(low.mean()),
                high=float(high.mean()),
                dead=float(low.all(0).mean()),
            )
        )
    return tuple(found)


def _name_of(scan: Scan, gate: str) -> str:
    """The only gate of an RNN is its state."""
    is_state = len(scan.cell.gates) == 1 and len(scan.cell.state) == 1
    return "h" if is_state else gate


def _range_of(activation: str, values: Floats) -> tuple[float, float]:
    """What the gate can be; of one without bounds, what its values are."""
    return _RANGES.get(activation, (float(values.min()), float(values.max())))


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
