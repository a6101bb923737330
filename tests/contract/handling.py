"""Ways of handing tensors over: modes, views, formats, storage, devices; and copies of the module itself."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Module
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.contract.plain import called, learn, mapped, with_weights
from tests.contract.rule import Way
from tests.contract.subjects import Inputs, Subject

__all__ = ["HANDLING"]

Run = Callable[[Module, Inputs], Any]
Change = Callable[[Tensor], Tensor]


def without_gradients(model: Module, inputs: Inputs) -> Any:
    with torch.no_grad():
        return model(*inputs)


def inference(model: Module, inputs: Inputs) -> Any:
    with torch.inference_mode():
        return model(*mapped(Tensor.clone, inputs))


def after_inference(model: Module, inputs: Inputs) -> Any:
    """Tensors made in inference mode, used outside of it."""
    with torch.inference_mode():
        inputs = mapped(Tensor.clone, inputs)
    with torch.no_grad():
        return model(*inputs)


def autocast(model: Module, inputs: Inputs) -> Any:
    with torch.autocast("cpu", torch.bfloat16):
        return learn(model.float(), mapped(Tensor.float, inputs))


def half(model: Module, inputs: Inputs) -> Any:
    return learn(model.bfloat16(), mapped(Tensor.bfloat16, inputs))


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


def on_inputs(change: Change) -> Run:
    return lambda model, inputs: model(*mapped(change, inputs))


def on_weights(change: Change) -> Run:
    return lambda model, inputs: with_weights(model, inputs, lambda w: change(w.detach()))


def on_output_gradients(change: Change) -> Run:
    def call(model: Module, inputs: Inputs) -> Any:
        inputs = mapped(lambda t: t.requires_grad_(), inputs)
        outputs = [y for y in tree_leaves(model(*inputs)) if y.requires_grad]
        cotangents = [change(y.detach().clone().sin()) for y in outputs]
        return torch.autograd.grad(outputs, [*tree_leaves(inputs), *model.parameters()], cotangents) if outputs else []

    return call


def expanded(t: Tensor) -> Tensor:
    return t[:1].expand_as(t)


def first(t: Tensor) -> Tensor:
    return t[:1].repeat(t.shape[0], *(1 for _ in t.shape[1:]))


def formatted(model: Module, inputs: Inputs) -> Any:
    """Channels last, in x and the weights; the layout of y too."""
    format_: Any = {4: torch.channels_last, 5: torch.channels_last_3d}[inputs[0].dim()]
    like: Any = model
    y = like.to(memory_format=format_)(inputs[0].to(memory_format=format_))
    return y, torch.tensor(y.stride())


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


def fake(model: Module, inputs: Inputs) -> Any:
    """Shapes, dtypes and devices, and no number read."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        outputs = tree_leaves(model(*mapped(torch.empty_like, inputs)))
    return [torch.empty(tuple(y.shape), dtype=y.dtype, device="meta") for y in outputs]


def meta(model: Module, inputs: Inputs) -> Any:
    return model.to("meta")(*mapped(lambda t: t.to("meta"), inputs))


def shapes(model: Module, inputs: Inputs) -> Any:
    return [torch.empty_like(y, device="meta") for y in tree_leaves(model(*inputs))]


def elsewhere(model: Module, inputs: Inputs) -> Any:
    with torch.device("meta"):
        return learn(model, inputs)


def deep_copied(model: Module, inputs: Inputs) -> Any:
    return learn(copy.deepcopy(model), inputs)


def copied(model: Module, inputs: Inputs) -> Any:
    return learn(copy.copy(model), inputs)


def pickled(model: Module, inputs: Inputs) -> Any:
    return learn(pickle.loads(pickle.dumps(model)), inputs)  # noqa: S301


def saved(model: Module, inputs: Inputs) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return learn(torch.load(file, weights_only=False), inputs)


def differentiable(subject: Subject) -> bool:
    return "stream" not in subject.tags


class Counting(TorchDispatchMode):
    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return op(*args, **kwargs or {})


def watched(model: Module, inputs: Inputs) -> Any:
    with Counting():  # type: ignore[no-untyped-call]
        return learn(model, inputs)


class Kind(Tensor):
    """A subclass that adds nothing."""


def subclassed(model: Module, inputs: Inputs) -> Any:
    return [y.as_subclass(Tensor) for y in tree_leaves(model(*mapped(lambda t: t.as_subclass(Kind), inputs)))]


def saved_on_cpu(model: Module, inputs: Inputs) -> Any:
    with torch.autograd.graph.save_on_cpu():
        return learn(model, inputs)


def profiled(model: Module, inputs: Inputs) -> Any:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]):
        return learn(model, inputs)


def autocast_expected(model: Module, inputs: Inputs) -> Any:
    """A scan keeps the dtype of its weights: rounding in a state adds up over time."""
    return learn(model.float(), mapped(Tensor.float, inputs))


def images(subject: Subject) -> bool:
    return subject.name.startswith(("conv2d", "conv3d"))


def tagged(*tags: str) -> Callable[[Subject], bool]:
    return lambda subject: bool(subject.tags.intersection(tags))


def warm() -> None:
    """Load what torch loads at its first tensor without data, once for all forks."""
    with FakeTensorMode():
        torch.nn.GRU(2, 2)(torch.ones(1, 1, 2))


warm()
VIEWS = {"negative": negative, "conjugated": conjugated, "transposed": transposed, "spread": spread}

HANDLING = [
    Way("plain", learn),
    Way("no-grad", without_gradients),
    Way("inference", inference),
    Way("after-inference", after_inference),
    Way("autocast", autocast, on=lambda subject: tagged("conv")(subject) and not tagged("own")(subject), bound=5e-2),
    Way("autocast-scan", autocast, autocast_expected, on=tagged("recurrent")),
    Way("bfloat16", half, bound=5e-2),
    Way("no-rows", learn, rows=0, refused=(("stream", "batch must be an integer of at least 1"),)),
    Way("no-steps", learn, steps=0, more=("recurrent", "stream", "own")),
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
    Way("freed-inputs", on_inputs(freed), alone=True, must_refuse=True),
    Way("freed-weights", on_weights(freed), alone=True, must_refuse=True),
    Way("freed-gradients", on_output_gradients(freed), alone=True, must_refuse=True, on=differentiable),
    Way("short-inputs", on_inputs(short), alone=True, must_refuse=True),
    Way("short-weights", on_weights(short), alone=True, must_refuse=True),
    Way("fake", fake, shapes, alone=True),
    Way("meta", meta, shapes),
    Way("default-device", elsewhere, learn),
    Way("deep-copied", deep_copied, learn),
    Way("copied", copied, learn),
    Way("pickled", pickled, learn, on=tagged("layer")),
    Way("saved", saved, learn, on=tagged("layer")),
    Way("dispatch-mode", watched, learn),
    Way("subclass", subclassed, lambda model, inputs: tree_leaves(model(*inputs)), refused=(("stream", "a Kind"),)),
    Way("saved-on-cpu", saved_on_cpu, learn),
    Way("profiled", profiled, learn),
]
