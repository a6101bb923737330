"""The receptive field of a cell: by index equations, held against the gradient of the cell."""

from collections.abc import Sequence

from torch import Tensor

from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.layers.passes.network_pass import NetworkPass, run_network
from chainrule.lens.layers.passes.rules import check_layers
from chainrule.lens.layers.passes.spans import spans_back
from chainrule.lens.layers.results.receptive_field import ReceptiveField
from chainrule.lens.notation import entry

__all__ = ["field_of"]


def field_of(network: NetworkPass, layer: LayerPass, cell: tuple[int, ...]) -> ReceptiveField:
    """That of the cell (channel, \\*positions) of a layer.

    Raises:
        ArgumentError: layers do not follow one another.
        DisagreementError: the gradient of the cell is not zero outside.
    """
    steps = spans_back(network.layers[: layer.number + 1], network.x, cell[1:])

    def target(scores: Tensor, outputs: Sequence[Tensor]) -> Tensor:
        return outputs[layer.number][layer.place(cell)]

    of_cell = run_network(network.network, network.arguments, target)
    agreement, _ = check_layers(of_cell)
    return ReceptiveField.checked(
        of=layer.title,
        name=entry("y", cell, layer.size),
        steps=tuple((each.layer.title, each.spans) for each in steps),
        is_known=steps[-1].is_known,
        gradient=network.layers[0].planes(of_cell.dx),
        agreement=agreement,
    )
