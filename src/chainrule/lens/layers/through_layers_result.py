"""What :func:`chainrule.lens.through_layers` returns: every layer's numbers for one input."""

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule._choices import choose, counted
from chainrule.display import BLUE, Shown, Table, View, listed, title
from chainrule.errors import ArgumentError
from chainrule.lens.bptt.through_time import through_time
from chainrule.lens.bptt.through_time_result import ThroughTime
from chainrule.lens.conversion import to_numpy
from chainrule.lens.convolutions.convolution_result import Convolution
from chainrule.lens.layers.explored import view_of
from chainrule.lens.layers.passes.network_pass import Layer, NetworkPass
from chainrule.lens.layers.passes.rules import check_layers
from chainrule.lens.layers.passes.spans import are_chained
from chainrule.lens.layers.results.cell_sum import CellSum
from chainrule.lens.layers.results.cells import cell_sum, has_sums
from chainrule.lens.layers.results.feature_maps import FeatureMaps
from chainrule.lens.layers.results.fields import field_of
from chainrule.lens.layers.results.inputs import draw_input, panels_beside
from chainrule.lens.layers.results.kernels import Kernels
from chainrule.lens.layers.results.layer_table import LayerTable, table_of
from chainrule.lens.layers.results.receptive_field import ReceptiveField
from chainrule.lens.layers.results.saliency import Saliency

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.display.drawing.picture import Picture

__all__ = ["ThroughLayers"]

_RANKED = 10  # classes in the table


class ThroughLayers(Shown):
    """One pass of one input through a classifier's layers; arrays are float64, without the batch.

    A layer is named by its number, in the order in which layers are called, or by its name in the network.

    Attributes:
        classes: the names of the classes.
        scores, probabilities: of the classes, (K,).
        label: the true class, whose loss was differentiated; None where it was a score.
        target: what was differentiated, in words.
        x, dx: the input and the gradient of the target, (channels, \\*positions).
        gradients: the target's gradient of every parameter, by its name in the network.
        agreement: of every layer's gradients with autograd, where they are derived by hand too.

    >>> import torch
    >>> from chainrule.lens import through_layers
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    >>> found = through_layers(network, torch.ones(1, 1, 4, 4), label=1)
    >>> found.target, found.dx.shape, sorted(found.gradients)
    ('the loss, -log p(1)', (1, 4, 4), ['0.bias', '0.weight', '2.bias', '2.weight'])
    """

    def __init__(
        self, found: NetworkPass, *, classes: tuple[str, ...], label: int | None, differentiated: int, name: str
    ) -> None:
        self._network = found
        self._layers = found.layers
        self._name = name
        self._chosen = differentiated
        self.classes = classes
        self.label = label
        self.scores = to_numpy(found.scores)
        self.probabilities = to_numpy(found.scores.softmax(0))
        of_class = classes[differentiated]
        self.target = f"the score of {of_class}" if label is None else f"the loss, -log p({of_class})"
        self.agreement, self._derived = check_layers(found)
        first = found.layers[0]
        self.x = first.planes(found.x)
        self.dx = first.planes(found.dx)
        self.gradients = {parameter: to_numpy(gradient) for parameter, gradient in found.gradients.items()}

    def renamed(self, name: str) -> "ThroughLayers":
        """The same with another name for the input, in titles and tables."""
        twin = copy(self)
        twin._name = name
        return twin

    @property
    def predicted(self) -> int:
        """The likeliest class."""
        return int(self.probabilities.argmax())

    @property
    def loss(self) -> float | None:
        """-log p of the label; None without one."""
        return None if self.label is None else -float(np.log(self.probabilities[self.label]))

    def saliency(self) -> Saliency:
        """The target's gradient of the input."""
        return Saliency(self.x, self.dx, self.target, self.agreement)

    def maps(self, layer: Layer) -> FeatureMaps:
        """What a layer gives, channel by channel, and the target's gradient of it."""
        found = self._network.layer(layer)
        return FeatureMaps(found.title, found.planes(found.y), found.planes(found.dy), self.target)

    def kernels(self, layer: Layer, weight: str | None = None, drawn: str = "weight") -> Kernels:
        """The weights of a layer, and the target's gradient of them; ``weight`` names one of several.

        Raises:
            ArgumentError: the layer has none.
        """
        choose("drawn", drawn, ("weight", "gradient"))
        found = self._network.layer(layer)
        held = {name: w for name, w in found.module.named_parameters() if w.dim() > 1}
        if not held:
            raise ArgumentError(f"{found.title} is a {found.kind}; expected a layer with a matrix or kernels.")
        name = next(iter(held)) if weight is None else weight
        choose("weight", name, tuple(held))
        gradient = self.gradients[found.path(name)]
        agreement = self.agreement if found.number in self._derived else None
        of = f"{found.title}" if len(held) == 1 else f"{found.title}, {name}"
        return Kernels(of, to_numpy(held[name]), gradient, self.target, drawn, agreement)

    def convolution(self, layer: Layer) -> Convolution:
        """Every number of a convolution and its gradients, each as a sum of products.

        Raises:
            ArgumentError: the layer is another.
        """
        return self._network.layer(layer).convolution

    def cell(self, layer: Layer, *cell: int) -> CellSum:
        """The sum that is y[channel, \\*positions] of a convolution or linear layer; its largest one without a cell.

        Raises:
            ArgumentError: the layer's outputs are no sums of products, or it has no such cell.
        """
        found = self._network.layer(layer)
        before = self._layers[found.number - 1] if found.number else None
        return cell_sum(found, before, found.index(cell))

    def receptive_field(self, layer: Layer, *cell: int) -> ReceptiveField:
        """What the cell y[channel, \\*positions] of a layer sees of the input; its largest one without a cell.

        Raises:
            ArgumentError: layers do not follow one another, or the layer has no such cell.
            DisagreementError: the gradient of the cell is not zero outside of its receptive field.
        """
        found = self._network.layer(layer)
        return field_of(self._network, found, found.index(cell))

    def through_time(self) -> ThroughTime:
        """Backpropagation through time of the network's one recurrent layer.

        Raises:
            ArgumentError: it has none, or several.
        """
        chosen = torch.tensor([self._chosen])

        def loss(scores: Tensor) -> Tensor:
            if self.label is None:
                return scores[0, self._chosen]
            return nn.functional.cross_entropy(scores, chosen)

        found = through_time(self._network.network, self._network.arguments, loss)
        assert isinstance(found, ThroughTime)
        return found

    def layers(self) -> LayerTable:
        """All layers: what they give, their parameters beside those of dense layers, and how far they see."""
        return table_of(self._name, self._network.network, self._layers, self._network.x)

    def of_layer(self, layer: Layer | None = None, *cell: int) -> Sequence[Shown]:
        """What can be shown of a layer and one of its cells, the largest unless said: maps, kernels, sum and field.

        Without a layer it is the first that has kernels or weights.
        Of a recurrent layer, the reach of gradients through time and the gates are among it, and with a step, as the
        cell (step,), the path of the gradient back from there.
        """
        found = self._network.first if layer is None else self._network.layer(layer)
        results: list[Shown] = [self.maps(found.number)]
        if any(w.dim() > 1 for w in found.module.parameters()):
            results += [self.kernels(found.number), self.kernels(found.number, drawn="gradient")]
        if isinstance(found.module, nn.RNNBase):
            through = self.through_time()
            return [*results, through.reach(), through.gates(), *(through.term(step) for step in cell)]
        if has_sums(found):
            results.append(self.cell(found.number, *cell))
        if are_chained(self._layers, self._network.x) and len(found.size) > 1:
            results.append(self.receptive_field(found.number, *cell))
        return results

    def summary(self) -> str:
        share = f"{self.probabilities[self.predicted]:.1%}"
        return f"of {self._name}: {self.classes[self.predicted]}, {share}; {counted(len(self._layers), 'layer')}"

    def table(self) -> Table:
        """The classes, likeliest first, with their scores and probabilities."""
        order = np.argsort(-self.probabilities, kind="stable")[:_RANKED]
        rows = [(self.classes[k], float(self.scores[k]), float(self.probabilities[k])) for k in order]
        notes = []
        if len(self.classes) > _RANKED:
            notes.append(f"The likeliest of {len(self.classes)} classes.")
        if self.label is not None:
            notes.append(f"It is {self.classes[self.label]}: a loss of {self.loss:.4g} nats.")
        derived = f"{len(self._derived)} of {counted(len(self._layers), 'layer')}"
        notes.append(f"Gradients are those of {self.target}, in {derived} derived by hand: each {self.agreement}.")
        heading = f"{self._name}: {self.classes[self.predicted]}, {self.probabilities[self.predicted]:.1%}"
        formats = {"score": "fixed", "probability": ".2%"}
        marked = [k for k, at in enumerate(order) if at == self.label]
        return Table(heading, ("class", "score", "probability"), rows, tuple(notes), formats, marked)

    def to_dict(self) -> dict[str, Any]:
        about = {"name": self._name, "classes": list(self.classes), "label": self.label, "target": self.target}
        numbers = {"scores": listed(self.scores), "probabilities": listed(self.probabilities)}
        gradients = {name: listed(gradient) for name, gradient in self.gradients.items()}
        arrays = {"x": listed(self.x), "dx": listed(self.dx), "gradients": gradients}
        return about | {"difference_to_autograd": self.agreement.error} | numbers | arrays

    def draw_on(self, ax: "Axes") -> None:
        """The input: grey or in colours where it is such an image, else as a map of channels by steps."""
        draw_input(ax, self.x)
        title(ax, self.table().title)

    def figure(self, **options: Any) -> "Picture":
        """The input, and beside it, or below a sequence, the probabilities of the likeliest classes."""
        made = panels_beside(self.x)
        before, after = made.axes
        self.draw_on(before, **options)
        ranked = np.argsort(-self.probabilities, kind="stable")[:_RANKED]
        colours = [BLUE if self.label in (k, None) else "#BBBBBB" for k in ranked.tolist()]
        after.barh([self.classes[k] for k in ranked], self.probabilities[ranked], color=colours)
        after.invert_yaxis()
        after.set_xlim(0, 1)
        after.spines[["top", "right"]].set_visible(False)
        after.set_xlabel("probability" if self.label is None else "probability; blue: the label")
        return made

    def view(self) -> View | None:
        """Every layer's maps, and of each of their cells the receptive field and the sum; None of very many numbers."""
        return view_of(self._network, self._name, self.target)

    def parts(self) -> Sequence[Shown]:
        """This, its layers, the gradient of the input, and all of the first layer with kernels or weights."""
        return (self, self.layers(), self.saliency(), *self.of_layer())
