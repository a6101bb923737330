"""torch.fx and TorchScript treat chainrule's layers as they treat torch.nn's.

torch.fx treats the layers of torch.nn as leaves, which it does not trace into, because it knows their module's name;
chainrule's layers create the node of a leaf themselves. TorchScript compiles the source of a layer, and cannot compile
chainrule's; it is given torch's layer with the same parameters.
"""

import warnings
from typing import Any

from torch.fx import Proxy
from torch.nn import Module

from chainrule.errors import ExportError
from chainrule.nn.swapping.replacements import Replacement
from chainrule.nn.swapping.swap import unswap

__all__ = ["Recordable", "is_root", "leaf"]


def is_root(layer: Module, x: Proxy) -> bool:
    """Whether the layer itself is the root that torch.fx traces with this x, so that the graph cannot call it."""
    return getattr(x.tracer, "root", None) is layer


def leaf(layer: Module, x: Proxy, *args: Any, **options: Any) -> Any:
    """The node of torch.fx's graph that calls the layer with x and the other arguments."""
    if is_root(layer, x):
        raise ExportError(
            f"torch.fx cannot trace {type(layer).__name__} by itself, as its graph has to call the layer. "
            "Trace a model that contains the layer, such as torch.nn.Sequential(layer)."
        )
    while args and args[-1] is None:
        args = args[:-1]
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    path = x.tracer.path_of_module(layer)  # type: ignore[attr-defined]
    return x.tracer.create_proxy("call_module", path, (x, *args), given)


class Recordable(Replacement):
    """A layer for which TorchScript compiles the layer of torch.nn that it replaces."""

    def __prepare_scriptable__(self) -> Module:
        """The layer that torch.jit.script compiles instead of this one, and puts in its place in the model."""
        layer = type(self).__new__(type(self))
        layer.__dict__.update(self.__dict__)
        for name, why in unswap(layer).left.items():
            raise ExportError(
                f"torch.jit.script cannot compile {name or 'the layer'} {layer}: {why}. Record the model with "
                "torch.jit.trace, or export it with chainrule.export.program or chainrule.export.onnx."
            )
        warnings.warn(
            f"torch.jit.script compiles torch.nn.{type(layer).__name__} and puts it in the place of chainrule's in the "
            "model: call chainrule.swap(model) to get chainrule's back.",
            stacklevel=2,
        )
        return layer
