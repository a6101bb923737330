"""The calls of a network's layers, recorded in the graph while it runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from chainrule.errors import ArgumentError
from chainrule.lens.conversion import if_given
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.recurrences.layer_calls import LayerCall

__all__ = ["Call", "recorded"]

_IDLE = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.Identity)  # in evaluation mode
_KEPT = 100_000_000  # numbers of all layers


@dataclass(frozen=True)
class Call:
    """A call of a layer, in the graph."""

    name: str
    module: nn.Module
    x: Tensor
    y: Tensor
    recurrent: LayerCall | None

    @property
    def wanted(self) -> tuple[Tensor, ...]:
        """What gradients are asked for: x, y, and of a recurrent layer the parts of its last state."""
        last = () if self.recurrent is None else self.recurrent.last
        return (self.x, self.y, *last)

    def passed(self, number: int, before: LayerPass | None, gradients: Sequence[Tensor]) -> LayerPass:
        """The pass with the gradients of what was wanted."""
        dx, dy, *ends = gradients
        parts = [end.view(len(end), -1, end.shape[-1]).unbind(0) for end in ends]
        return LayerPass(
            number,
            self.name,
            self.module,
            x=self.x.detach(),
            y=self.y.detach(),
            dx=dx,
            dy=dy,
            features_last=self._has_features_last(before),
            call=if_given(LayerCall.detached, self.recurrent),
            dlast=tuple(zip(*parts, strict=True)),
        )

    def _has_features_last(self, before: LayerPass | None) -> bool:
        """Whether channels lie behind positions; most layers leave them where the layer before has them."""
        if isinstance(self.module, nn.Linear | nn.LayerNorm | nn.RNNBase):
            return True
        return before is not None and before.y.shape == self.x.shape and before.features_last


@contextmanager
def recorded(network: nn.Module, calls: list[Call]) -> Iterator[None]:
    """Record the calls of all layers meanwhile, in their order."""
    handles = []
    room = _KEPT

    def record(name: str, module: nn.Module) -> Callable[..., None]:
        def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            nonlocal room
            recurrent = None
            if isinstance(layer, nn.RNNBase):
                recurrent = LayerCall.of(layer, args, kwargs, result)
            x = args[0] if args else next(iter(kwargs.values()), None)
            y = result[0] if isinstance(result, tuple) else result
            if not (isinstance(x, Tensor) and isinstance(y, Tensor) and x.requires_grad):
                return
            room -= x.numel() + y.numel()
            if room < 0:
                raise ArgumentError(f"the layers read and give more than {_KEPT:,} numbers. Give a smaller input.")
            calls.append(Call(name, module, x, y, recurrent))

        return hook

    for name, module in network.named_modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # which would overwrite what the layer before gave
        is_layer = isinstance(module, nn.RNNBase) or not any(module.children())
        if is_layer and not isinstance(module, _IDLE):
            handles.append(module.register_forward_pre_hook(_apart))
            handles.append(module.register_forward_hook(record(name, module), with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _apart(layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a layer reads as a tensor of its own, whose gradient is what comes back through this layer alone."""
    return tuple(each.view_as(each) if isinstance(each, Tensor) else each for each in args)
