"""Ways of calling: modes, dtypes, devices; and copies of the module itself."""

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

from tests.contract.rule import Way
from tests.contract.subjects import Inputs, Subject
from tests.contract.ways.plain import learn, mapped

__all__ = ["HANDLING"]


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
    """A scan keeps the dtype of its weights, as rounding in a state adds up over time; products may be rounded."""
    return learn(model.float(), mapped(Tensor.float, inputs))


def tagged(*tags: str) -> Callable[[Subject], bool]:
    return lambda subject: bool(subject.tags.intersection(tags))


def as_torch_casts(subject: Subject) -> bool:
    """A recurrence's states, gates and outputs stay in float32."""
    return "conv" in subject.tags and "own" not in subject.tags


def in_the_weights_dtype(subject: Subject) -> bool:
    return "recurrent" in subject.tags and not as_torch_casts(subject)


def warm() -> None:
    """Load what torch loads at its first tensor without data, once for all forks."""
    with FakeTensorMode():
        torch.nn.GRU(2, 2)(torch.ones(1, 1, 2))


warm()

HANDLING = [
    Way("plain", learn),
    Way("no-grad", without_gradients),
    Way("inference", inference),
    Way("after-inference", after_inference),
    Way("autocast", autocast, on=as_torch_casts, bound=5e-2),
    Way("autocast-scan", autocast, autocast_expected, on=in_the_weights_dtype, bound=5e-2),
    Way("bfloat16", half, bound=5e-2),
    Way("no-rows", learn, rows=0, refused=(("stream", "batch must be an integer of at least 1"),)),
    Way("no-steps", learn, steps=0, more=("recurrent", "stream", "own")),
    Way("fake", fake, shapes, alone=True, refused=(("stream", "a stream updates its state in place"),)),
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
