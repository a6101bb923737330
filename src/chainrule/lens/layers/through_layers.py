"""A classifier's forward and backward pass through all of its layers: where an inspection starts."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._choices import counted, near, spelt
from chainrule.errors import ArgumentError
from chainrule.lens.layers.passes.network_pass import run_network
from chainrule.lens.layers.through_layers_result import ThroughLayers
from chainrule.ops.arguments import as_int

__all__ = ["through_layers"]


def through_layers(
    model: nn.Module,
    x: Any,
    label: int | str | None = None,
    *,
    score: int | str | None = None,
    classes: Sequence[str] | None = None,
    name: str = "x",
) -> ThroughLayers:
    """Inspect what the layers of a classifier make of one input, and the gradients that come back through them.

    A float64 copy in evaluation mode does the work. Of every convolution, recurrent layer, linear layer, ReLU, max
    pooling and layer norm the backward pass is also derived by hand, and compared with autograd.

    Args:
        model: a network of torch.nn or chainrule that gives scores (1, K) of K classes, before any softmax.
        x: its input, as it takes it, with a batch of one; a tuple for several arguments.
        label: the true class, by its name or number: gradients are those of the loss, -log p(label).
        score: a class, whose score is differentiated in the place of a loss. With neither it is the likeliest class.
        classes: the names of the classes; by default their numbers.
        name: what the input is called in titles.

    Raises:
        ArgumentError, ShapeError: the network takes something else, gives something else than scores, or has no such
            class.
        DisagreementError: a gradient differs from what autograd finds.

    >>> _ = torch.manual_seed(0)
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 4))
    >>> found = through_layers(network, torch.rand(1, 1, 8, 8), label=2)
    >>> found.dx.shape, found.maps(0).y.shape, found.receptive_field(2, 0, 0, 0).size
    ((1, 8, 8), (2, 6, 6), (4, 4))
    >>> cell = found.cell(0, 1, 3, 3)
    >>> round(cell.value - float(found.maps(0).y[1, 3, 3]), 12)
    0.0
    """
    if label is not None and score is not None:
        raise ArgumentError("give `label`, for the gradient of the loss, or `score`, for that of a class, not both.")
    asked = label if score is None else score
    given = "score" if label is None else "label"
    chosen: list[int] = []

    def target(scores: Tensor, outputs: Sequence[Tensor]) -> Tensor:
        names = _names(classes, len(scores))
        chosen.append(int(scores.argmax()) if asked is None else _class_of(given, asked, names))
        if label is None:
            return scores[chosen[0]]
        return F.cross_entropy(scores[None], torch.tensor(chosen))

    found = run_network(model, x, target)
    return ThroughLayers(
        found,
        classes=_names(classes, len(found.scores)),
        label=None if label is None else chosen[0],
        differentiated=chosen[0],
        name=name,
    )


def _names(classes: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """The names of so many classes."""
    if classes is None:
        return tuple(map(str, range(count)))
    if len(classes) != count:
        raise ArgumentError(
            f"`classes` has {counted(len(classes), 'name')}, and the network gives {counted(count, 'score')}; expected "
            "one for each."
        )
    return tuple(map(str, classes))


def _class_of(option: str, asked: object, names: Sequence[str]) -> int:
    """The number of a class, by its name or number."""
    if isinstance(asked, str):
        if asked not in names:
            raise ArgumentError(
                f"`{option}` is {asked!r}; expected one of the classes {', '.join(names[:12])}.{near(asked, names)}"
            )
        return names.index(asked)
    found = as_int(asked)
    if found is None or not 0 <= found < len(names):
        raise ArgumentError(f"`{option}` is {spelt(asked)}; expected a class from 0 to {len(names) - 1}, or its name.")
    return found
