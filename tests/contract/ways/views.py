"""Ways of handing tensors over: views of all kinds, memory formats, storages that are not there."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.utils._pytree import tree_leaves

from chainrule.errors import ChainruleError
from tests.contract.rule import Way
from tests.contract.subjects import Inputs, Subject
from tests.contract.ways.plain import called, mapped, with_weights

__all__ = ["TENSORS"]

Run = Callable[[Module, Inputs], Any]
Change = Callable[[Tensor], Tensor]


def negative(t: Tensor) -> Tensor:
    """The same numbers, stored with the other sign."""
    return torch._neg_view((-t).clone())


def conjugated(t: Tensor) -> Tensor:
    """The same numbers, as the imaginary part of a conjugate."""
    return torch.complex(torch.zeros_like(t), -t).conj().imag


def transposed(t: Tensor) -> Tensor:
    """The same numbers, the last dimension outermost in memory."""
    return t.movedim(-1, 0).contiguous().movedim(0, -1)


def spread(t: Tensor) -> Tensor:
    """The same numbers, each second one of a larger tensor, from an odd offset on."""
    large = torch.full((2 * t.numel() + 1,), float("nan"), dtype=t.dtype)
    view = large[1::2].view_as(t) if t.dim() < 2 else large.as_strided(t.shape, [2 * s for s in t.stride()], 1)
    return view.copy_(t)


def expanded(t: Tensor) -> Tensor:
    return t[:1].expand_as(t)


def first(t: Tensor) -> Tensor:
    return t[:1].repeat(t.shape[0], *(1 for _ in t.shape[1:]))


def freed(t: Tensor) -> Tensor:
    """Without its storage, as FSDP leaves weights between uses."""
    t = t.detach().clone()
    t.untyped_storage().resize_(0)
    return t


def short(t: Tensor) -> Tensor:
    """With a storage that ends before its last number."""
    t = t.detach().clone()
    t.untyped_storage().resize_(t.untyped_storage().nbytes() - t.itemsize)
    return t


def zero(t: Tensor) -> Tensor:
    return torch._efficientzerotensor(t.shape, dtype=t.dtype)


def on_inputs(change: Change) -> Run:
    return lambda model, inputs: model(*mapped(change, inputs))


def on_weights(change: Change) -> Run:
    return lambda model, inputs: with_weights(model, inputs, lambda w: change(w.detach()))


def on_output_gradients(change: Change, first_alone: bool = False) -> Run:
    """first_alone: that of y; those of last states may be torch's own copies' from the first."""

    def call(model: Module, inputs: Inputs) -> Any:
        inputs = mapped(lambda t: t.requires_grad_(), inputs)
        outputs = [y for y in tree_leaves(model(*inputs)) if y.requires_grad]
        cotangents = [y.detach().clone().sin() for y in outputs]
        changed = cotangents[:1] if first_alone else cotangents
        cotangents[: len(changed)] = map(change, changed)
        return torch.autograd.grad(outputs, [*tree_leaves(inputs), *model.parameters()], cotangents) if outputs else []

    return call


def formatted(model: Module, inputs: Inputs) -> Any:
    """Channels last, in x and the weights; the layout of y too."""
    format_: Any = {4: torch.channels_last, 5: torch.channels_last_3d}[inputs[0].dim()]
    like: Any = model
    y = like.to(memory_format=format_)(inputs[0].to(memory_format=format_))
    return y, torch.tensor(y.stride())


def images(subject: Subject) -> bool:
    return subject.name.startswith(("conv2d", "conv3d"))


def whole(subject: Subject) -> bool:
    """torch itself refuses to take the steps of a freed tensor."""
    return not (subject.name.startswith("stream") and subject.name.endswith("steps"))


def differentiable(subject: Subject) -> bool:
    """The bias of a Fourier transform is added by torch itself."""
    return "stream" not in subject.tags and subject.name != "op-convolution-fft"


VIEWS = {"negative": negative, "conjugated": conjugated, "transposed": transposed, "spread": spread}
# No numbers can be right. In a backward pass by torch's own operations the words are torch's.
REFUSED: dict[str, Any] = {"alone": True, "must_refuse": ChainruleError}
REFUSED_BACKWARD: dict[str, Any] = {"alone": True, "must_refuse": RuntimeError, "on": differentiable}

TENSORS = [
    Way("functional-call", on_weights(Tensor.clone), called),
    *(Way(f"{name}-inputs", on_inputs(view), called) for name, view in VIEWS.items()),
    *(Way(f"{name}-weights", on_weights(view), called) for name, view in VIEWS.items()),
    *(
        Way(f"{name}-gradients", on_output_gradients(view), on_output_gradients(Tensor.clone))
        for name, view in VIEWS.items()
    ),
    Way("expanded-inputs", on_inputs(expanded), on_inputs(first)),
    Way("expanded-weights", on_weights(expanded), on_weights(first)),
    Way("expanded-gradients", on_output_gradients(expanded), on_output_gradients(first)),
    Way("channels-last", formatted, on=images),
    Way("zero-tensor-inputs", on_inputs(zero), on_inputs(torch.zeros_like), alone=True),
    Way("zero-tensor-weights", on_weights(zero), on_weights(torch.zeros_like), alone=True),
    Way("zero-tensor-gradients", on_output_gradients(zero), on_output_gradients(torch.zeros_like), alone=True),
    Way("freed-inputs", on_inputs(freed), **REFUSED, on=whole),
    Way("freed-weights", on_weights(freed), **REFUSED),
    Way("freed-gradients", on_output_gradients(freed, first_alone=True), **REFUSED_BACKWARD),
    Way("short-inputs", on_inputs(short), **REFUSED, on=whole),
    Way("short-weights", on_weights(short), **REFUSED),
]
