"""torch's own cases for its modules, put to the layers that take their place.

The cases come from torch.testing._internal.common_modules; the checks are those that torch's test_modules.py makes with
them. Left out, as they mean nothing here: transfers between devices and parity with a GPU (there is one device), the
in-place and lazy variants (the layers have none), and the cells (chainrule's layers run over sequences).
"""

import copy
import io
import itertools
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import Module
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from chainrule import nn

if TYPE_CHECKING:
    from torch.testing._internal.common_modules import ModuleInfo, ModuleInput

# torch says so of its own layer when it projects on the CPU
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

RECURRENT = ("RNN", "GRU", "LSTM")
CONVOLUTIONS = ("Conv1d", "Conv2d", "Conv3d")

layers = pytest.mark.parametrize("name", [*RECURRENT, *CONVOLUTIONS])
modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


@cache
def infos() -> dict[str, "ModuleInfo"]:
    """Imported here, which takes seconds that every process would need to find the tests."""
    from torch.testing._internal.common_modules import module_db

    return {info.module_cls.__name__: info for info in module_db if info.module_cls in vars(torch.nn).values()}


def cases(
    name: str, dtype: torch.dtype = torch.float64, training: bool = True, requires_grad: bool = False
) -> Iterator[tuple[Module, "ModuleInput"]]:
    """chainrule's layer for each case, and the case."""
    torch.manual_seed(0)
    info = infos()[name]
    for case in info.module_inputs_func(info, "cpu", dtype, requires_grad, training):
        yield build(name, case).to(dtype).train(training), case


def build(name: str, case: "ModuleInput", **more: Any) -> Module:
    made: Module = getattr(nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs, **more)
    return made


def call(layer: Module, case: "ModuleInput") -> Any:
    return layer(*case.forward_input.args, **case.forward_input.kwargs)


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


@pytest.mark.sampled(1)
@layers
@modes
@dtypes
def test_forward_agrees_with_the_reference_and_with_torch(name: str, training: bool, dtype: torch.dtype) -> None:
    for layer, case in cases(name, dtype, training):
        outputs = call(layer, case)
        theirs = getattr(torch.nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs)
        theirs.to(dtype).train(training).load_state_dict(layer.state_dict())
        torch.testing.assert_close(outputs, call(theirs, case))
        if case.reference_fn is not None:
            torch.testing.assert_close(outputs, case.reference_fn(layer, *case.forward_input.args))


@layers
@dtypes
def test_factory_arguments(name: str, dtype: torch.dtype) -> None:
    for _, case in cases(name, dtype):
        for device in ("cpu", "meta"):
            parameters = list(build(name, case, device=device, dtype=dtype).parameters())
            assert {(p.device.type, p.dtype) for p in parameters} == {(device, dtype)}


@layers
@modes
def test_repr(name: str, training: bool) -> None:
    for layer, case in cases(name, training=training):
        theirs = getattr(torch.nn, name)(*case.constructor_input.args, **case.constructor_input.kwargs)
        assert repr(layer) == str(layer) == repr(theirs)


@layers
@modes
def test_copied_and_saved_layers_give_the_same(name: str, training: bool) -> None:
    for layer, case in cases(name, training=training):
        outputs = tensors(call(layer, case))
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        for twin in (copy.deepcopy(layer), torch.load(file, weights_only=False)):
            assert type(twin) is type(layer)
            assert twin.training == training
            assert all(torch.equal(a, b) for a, b in zip(outputs, tensors(call(twin, case)), strict=True))


@pytest.mark.sampled(0)
@layers
@pytest.mark.parametrize(
    ("check", "training"),
    [(torch.autograd.gradcheck, True), (torch.autograd.gradcheck, False), (torch.autograd.gradgradcheck, True)],
    ids=["train", "eval", "second"],
)
def test_gradients(name: str, check: Any, training: bool) -> None:
    """Of the inputs and the weights as one vector, which is checked along random directions."""
    for layer, case in cases(name, training=training):
        inputs, spec = tree_flatten(case.forward_input.args)
        names = [weight for weight, _ in layer.named_parameters()]
        leaves = [*inputs, *layer.parameters()]

        def run(
            vector: Tensor, layer: Module = layer, spec: Any = spec, names: Any = names, leaves: Any = leaves
        ) -> Any:
            parts = vector.split([leaf.numel() for leaf in leaves])
            given = [part.view(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
            n = len(leaves) - len(names)
            weights = dict(zip(names, given[n:], strict=True))
            return tensors(functional_call(layer, weights, tuple(tree_unflatten(given[:n], spec))))

        vector = torch.cat([leaf.detach().flatten() for leaf in leaves]).requires_grad_()
        assert check(run, [vector], fast_mode=True)


@pytest.mark.sampled(0)
@layers
def test_gradients_of_one_parameter_at_a_time(name: str) -> None:
    for layer, case in cases(name):
        parameters = list(layer.parameters())
        outputs = tensors(call(layer, case))
        cotangents = [torch.randn_like(o) for o in outputs]
        together = torch.autograd.grad(outputs, parameters, cotangents)
        for alone, expected in zip(parameters, together, strict=True):
            for p in parameters:
                p.requires_grad_(p is alone)
            reached = [
                pair for pair in zip(tensors(call(layer, case)), cotangents, strict=True) if pair[0].requires_grad
            ]
            (gradient,) = torch.autograd.grad([o for o, _ in reached], alone, [d for _, d in reached])
            torch.testing.assert_close(gradient, expected)


@pytest.mark.sampled(1)
@layers
@modes
@dtypes
def test_tensors_that_are_not_contiguous(name: str, training: bool, dtype: torch.dtype) -> None:
    for layer, case in cases(name, dtype, training, requires_grad=True):
        dense = case.forward_input.args
        shapes = [torch.randn_like(o) for o in tensors(layer(*dense))]
        outcomes = []
        for args, cotangents in itertools.product((dense, tree_map(spread, dense)), (shapes, tree_map(spread, shapes))):
            outputs = tensors(layer(*args))
            towards = [*tensors(args), *layer.parameters()]
            outcomes.append([*outputs, *torch.autograd.grad(outputs, towards, cotangents)])
        for other in outcomes[1:]:
            torch.testing.assert_close(other, outcomes[0])


def spread(tensor: Tensor) -> Tensor:
    """The same numbers, each second one of a larger tensor."""
    twice = tensor.detach().repeat_interleave(2, dim=-1)[..., ::2]
    assert not twice.is_contiguous()
    return twice.requires_grad_(tensor.requires_grad)


@pytest.mark.parametrize("name", RECURRENT)
@modes
def test_memory_format_of_recurrent_layers(name: str, training: bool) -> None:
    """Dense input gives dense output, as torch's layers do."""
    for layer, case in cases(name, training=training):
        assert all(output.is_contiguous() for output in tensors(call(layer, case)))


@pytest.mark.parametrize(("name", "format_"), [("Conv2d", torch.channels_last), ("Conv3d", torch.channels_last_3d)])
@modes
def test_memory_format_of_convolutions(name: str, format_: torch.memory_format, training: bool) -> None:
    """Channels may lie last in the input and the weights. That they do in the output too is not promised."""
    for layer, case in cases(name, training=training):
        (x,) = case.forward_input.args
        expected = layer(x)
        if x.dim() == expected.dim() == layer.get_parameter("weight").dim():
            torch.testing.assert_close(layer(x.to(memory_format=format_)), expected)
            torch.testing.assert_close(layer.to(memory_format=format_)(x), expected)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", RECURRENT)
@dtypes
def test_errors(name: str, dtype: torch.dtype) -> None:
    """Of the kinds that torch raises; what is wrong with a constructor's arguments in its own words too."""
    info = infos()[name]
    wrong = info.module_error_inputs_func(info, "cpu", dtype, False, True)
    assert wrong
    for each in wrong:
        if each.error_on.name == "CONSTRUCTION_ERROR":
            with pytest.raises(each.error_type, match=each.error_regex):
                build(name, each.module_error_input)
        else:
            layer = build(name, each.module_error_input)
            with pytest.raises(each.error_type):
                call(layer, each.module_error_input)
