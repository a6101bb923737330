"""A pretended device: tensors that say they are on one, and hold their numbers on the CPU.

What a GPU refuses is refused, tensors of two devices in one operation above all; so code that would fail on a GPU fails
here, on any machine. The device is torch's "lazy", which nothing else uses, and whose gradients are computed by the
thread that asks for them.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

from chainrule._devices import Device, asked_for

__all__ = ["ELSEWHERE", "elsewhere"]

ELSEWHERE = torch.device("lazy")
_FUSED = "_get_fused_kernels_supported_devices"  # of torch's optimisers
_MAY_MIX = {"copy_", "_to_copy", "index", "index_put", "index_put_", "_index_put_impl_"}  # as on a GPU


class Elsewhere(Tensor):
    """A tensor that says it is elsewhere."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Elsewhere":
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=ELSEWHERE,
        )
        made.held = inner
        return made

    def tolist(self) -> Any:
        return self.held.tolist()

    def new_tensor(self, *data: Any, **options: Any) -> Tensor:
        return Elsewhere(self.held.new_tensor(*data, **options))

    def numpy(self, *, force: bool = False) -> Any:
        """As of a GPU's: refused, unless it may be copied."""
        if not force:
            raise TypeError("a tensor elsewhere is no array. Use Tensor.cpu() first.")
        return self.held.detach().clone().numpy()

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Catches what makes tensors, which is told a device and has none to go by."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = list(_tensors((args, kwargs)))
    far = [each for each in given if isinstance(each, Elsewhere)]
    device = kwargs.get("device")
    is_far = bool(far) if device is None else torch.device(device) == ELSEWHERE
    if not far and not is_far:
        return func(*args, **kwargs)
    near = [each for each in given if not isinstance(each, Elsewhere) and each.dim() > 0]
    name = func._schema.name.partition("::")[2]
    if far and near and name not in _MAY_MIX:
        raise RuntimeError(f"{name}: tensors elsewhere and on the CPU, {[tuple(each.shape) for each in given]}")
    if name.startswith("index") and given and not isinstance(given[0], Elsewhere) and far:
        raise RuntimeError(f"{name}: a tensor of the CPU by an index from elsewhere")
    if name == "copy_":
        is_far = isinstance(args[0], Elsewhere)
    if device is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    inner_args, inner_kwargs = _changed((args, kwargs), lambda each: getattr(each, "held", each))
    out = func(*inner_args, **inner_kwargs)
    if not is_far:
        # on a CPU what is of the same device is no copy
        return _changed(out, lambda each: each.clone() if name == "_to_copy" and far else each)
    known = {id(each.held): each for each in far}
    made = _changed(out, lambda each: known[id(each)] if id(each) in known else Elsewhere(each))
    aliased = _is_aliasing(func) and len(far) == len(given) > 0
    return return_and_correct_aliasing(func, args, kwargs, made) if aliased else made


def _tensors(tree: Any) -> Iterator[Tensor]:
    """Those in it, as torch's pytrees find them, which take as long as all else here."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _tensors(each)
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))


def _changed(tree: Any, change: Callable[[Any], Any]) -> Any:
    """It with other tensors."""
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, list | tuple):
        return type(tree)([_changed(each, change) for each in tree])
    if isinstance(tree, dict):
        return {key: _changed(each, change) for key, each in tree.items()}
    return tree


@cache
def _is_aliasing(func: Any) -> bool:
    """Whether an operation returns its arguments or views of them."""
    return any(each.alias_info for each in (*func._schema.arguments, *func._schema.returns))


def _asked_for(device: Device) -> torch.device | None:
    return ELSEWHERE if str(device) == ELSEWHERE.type else asked_for(device)


def _made(make: Callable[..., Tensor], data: Any, *, device: Any = None, **options: Any) -> Tensor:
    """What ``torch.tensor`` makes, without asking a mode about it."""
    return make(data, **options).to(device) if device == ELSEWHERE else make(data, device=device, **options)


def _unless_elsewhere(function: Callable[..., Any], instead: Any, *given: Any, **options: Any) -> Any:
    """What a function of a device type gives, which torch does not know of this one."""
    return instead if given and given[0] == ELSEWHERE.type else function(*given, **options)


@contextmanager
def elsewhere() -> Iterator[torch.device]:
    """A while in which ``.to(device)`` and ``device=device`` lead to the device that this gives.

    ``fit`` and ``load`` take it by its name, "lazy".
    """
    with pytest.MonkeyPatch.context() as patch, _Mode():  # type: ignore[no-untyped-call]
        plain = frozenset({Tensor, torch.nn.Parameter, Elsewhere})
        for module in ("fitting.fit", "run"):
            patch.setattr(f"chainrule.runs.{module}.asked_for", _asked_for)
        has_fused_steps = ["cpu", ELSEWHERE.type]
        patch.setattr(sys.modules["torch.optim.optimizer"], _FUSED, lambda: list(has_fused_steps))
        patch.setattr(torch, "is_autocast_enabled", partial(_unless_elsewhere, torch.is_autocast_enabled, False))
        patch.setattr(torch, "tensor", partial(_made, torch.tensor))
        patch.setattr(torch, "autocast", partial(_unless_elsewhere, torch.autocast, nullcontext()))
        patch.setattr("chainrule.nn.streams.arrays.PLAIN", plain)
        yield ELSEWHERE
