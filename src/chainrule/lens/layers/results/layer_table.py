"""The layers of a network: their parameters beside those of dense layers, and how far their cells see."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from chainrule._choices import counted
from chainrule._torch import ConvNd
from chainrule.display import BLUE, GREY, Cell, Shown, Table, title
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.layers.passes.spans import are_chained, spans_back

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LayerRow", "LayerTable", "table_of"]


@dataclass(frozen=True)
class LayerRow:
    """One layer.

    Attributes:
        number, name, kind: in the order of calls, in the network, and its class, with the size of a kernel.
        output: the shape of what it gives, channels and positions.
        parameters, dense_parameters: its own, and those of a dense layer from all that it reads to all that it gives.
        sees: how many positions of the input the cell in the middle of its output depends on, in every dimension; None
            where layers do not follow one another.
        sees_at_most: whether that is a bound, since of some layer on the way it is unknown what its cells read.
    """

    number: int
    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    dense_parameters: int
    sees: tuple[int, ...] | None
    sees_at_most: bool = False


@dataclass(frozen=True, repr=False)
class LayerTable(Shown):
    """The layers of a network in the order of their calls, and how many parameters it has in all.

    >>> import torch
    >>> from chainrule.lens import through_layers
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    >>> found = through_layers(network, torch.ones(1, 1, 4, 4), label=1)
    >>> found.layers()
    <LayerTable of x: 3 layers, 38 parameters>
    """

    of: str
    rows: tuple[LayerRow, ...]
    parameters: int

    @property
    def dense_parameters(self) -> int:
        """Of a network of dense layers between the same numbers."""
        return sum(row.dense_parameters for row in self.rows)

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.rows), 'layer')}, {counted(self.parameters, 'parameter')}"

    def table(self) -> Table:
        """A row a layer, and one for all."""
        rows: list[tuple[Cell, ...]] = []
        for row in self.rows:
            sees = "" if row.sees is None else f"{'at most ' * row.sees_at_most}{_by(row.sees)}"
            layer = f"{row.number} {row.name}"
            rows.append((layer, row.kind, _by(row.output), row.parameters, row.dense_parameters, sees))
        rows.append(("all", "", "", self.parameters, self.dense_parameters, ""))
        notes = (
            "Dense: the parameters of a layer from every number that this one reads to every one that it gives. "
            "Sees: how much of the input the middle of its output depends on.",
        )
        columns = ("layer", "kind", "output", "parameters", "dense", "sees")
        return Table(f"Layers: {self.of}", columns, rows, notes, strong=[len(self.rows)])

    def to_dict(self) -> dict[str, Any]:
        return {"of": self.of, "parameters": self.parameters, "layers": [asdict(row) for row in self.rows]}

    def draw_on(self, ax: "Axes") -> None:
        """The parameters of each layer that has some, and those of a dense one in its place."""
        shown = [row for row in self.rows if row.parameters]
        names = [f"{row.number} {row.name}" for row in shown]
        ax.barh(names, [row.dense_parameters for row in shown], color="#BBBBBB", label="dense")
        ax.barh(names, [row.parameters for row in shown], height=0.4, color=BLUE, label="this layer")
        ax.set_xscale("log")
        ax.set_xlim(left=1)
        ax.invert_yaxis()
        ax.set_xlabel("parameters, on a logarithmic scale", color=GREY)
        ax.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
        title(ax, "Parameters by layer")

    @property
    def figure_height(self) -> float:
        return 1.4 + 0.35 * sum(row.parameters > 0 for row in self.rows)


def table_of(of: str, network: nn.Module, layers: Sequence[LayerPass], x: Tensor) -> LayerTable:
    """The layers of one pass over x. A layer that is called again has no parameters of its own."""
    rows = []
    seen: set[nn.Module] = set()
    chained = are_chained(layers, x)
    for layer in layers:
        own = sum(p.numel() for p in layer.module.parameters()) if layer.module not in seen else 0
        seen.add(layer.module)
        seen_by_middle = _seen_by_the_middle(layers[: layer.number + 1], x) if chained else (None, True)
        rows.append(_row(layer, own, *seen_by_middle))
    return LayerTable(of, tuple(rows), sum(p.numel() for p in network.parameters()))


def _dense(layer: LayerPass, own: int) -> int:
    """The parameters of a dense layer in its place; of one that mixes nothing, such as a norm, its own."""
    if not isinstance(layer.module, ConvNd | nn.Linear | nn.RNNBase):
        return own
    outputs = layer.y.numel()
    has_bias = any("bias" in name for name, _ in layer.module.named_parameters())
    return layer.x.numel() * outputs + has_bias * outputs


def _row(layer: LayerPass, own: int, sees: tuple[int, ...] | None, is_known: bool) -> LayerRow:
    sizes = (own, _dense(layer, own))
    return LayerRow(layer.number, layer.name, layer.kind, layer.size, *sizes, sees, sees_at_most=not is_known)


def _seen_by_the_middle(layers: Sequence[LayerPass], x: Tensor) -> tuple[tuple[int, ...], bool]:
    """How many positions of x it spans, and whether that is known."""
    middle = [size // 2 for size in layers[-1].size[1:]]
    seen = spans_back(layers, x, middle)[-1]
    return tuple(last - first + 1 for first, last in seen.spans), seen.is_known


def _by(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
