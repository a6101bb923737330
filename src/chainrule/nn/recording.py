"""What torch's recorders of whole models find at chainrule's layers: what they find at torch.nn's.

torch.fx takes the layers of torch.nn for leaves, whose insides it does not follow, as it knows their module's name;
ours make the node of a leaf themselves. TorchScript compiles the source of a layer, which ours is no such language
for; it gets torch's layer of the same parameters.
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
    """Whether the layer is all that torch.fx traces with this x, so that the graph cannot call it."""
    return getattr(x.tracer, "root", None) is layer


def leaf(layer: Module, x: Proxy, *args: Any, **options: Any) -> Any:
    """The node of torch.fx's graph that calls the layer with x and what else is given."""
    if is_root(layer, x):
        raise ExportError(
            f"torch.fx cannot look into {type(layer).__name__}, which is all that it was given to trace: its graph "
            "calls the layer. Trace a model that the layer is part of, such as torch.nn.Sequential(layer)."
        )
    while args and args[-1] is None:
        args = args[:-1]
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    path = x.tracer.path_of_module(layer)  # type: ignore[attr-defined]
    return x.tracer.create_proxy("call_module", path, (x, *args), given)


class Recordable(Replacement):
    """A layer in the place of one of torch.nn's, which TorchScript compiles instead."""

    def __prepare_scriptable__(self) -> Module:
        """What torch.jit.script compiles in place of this layer, and puts into the model that holds it."""
        layer = type(self).__new__(type(self))
        layer.__dict__.update(self.__dict__)
        for name, why in unswap(layer).left.items():
            raise ExportError(
                f"torch.jit.script cannot compile {name or 'the layer'} {layer}: {why}. Record the model with "
                "torch.jit.trace, or export it with chainrule.export.program or chainrule.export.onnx."
            )
        warnings.warn(
            f"torch.jit.script compiles torch.nn.{type(layer).__name__} in the place of chainrule's, and puts it into "
            "the model that holds it: chainrule.swap(model) brings chainrule's back.",
            stacklevel=2,
        )
        return layer
