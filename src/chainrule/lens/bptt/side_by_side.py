"""Several looks through time at the same data: which cell carries the gradient how far."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.display import BLACK, BLUE, GREY, SKY, VERMILLION, Cell, Shown, Table, View, title, whole_ticks
from chainrule.errors import ArgumentError
from chainrule.lens.bptt.through_time_result import ThroughTime
from chainrule.lens.bptt.window_models import ThroughWindow
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SideBySide", "side_by_side"]

_COLOURS = (BLUE, VERMILLION, BLACK, SKY, GREY)


class SideBySide(Shown):
    """What :func:`~chainrule.lens.side_by_side` returns: ``looks`` by their names.

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> x = torch.ones(6, 1, 2)
    >>> looks = {"GRU": through_time(torch.nn.GRU(2, 3), x), "LSTM": through_time(torch.nn.LSTM(2, 3), x)}
    >>> side_by_side(looks)
    <SideBySide of GRU, LSTM>
    """

    def __init__(self, looks: Mapping[str, ThroughTime]) -> None:
        self.looks = dict(looks)

    def summary(self) -> str:
        return f"of {', '.join(self.looks)}"

    def table(self) -> Table:
        """Of each the loss, the gradient of the weights, and how far back the gradient of the states reaches."""
        rows: list[tuple[Cell, ...]] = []
        notes = []
        for name, look in self.looks.items():
            reach = look.reach(-1)
            gradient = float(np.sqrt(sum((part**2).sum() for part in look.gradients.values())))
            rows.append((name, look.loss, gradient, reach.horizon(HALF), reach.horizon(ONE_PERCENT)))
            notes.append(f"{name}: {reach.verdict}")
        columns = ("", "loss", "|dL/dW|", "lag to 50 %", "lag to 1 %")
        return Table(f"Side by side: {', '.join(self.looks)}", columns, rows, tuple(notes))

    def to_dict(self) -> dict[str, Any]:
        return {name: look.to_dict() for name, look in self.looks.items()}

    def draw_on(self, ax: "Axes") -> None:
        """The mean gradient norm by lag, as a share of that of lag 0, on one scale."""
        for k, (name, look) in enumerate(self.looks.items()):
            curve = look.reach(-1).curve
            ax.plot(curve / (curve[0] or 1.0), color=_COLOURS[k % len(_COLOURS)], linewidth=2, label=name)
        ax.set_yscale("log")
        whole_ticks(ax.xaxis)
        ax.set_xlabel("lag")
        ax.set_ylabel("mean gradient norm, of lag 0")
        ax.legend(frameon=False)
        title(ax, "How far back the gradient reaches")

    def view(self) -> View:
        """The views of all, between which the page switches, on the same scales."""
        looks = [look.view().data["looks"][0] | {"label": name} for name, look in self.looks.items()]
        return View("through_time", {"looks": looks})


def side_by_side(looks: Mapping[str, ThroughTime | ThroughWindow]) -> SideBySide:
    """Looks through time of several models at the same data, in one table, one figure and one page.

    Raises:
        ArgumentError: there are fewer than two, one is no such look, or their numbers of rows or steps differ.

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(12, 1, 2)
    >>> cells = {"tanh": torch.nn.RNN(2, 3), "GRU": torch.nn.GRU(2, 3)}
    >>> found = side_by_side({name: through_time(layer, x) for name, layer in cells.items()})
    >>> [(row[0], row[-1]) for row in found.table().rows]
    [('tanh', 6), ('GRU', 8)]
    """
    if not isinstance(looks, Mapping) or len(looks) < 2:
        raise ArgumentError(f"`looks` is {looks!r}; expected a dictionary of at least two, by their names.")
    sizes = set()
    taken: dict[str, ThroughTime] = {}
    for name, look in looks.items():
        if not isinstance(look, ThroughTime):
            raise ArgumentError(
                f"{name!r} is {type(look).__name__}; expected what through_time returns of a model with a state."
            )
        taken[name] = look
        norms = look.reach(-1).norms
        sizes.add((len(norms), norms.shape[-1]))
    if len(sizes) > 1:
        raise ArgumentError(f"the looks are at (rows, steps) {sorted(sizes)}; expected the same data for all of them.")
    return SideBySide(taken)
