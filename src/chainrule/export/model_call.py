"""One call of a model: its arguments as torch.export has them, and the same call with other sizes."""

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.nn import Module

from chainrule._torch import pytree
from chainrule.errors import ArgumentError, ExportError
from chainrule.ops.arguments import FOREIGN

__all__ = ["FAILURES", "ModelCall", "call_of", "other_calls"]

FAILURES = (*FOREIGN, AssertionError, NotImplementedError)
"""What a model, or what was made of it, raises where sizes do not fit."""

_Dim = tuple[int, int]  # the number of a tensor among the arguments, and its dimension
_FEW = 10  # dimensions whose every combination is tried


@dataclass(frozen=True)
class ModelCall:
    """A model and the arguments that it is called with."""

    model: Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def run(self) -> list[Any]:
        """The outputs as a flat list."""
        with torch.no_grad():
            return pytree.tree_leaves(self.model(*self.args, **self.kwargs))

    def takes(self) -> bool:
        """Whether the model takes these arguments."""
        try:
            self.run()
        except FAILURES:
            return False
        return True

    def tensors(self) -> list[Tensor]:
        """The tensors among the arguments, in torch.export's order."""
        return [leaf for leaf in pytree.tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Tensor)]

    def by_name(self) -> dict[str, Any]:
        """The arguments by the names of forward's parameters."""
        return dict(inspect.signature(self.model.forward).bind(*self.args, **self.kwargs).arguments)

    def all_dynamic(self) -> dict[str, Any]:
        """torch.export's dynamic_shapes that let every size vary that the model lets; one of 1 stays."""

        def each(leaf: Any) -> dict[int, Any] | None:
            return dict.fromkeys(range(leaf.dim()), Dim.AUTO) if isinstance(leaf, Tensor) else None

        return {name: pytree.tree_map(each, value) for name, value in self.by_name().items()}

    def resized(self, sizes: Sequence[Sequence[int]]) -> "ModelCall":
        """The call with tensors of these sizes, none smaller, filled by repeating what they hold."""
        wanted = iter(sizes)

        def each(leaf: Any) -> Any:
            return _repeated(leaf, next(wanted)) if isinstance(leaf, Tensor) else leaf

        args, kwargs = pytree.tree_map(each, (self.args, self.kwargs))
        return ModelCall(self.model, args, kwargs)

    def enlarged(self, dims: Collection[_Dim]) -> "ModelCall":
        """The call with these dimensions larger by one."""
        shapes = enumerate(tensor.shape for tensor in self.tensors())
        return self.resized([[n + ((k, dim) in dims) for dim, n in enumerate(shape)] for k, shape in shapes])

    def varying(self, dims: Sequence[_Dim]) -> list[_Dim]:
        """Those of the dimensions that the model lets vary, alone or together; found out by trying."""
        found: list[_Dim] = []
        most = len(dims) if len(dims) <= _FEW else 3
        for group in chain.from_iterable(combinations(dims, count) for count in range(1, most + 1)):
            if not set(found) & set(group) and self.enlarged({*found, *group}).takes():
                found += group
        return found


def call_of(model: object, args: object, kwargs: Mapping[str, Any] | None) -> ModelCall:
    """The arguments of an exporter, checked.

    Raises:
        ArgumentError: the model is no module, or cannot be called so.
        ExportError: a part of it says of itself, by ``not_exported``, why it cannot be.
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"model is {type(model).__name__}; expected a torch.nn.Module.")
    for part in model.modules():
        if (why := getattr(part, "not_exported", None)) is not None:
            raise ExportError(f"{type(model).__name__} cannot be exported: {why}")
    call = ModelCall(model, args if isinstance(args, tuple) else (args,), dict(kwargs or {}))
    if not call.tensors():
        raise ArgumentError("args hold no tensor; expected the arguments of the model's forward, such as (x, state).")
    if any(0 in tensor.shape for tensor in call.tensors()):
        raise ArgumentError("args hold a tensor without entries; expected some: what is exported is tried on them.")
    try:
        call.by_name()
    except TypeError as error:
        raise ArgumentError(f"args do not fit {type(model).__name__}.forward: {error}.") from error
    return call


def _repeated(tensor: Tensor, sizes: Sequence[int]) -> Tensor:
    for dim, size in enumerate(sizes):
        if size != tensor.shape[dim]:
            tensor = tensor.index_select(dim, torch.arange(size, device=tensor.device) % tensor.shape[dim])
    return tensor


def other_calls(program: ExportedProgram, call: ModelCall) -> list[ModelCall]:
    """The same call with other sizes that the program says it takes too: each free size a step larger, or twice.

    The steps differ, so that sizes that were alike by chance are not any more. None where no size is free.
    """
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    values = [nodes[name].meta["val"] for name in program.graph_signature.user_inputs if name in nodes]
    shapes = [tensor.shape for tensor in values if isinstance(tensor, Tensor)]
    free: dict[Any, int] = {}
    for symbols, sizes in zip(shapes, (tensor.shape for tensor in call.tensors()), strict=True):
        for symbol, size in zip(symbols, sizes, strict=True):
            if isinstance(symbol, torch.SymInt) and symbol.node.expr.is_symbol:
                free.setdefault(symbol.node.expr, size)
    most = {symbol: program.range_constraints[symbol].upper for symbol in free if symbol in program.range_constraints}
    if not free:
        return []
    larger = {symbol: size + 1 + k for k, (symbol, size) in enumerate(free.items())}
    twice = {symbol: 2 * size for symbol, size in free.items()}
    calls = []
    for sizes_of in (larger, twice):
        within = {symbol: min(size, most.get(symbol, size)) for symbol, size in sizes_of.items()}
        calls.append(_with_sizes(call, shapes, within))
    return calls


def _with_sizes(call: ModelCall, shapes: Sequence[Sequence[Any]], values: Mapping[Any, Any]) -> ModelCall:
    def size(n: Any) -> int:
        return int(n.node.expr.subs(values)) if isinstance(n, torch.SymInt) else int(n)

    return call.resized([[size(n) for n in shape] for shape in shapes])
