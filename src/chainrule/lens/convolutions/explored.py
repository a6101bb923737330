"""A convolution as its page shows it: what went in, and the results of both conventions, with which the page agrees."""

from collections.abc import Mapping
from typing import Any

from chainrule.display import View, exact
from chainrule.lens.conversion import Floats, if_given
from chainrule.lens.convolutions.operands import Operands

__all__ = ["explorable", "view_of"]

_PRODUCTS = 200_000  # of a forward pass, which the page computes when it opens, and after each change
_CELLS = 12_000  # of all its pictures
_DIMENSIONS = 3


def explorable(operands: Operands) -> bool:
    """Whether there are few enough products and numbers for a page."""
    rows = len(operands.x)
    cells = 2 * (operands.weight.size + (operands.x.size + operands.dy.size) // rows)
    return operands.dy.size * operands.weight[0].size <= _PRODUCTS and cells <= _CELLS


def view_of(operands: Operands, bias: Floats | None, results: Mapping[bool, Mapping[str, Floats]]) -> View:
    """What display/interactive/convolution.js shows; ``results`` are y, dx and dw, for ``flip`` and without."""
    geometry = operands.geometry
    lacking = _DIMENSIONS - len(geometry.stride)
    own = {"x": operands.x, "w": operands.weight, "dy": operands.dy}
    alike = own | {"y": operands.dy, "dx": operands.x, "dw": operands.weight}

    def planes(name: str, array: Floats) -> dict[str, Any]:
        """With rows and three dimensions, of which those that it lacks have the size 1."""
        first, second, *sizes = alike[name].shape
        return exact(array.reshape(first, second, *(1,) * lacking, *sizes))

    return View(
        "convolution",
        {
            "dimensions": len(geometry.stride),
            "batched": operands.batched,
            "flip": operands.flip,
            "stride": [*(1,) * lacking, *geometry.stride],
            "dilation": [*(1,) * lacking, *geometry.dilation],
            "before": [*(0,) * lacking, *geometry.before],
            "after": [*(0,) * lacking, *geometry.after],
            "groups": geometry.groups,
            "bias": if_given(exact, bias),
            **{name: planes(name, array) for name, array in own.items()},
            "conventions": [
                {"flip": flip} | {name: planes(name, array) for name, array in found.items()}
                for flip, found in results.items()
            ],
        },
    )
