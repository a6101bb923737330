"""Backpropagation through time of any layer and data: where an inspection starts."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError
from chainrule.lens.bptt.through_time_result import ThroughTime
from chainrule.lens.bptt.window_models import ThroughWindow
from chainrule.lens.recurrences.capture import capture
from chainrule.models import ConditionalModel

__all__ = ["through_time"]


@torch.inference_mode(False)
def through_time(
    model: nn.Module,
    x: Any,
    y: Any = None,
    state: Any = None,
    *,
    layer: str | None = None,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    window: int | None = None,
) -> ThroughTime | ThroughWindow:
    """Inspect backpropagation through time.

    A float64 copy in evaluation mode does the work: nothing is dropped, and zoneout is replaced by its expectation.

    Args:
        model: a recurrent layer of chainrule.nn or torch.nn; a conditional model of chainrule; any model that has one
            recurrent layer, and calls it once.
        x: the model's input, as it takes it; a tuple for several arguments.
        y: defines the loss. Targets of the output's shape, for half the squared error; a function from what the model
            returns to a loss; None for the sum of the output. A conditional model scores x itself and takes no y.
        state: the initial state: hx of a layer, the carry of a conditional model.
        layer: the name of the recurrent layer in a model that has several.
        resets, lengths: passed on to a layer, and to a model that takes them.
        window: the number of steps that training goes back, with which the horizon is compared; by default all of x.

    Returns:
        ThroughTime, or for a window model of chainrule (ar, mlp, conv) ThroughWindow, which has only the reach.

    Raises:
        ArgumentError: the model has no recurrent layer, or several, or x is too large.
        DisagreementError: a number differs from what autograd finds.

    >>> _ = torch.manual_seed(0)
    >>> found = through_time(torch.nn.GRU(2, 3), torch.randn(10, 1, 2))
    >>> found.steps().dh.shape, found.gradients["weight_hh_l0"].shape
    ((10, 3), (9, 3))
    >>> print(found.reach().verdict)
    enough: steps older than 5 receive less than 1 % of the gradient, older than 1 less than half; your window is 10.
    """
    if isinstance(model, ConditionalModel) and model.encoder.receptive_field is not None:
        if layer is not None or y is not None or lengths is not None:
            raise ArgumentError(
                "a window model scores x itself and has no layer with a state: leave out `y`, `layer` and `lengths`."
            )
        if next(model.parameters(), None) is None:
            raise ArgumentError("an ngram counts: it has no parameters, and so no gradients to look at.")
        return ThroughWindow(model, x, state, resets, window)
    options: dict[str, Any] = {}
    if resets is not None:
        options["resets"] = resets
    if lengths is not None:
        options["lengths"] = lengths
    with torch.autocast("cpu", enabled=False):  # which would round to half precision
        captured = capture(model, x, y, state=state, layer=layer, options=options)
        return ThroughTime(captured, window)
