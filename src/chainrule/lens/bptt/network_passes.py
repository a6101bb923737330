"""The forward and backward passes of all layers and directions, and how one of them is chosen."""

from dataclasses import dataclass, replace

from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ArgumentError
from chainrule.lens.recurrences.capture import Captured
from chainrule.lens.recurrences.passes import BackwardPass, Scan
from chainrule.lens.recurrences.stack import suffixes, summed
from chainrule.ops.arguments import as_int
from chainrule.ops.recurrence.cells.spec import parameter_name

__all__ = ["DIRECTIONS", "NetworkPasses", "ScanPasses"]

DIRECTIONS = ("forward", "reverse")


@dataclass(frozen=True)
class ScanPasses:
    """The forward and the backward pass of one layer and direction.

    ``of`` names them in titles; ``suffix`` ends the names of their weights.
    """

    scan: Scan
    back: BackwardPass
    of: str
    suffix: str

    def row(self, index: int) -> "ScanPasses":
        """The same of one row.

        Raises:
            ArgumentError: there is no such row.
        """
        count = self.scan.kept.X.shape[1]
        found = as_int(index)
        if found is None or not -count <= found < count:
            raise ArgumentError(f"`row` is {index!r}; expected a row from 0 to {count - 1}.")
        row = found % count
        one = slice(row, row + 1)
        return replace(self, scan=self.scan.part(rows=one), back=self.back.rows(one), of=f"{self.of}, row {row}")

    def names(self) -> dict[str, str]:
        """The layer's names of the weights, by their symbols."""
        return {symbol: parameter_name(symbol) + self.suffix for symbol in self.scan.cell.every_weight}


class NetworkPasses:
    """Both passes of a recurrent layer: of all layers within it, in all directions."""

    def __init__(self, captured: Captured) -> None:
        self.call = captured.call
        self.dY = captured.dY
        self.dlast = captured.dlast
        self.stack = captured.call.stack()
        self.backs = self.stack.backward(self.dY, self.dlast)

    @property
    def layers(self) -> int:
        return len(self.stack.scans)

    @property
    def bidirectional(self) -> bool:
        return len(self.stack.scans[0]) == 2

    @property
    def of(self) -> str:
        """What it is, in titles: LSTM 4 -> 5, 2 layers."""
        layer = self.call.layer
        of = f"{layer.mode.replace('_', ' ')} {layer.input_size} -> {layer.hidden_size}"
        if layer.num_layers > 1:
            of += f", {counted(layer.num_layers, 'layer')}"
        return of

    def gradients(self) -> dict[str, Tensor]:
        """dL/dW of the layer's parameters by their names."""
        return summed(self.call.layer, self.stack, self.backs)

    def of_direction(self, direction: int) -> str:
        """What one direction of it is, in titles.

        Raises:
            ArgumentError: there is no such direction.
        """
        names = [f"{k} ({DIRECTIONS[k]})" for k in range(len(self.stack.scans[0]))]
        if direction not in range(len(names)):
            raise ArgumentError(f"`direction` is {direction!r}; expected {' or '.join(names)}.")
        if self.bidirectional:
            return f"{self.of}, {DIRECTIONS[direction]}"
        return self.of

    def scan(self, layer: int, direction: int) -> ScanPasses:
        """Those of one layer (-1: the last) and direction.

        Raises:
            ArgumentError: there is no such layer or direction.
        """
        if as_int(layer) is None or not -self.layers <= layer < self.layers:
            raise ArgumentError(
                f"`layer` is {layer!r}; expected a layer from 0 to {self.layers - 1}, or -1 for the last."
            )
        self.of_direction(direction)
        n = layer % self.layers
        of = self.of
        if self.layers > 1:
            of += f", layer {n}"
        if self.bidirectional:
            of += f", {DIRECTIONS[direction]}"
        suffix = suffixes(self.call.layer)[n * len(self.stack.scans[0]) + direction]
        return ScanPasses(self.stack.scans[n][direction], self.backs[n][direction], of, suffix)

    def owners(self) -> dict[str, tuple[ScanPasses, str]]:
        """Of each weight, by the layer's name, the passes that it belongs to, and its symbol there."""
        directions = range(len(self.stack.scans[0]))
        every = [self.scan(n, direction) for n in range(self.layers) for direction in directions]
        return {name: (passes, symbol) for passes in every for symbol, name in passes.names().items()}
