"""The recurrent layers on a GPU beside torch.nn's there, and beside float64 on the CPU."""

import copy
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence

import chainrule
from chainrule import functional, nn
from chainrule.ops.recurrence.backends.stack import is_one_chunk
from tests.gpu import on_gpu
from tests.nn.test_recurrence import KINDS, PAIRS, B, H, I, T, _tensors
from tests.tolerances import close

pytestmark = on_gpu

STACKS = [
    {},
    {"bias": False, "batch_first": True},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "batch_first": True},
]
LOOSE = {torch.float32: 2e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def _pair(kind: str, dtype: torch.dtype, **options: Any) -> tuple[torch.nn.RNNBase, torch.nn.RNNBase]:
    """chainrule's layer and torch's on the GPU, with the same weights."""
    ours, theirs = (layer(I, H, **options) for layer in PAIRS[kind])
    ours.load_state_dict(theirs.state_dict())
    return ours.to("cuda", dtype), theirs.to("cuda", dtype)


def _drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to("cuda", dtype)


def _hx(layer: torch.nn.RNNBase, dtype: torch.dtype, *batch: int) -> Any:
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    h_0 = _drawn(count, *batch, layer.proj_size or H, dtype=dtype)
    return (h_0, _drawn(count, *batch, H, dtype=dtype).neg()) if isinstance(layer, torch.nn.LSTM) else h_0


def _outcome(layer: torch.nn.Module, input: Any, hx: Any = None, **arguments: Any) -> list[Tensor]:
    """Outputs, states and the gradients towards the input, the states and the parameters."""
    leaves = [t.detach().requires_grad_() for t in _tensors(hx)]
    given = tuple(leaves) if isinstance(hx, tuple) else next(iter(leaves), None)
    if isinstance(input, Tensor):
        input = input.detach().requires_grad_()
        leaves.append(input)
    outputs = [t for t in _tensors(layer(input, given, **arguments)) if t.is_floating_point()]
    cotangents = [torch.linspace(0.5, 1, o.numel()).to(o).view_as(o) for o in outputs]
    return [*outputs, *torch.autograd.grad(outputs, [*leaves, *layer.parameters()], cotangents)]


def _by_torch(run: Callable[[], Any]) -> Any:
    """What torch's own layer gives, which warns of weights that it copies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run()


def _alike(actual: list[Tensor], expected: list[Tensor]) -> None:
    for ours, theirs in zip(actual, expected, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        scale = max(1.0, float(theirs.detach().abs().max()))
        torch.testing.assert_close(ours, theirs, rtol=LOOSE[theirs.dtype], atol=LOOSE[theirs.dtype] * scale)


def _weights(layer: torch.nn.Module) -> list[Tensor]:
    return list(layer.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("options", STACKS)
@pytest.mark.parametrize(("kind", "own"), KINDS)
def test_equals_torch(kind: str, own: dict[str, Any], options: dict[str, Any], dtype: torch.dtype) -> None:
    if "proj_size" in own and dtype != torch.float32:
        pytest.skip("projections are compared in float32")
    ours, theirs = _pair(kind, dtype, **own, **options)
    x = _drawn(*((B, T) if options.get("batch_first") else (T, B)), I, dtype=dtype)
    for hx in (None, _hx(ours, dtype, B)):
        _alike(_outcome(ours, x, hx), _by_torch(partial(_outcome, theirs, x, hx)))
    assert is_one_chunk(_weights(ours))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())


@pytest.mark.parametrize("kind", PAIRS)
def test_unbatched_and_packed(kind: str) -> None:
    ours, theirs = _pair(kind, torch.float32, num_layers=2, bidirectional=True)
    _alike(
        _outcome(ours, _drawn(T, I), _hx(ours, torch.float32)), _outcome(theirs, _drawn(T, I), _hx(ours, torch.float32))
    )
    packed = pack_sequence([_drawn(n, I) for n in (2, 5, 4)], enforce_sorted=False)
    for hx in (None, _hx(ours, torch.float32, B)):
        _alike(_outcome(ours, packed, hx), _outcome(theirs, packed, hx))


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("options", STACKS)
def test_equals_float64_on_the_cpu(kind: str, options: dict[str, Any]) -> None:
    ours, _ = _pair(kind, torch.float64, **options)
    x = _drawn(T, T, I, dtype=torch.float64)
    exact = copy.deepcopy(ours).cpu()
    for actual, expected in zip(_outcome(ours, x), _outcome(exact, x.cpu()), strict=True):
        close(actual.cpu(), expected)


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("option", ["resets", "lengths"])
def test_options_equal_float64_on_the_cpu(kind: str, option: str) -> None:
    ours, _ = _pair(kind, torch.float64, num_layers=2, bidirectional=True, batch_first=True)
    x = _drawn(B, T, I, dtype=torch.float64)
    given = torch.tensor([6, 3, 1]) if option == "lengths" else _drawn(B, T).cpu() > 0.5
    exact = copy.deepcopy(ours).cpu()
    expected = _outcome(exact, x.cpu(), **{option: given})
    for actual, wanted in zip(_outcome(ours, x, **{option: given.cuda()}), expected, strict=True):
        close(actual.cpu(), wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_parameters_lie_in_one_chunk_whatever_becomes_of_them(dtype: torch.dtype) -> None:
    layer = nn.LSTM(I, H, num_layers=2).to(dtype=dtype).cuda()
    model = torch.nn.Sequential(layer)
    x = _drawn(T, B, I, dtype=dtype)

    def runs(each: torch.nn.Module) -> list[int]:
        """Called without a warning, its parameters lie in one chunk: their addresses."""
        output = each(x.to(next(each.parameters()).dtype))
        _tensors(output)[0].float().sum().backward()
        assert is_one_chunk(_weights(each))
        return [w.data_ptr() for w in each.parameters()]

    parameters = _weights(layer)
    places = runs(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    optimiser.step()
    model.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
    model.to("cuda")
    assert runs(model) == places
    assert all(a is b for a, b in zip(_weights(layer), parameters, strict=True))
    twin = copy.deepcopy(model)
    runs(twin)
    assert runs(model) == places
    runs(model.cpu().cuda())
    runs(model.half())
    runs(model.to(torch.bfloat16))
    assert all(a is b for a, b in zip(_weights(layer), parameters, strict=True))
    with torch.inference_mode():
        layer(x.to(torch.bfloat16))


def test_computed_and_shared_weights_are_copied_without_a_warning() -> None:
    layer = nn.GRU(I, H, num_layers=2).cuda()
    layer.weight_hh_l1 = layer.weight_hh_l0
    x = _drawn(T, B, I)
    _tensors(layer(x))[0].sum().backward()
    assert layer.weight_hh_l0.grad is not None
    computed = torch.nn.utils.parametrizations.weight_norm(nn.GRU(I, H).cuda(), "weight_hh_l0")
    _tensors(computed(x))[0].sum().backward()
    assert all(p.grad is not None for p in computed.parameters())


@pytest.mark.parametrize("kind", PAIRS)
def test_gradients_in_evaluation(kind: str) -> None:
    layer, _ = _pair(kind, torch.float64, num_layers=2, dropout=0.5)
    x = _drawn(T, B, I, dtype=torch.float64)
    expected = _outcome(copy.deepcopy(layer).cpu().eval(), x.cpu())
    for actual, wanted in zip(_outcome(layer.eval(), x), expected, strict=True):
        close(actual.cpu(), wanted)
    layer.train()
    assert not torch.equal(_tensors(layer(x))[0], _tensors(layer(x))[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", PAIRS)
def test_autocast_is_torchs(kind: str, dtype: torch.dtype) -> None:
    ours, theirs = _pair(kind, torch.float32, num_layers=2)
    x = _drawn(T, B, I)
    found = []
    for layer in (ours, theirs):
        with torch.autocast("cuda", dtype=dtype):
            outputs = _tensors(layer(x))
        found.append([*outputs, *torch.autograd.grad(outputs[0].float().sum(), _weights(layer))])
    for actual, expected in zip(*found, strict=True):
        assert actual.dtype == expected.dtype
        torch.testing.assert_close(actual.float(), expected.float(), rtol=5e-2, atol=5e-2)


def test_swap() -> None:
    model = torch.nn.Sequential(torch.nn.LSTM(I, H, num_layers=2, bidirectional=True)).cuda().bfloat16()
    before = copy.deepcopy(model)
    chainrule.swap(model)
    x = _drawn(T, B, I, dtype=torch.bfloat16)
    for _ in range(2):
        outputs = _tensors(model(x))
        _alike(outputs, _by_torch(lambda: _tensors(before(x))))
        outputs[0].float().sum().backward()
    chainrule.unswap(model)
    _alike(_tensors(model(x)), outputs)  # torch's own takes the chunk as it is, and does not warn


def test_explain_tells_what_ran() -> None:
    layer = nn.GRU(I, H, num_layers=2, bidirectional=True).cuda()
    x = _drawn(T, B, I)
    (call,) = chainrule.explain(layer, x).calls
    assert (call.backend, call.layer, call.whole, call.shape) == ("torch", None, True, (B, T, I))
    assert call.reason.startswith("x is on cuda:0, where torch's own runs 2 layers in one call")
    calls = list(chainrule.explain(layer, x, lengths=[T] * B).calls)
    assert [each.layer for each in calls] == [0, 0, 1, 1]
    assert not any(each.whole for each in calls)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_a_function_with_weights_that_lie_apart(backend: str, reverse: bool) -> None:
    given = [_drawn(B, T, I), _drawn(3 * H, I), _drawn(3 * H, H), _drawn(3 * H), _drawn(3 * H)]
    found = []
    for device, dtype in (("cuda", torch.float64), ("cpu", torch.float64)):
        leaves = x, *weights = [each.to(device, dtype).requires_grad_() for each in given]
        options = {"reverse": reverse, "backend": backend if device == "cuda" else "reference"}
        y, h_n = functional.gru(x, None, *weights, **options)  # type: ignore[call-overload]
        found.append([y, h_n, *torch.autograd.grad(y.square().sum() + h_n.sum(), leaves)])
    for actual, expected in zip(*found, strict=True):
        close(actual.cpu(), expected)
