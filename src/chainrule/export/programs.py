"""torch.export's program of a model, of torch's own operations."""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.export import ExportedProgram
from torch.nn import Module

from chainrule._modes import evaluating
from chainrule.errors import ExportError
from chainrule.export.agreement import check
from chainrule.export.model_call import ModelCall, call_of
from chainrule.ops.arguments import as_flag

__all__ = ["example", "program", "recorded"]

_Program = TypeVar("_Program")


def program(
    model: Module,
    args: Any,
    kwargs: Mapping[str, Any] | None = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    strict: bool = False,
    tolerance: float | None = None,
) -> ExportedProgram:
    """``torch.export.export`` of a model in evaluation, for any batch and time, which loads without chainrule.

    Recurrences become torch's operator ``scan``, convolutions torch's own, with every option of chainrule's layers.
    States that the model is called with are inputs, those that it returns outputs; without, it starts from zeros.

    Args:
        model: what to export; it is left as it is.
        args: the arguments of its forward, a tuple, or one tensor.
        kwargs: its arguments by name.
        path: a file to write to, as ``torch.export.save`` does.
        dynamic_shapes: as torch.export takes them; by default every size varies that the model lets vary.
        strict: as torch.export takes it: whether to follow the model's bytecode.
        tolerance: how far outputs may differ from the model's, as a part of the largest number in each; by default
            that of TOLERANCES.

    Raises:
        ExportError: the model cannot be followed, a size that could vary was fixed, or the program computes something
            else than the model.
        ArgumentError: an argument has a value that cannot work.

    >>> import torch, chainrule
    >>> gru = chainrule.nn.GRU(3, 4, batch_first=True)
    >>> exported = program(gru, (torch.randn(1, 5, 3), torch.zeros(1, 1, 4)))
    >>> with torch.no_grad():  # else torch's scan prepares a backward pass first, which takes seconds
    ...     y, h_n = exported.module()(torch.randn(8, 100, 3), torch.zeros(1, 8, 4))
    >>> y.shape
    torch.Size([8, 100, 4])
    """
    call = call_of(model, args, kwargs)
    strict = as_flag("strict", strict)
    with evaluating(model.modules()):
        call.run()  # what it refuses, it refuses in its own words
        larger = example(call)
        shapes = larger.all_dynamic() if dynamic_shapes is None else dynamic_shapes
        exported = recorded(larger, partial(_export, shapes=shapes, strict=strict))
        _check_own(exported)
        runner = exported.module()
        check(
            call,
            exported,
            lambda other: ModelCall(runner, other.args, other.kwargs).run(),
            tolerance=tolerance,
            every_size=dynamic_shapes is None,
        )
    if path is not None:
        torch.export.save(exported, path)
    return exported


def example(call: ModelCall) -> ModelCall:
    """The call to record: torch takes a size of 1 for a number that stays, so that those that vary are made larger."""
    shapes = enumerate(tensor.shape for tensor in call.tensors())
    ones = [(k, dim) for k, shape in shapes for dim, size in enumerate(shape) if size == 1]
    return call.enlarged(call.varying(ones))


def _export(call: ModelCall, shapes: Any, strict: bool) -> ExportedProgram:
    return torch.export.export(call.model, call.args, call.kwargs, dynamic_shapes=shapes, strict=strict)


def recorded(call: ModelCall, record: Callable[[ModelCall], _Program]) -> _Program:
    """What torch records of the call; an ExportError where torch cannot."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # torch's own, of what it copies and imports
            warnings.filterwarnings("ignore", message="`torch.jit")
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`", category=FutureWarning)
            return record(call)
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        words = str(cause).strip().split("\n")[0]
        raise ExportError(
            f"torch.export cannot follow the model ({type(cause).__name__}: {words}). What depends on the values of "
            "tensors, such as packed sequences or an if, cannot be exported: use the layers' lengths and resets, or "
            "torch.where; and look at the error above for torch's own words."
        ) from error


def _check_own(exported: ExportedProgram) -> None:
    """Refuse a program that would need chainrule to run."""
    graphs = [module for module in exported.graph_module.modules() if isinstance(module, torch.fx.GraphModule)]
    for node in (node for graph in graphs for node in graph.graph.nodes):
        if str(getattr(node.target, "namespace", "")) == "chainrule":
            raise ExportError(
                f"the model asks for {node.target} by name, which is not torch's own: leave out its argument backend."
            )
