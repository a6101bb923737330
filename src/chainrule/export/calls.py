"""One call of a model: its arguments as torch.export has them, their sizes, and the same call with other sizes."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.nn import Module
from torch.utils import _pytree as pytree

from chainrule.errors import ArgumentError

__all__ = ["Call", "call_of", "evaluating"]


@dataclass(frozen=True)
class Call:
    """A model and the arguments that it is called with."""

    model: Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def run(self) -> list[Any]:
        """The outputs as a flat list."""
        with torch.no_grad():
            return pytree.tree_leaves(self.model(*self.args, **self.kwargs))

    def tensors(self) -> list[Tensor]:
        """The tensors among the arguments, in torch.export's order."""
        return [leaf for leaf in self.leaves() if isinstance(leaf, Tensor)]

    def leaves(self) -> list[Any]:
        return pytree.tree_leaves((self.args, self.kwargs))

    def by_name(self) -> dict[str, Any]:
        """The arguments by the names of forward's parameters."""
        return dict(inspect.signature(self.model.forward).bind(*self.args, **self.kwargs).arguments)

    def all_dynamic(self) -> dict[str, Any]:
        """torch.export's dynamic_shapes that let every size vary that the model lets."""

        def each(leaf: Any) -> dict[int, Any] | None:
            return dict.fromkeys(range(leaf.dim()), Dim.AUTO) if isinstance(leaf, Tensor) else None

        return {name: pytree.tree_map(each, value) for name, value in self.by_name().items()}

    def resized(self, sizes: Sequence[Sequence[int]]) -> "Call":
        """The call with tensors of these sizes, none smaller, filled by repeating what they hold."""
        wanted = iter(sizes)

        def each(leaf: Any) -> Any:
            if isinstance(leaf, Tensor):
                for dim, size in enumerate(next(wanted)):
                    if size != leaf.shape[dim]:
                        leaf = leaf.index_select(dim, torch.arange(size, device=leaf.device) % leaf.shape[dim])
            return leaf

        args, kwargs = pytree.tree_map(each, (self.args, self.kwargs))
        return Call(self.model, args, kwargs)


def call_of(model: object, args: object, kwargs: Mapping[str, Any] | None) -> Call:
    """The arguments of an exporter, checked."""
    if not isinstance(model, Module):
        raise ArgumentError(f"model is {type(model).__name__}; expected a torch.nn.Module.")
    call = Call(model, args if isinstance(args, tuple) else (args,), dict(kwargs or {}))
    if not call.tensors():
        raise ArgumentError("args hold no tensor; expected the arguments of the model's forward, such as (x, state).")
    if any(0 in tensor.shape for tensor in call.tensors()):
        raise ArgumentError("args hold a tensor without entries; expected some: what is exported is tried on them.")
    try:
        call.by_name()
    except TypeError as error:
        raise ArgumentError(f"args do not fit {type(model).__name__}.forward: {error}.") from error
    return call


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """The model in evaluation, each module of it back in its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def other_sizes(program: ExportedProgram) -> list[list[list[int]]]:
    """Sizes of all tensors that the program says it takes too, larger ones: each free size by another step, or twice.

    None where no size is free.
    """
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    values = [nodes[name].meta["val"] for name in program.graph_signature.user_inputs if name in nodes]
    shapes = [tensor.shape for tensor in values if isinstance(tensor, Tensor)]
    free: dict[Any, int] = {}
    for size in (size for shape in shapes for size in shape):
        if isinstance(size, torch.SymInt):
            for symbol in size.node.expr.free_symbols:
                free.setdefault(symbol, int(size.node.shape_env.size_hint(symbol)))
    if not free:
        return []
    most = {symbol: program.range_constraints[symbol].upper for symbol in free if symbol in program.range_constraints}
    steps = [{s: n + 1 + k for k, (s, n) in enumerate(free.items())}, {s: 2 * n for s, n in free.items()}]
    return [_evaluated(shapes, {s: min(n, most.get(s, n)) for s, n in step.items()}) for step in steps]


def _evaluated(shapes: Sequence[Sequence[Any]], values: Mapping[Any, Any]) -> list[list[int]]:
    return [[int(n.node.expr.subs(values)) if isinstance(n, torch.SymInt) else n for n in shape] for shape in shapes]
