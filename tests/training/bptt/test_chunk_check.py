"""What may be run in parts, and what is refused: layers, layouts, modes, buffers, functions."""

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from chainrule import nn as cn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.training import FullBPTT, TruncatedBPTT
from chainrule.training.bptt.recomputation import Plan
from tests.tolerances import close
from tests.training.bptt.test_trees import planned
from tests.training.bptt.through_time import by_definition, collected

mse = nn.functional.mse_loss
X = torch.randn(4, 12, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)  # batch as wide as x
Y = torch.randn(4, 12, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
CHOSEN = Plan(4, 3, 1)


class Net(nn.Module):
    """A recurrent layer with others before and after it, each called with all steps."""

    def __init__(self, cell: nn.Module, before: nn.Module | None = None, after: nn.Module | None = None) -> None:
        super().__init__()
        self.before = before or nn.Identity()
        self.cell = cell
        self.after = after or nn.Identity()

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = self.cell(self.before(x), state)
        return self.after(y), state


class OverChannels(nn.Module):
    """A layer that takes (batch, channels, time)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x.transpose(1, 2))
        return y.transpose(1, 2)[:, : x.shape[1]]


class TimeMajor(nn.Module):
    """A layer of the other layout, used as it is meant to be."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = self.cell(x.transpose(0, 1), state)
        return y.transpose(0, 1), state


class Keeping(nn.Module):
    """A layer that keeps its state to itself, in an attribute or a buffer."""

    h: Tensor | None

    def __init__(self, buffer: bool) -> None:
        super().__init__()
        self.cell = gru()
        if buffer:
            self.register_buffer("h", None)
        self.h = torch.zeros(1, 4, 4, dtype=torch.float64)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, h = self.cell(x, self.h)
        self.h = h.detach()
        return y, state


class Changed(nn.Module):
    """A layer whose result a function changes."""

    def __init__(self, change: Callable[[Tensor, Any], tuple[Any, Any]], cell: nn.Module | None = None) -> None:
        super().__init__()
        self.cell = cell or gru()
        self.change = change

    def forward(self, x: Tensor, state: Any) -> tuple[Any, Any]:
        return self.change(*self.cell(x, state))


def gru(**options: Any) -> nn.GRU:
    return nn.GRU(4, 4, batch_first=True, **options)


LAYERS: dict[str, Callable[..., nn.Module]] = {
    f"{room.__name__.split('.')[0]} {name}{' projected' if options.get('proj_size') else ''} {layers}": (
        lambda room=room, name=name, options=options, layers=layers, **more: getattr(room, name)(
            4, options.get("width", 4), num_layers=layers, **{k: v for k, v in options.items() if k != "width"}, **more
        )
    )
    for room in (nn, cn)
    for name, options in (("RNN", {}), ("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 4, "width": 5}))
    for layers in (1, 2)
}  # fmt: skip
HOLDS: dict[str, Callable[[], nn.Module]] = {
    "the other layout, turned": lambda: TimeMajor(nn.LSTM(4, 4)),
    "of rows": lambda: Net(gru(), nn.LayerNorm(4), nn.Linear(4, 4)),
    "frozen statistics": lambda: Net(gru(), OverChannels(nn.BatchNorm1d(4)).eval()),
    "a kernel of one": lambda: Net(gru(), OverChannels(nn.Conv1d(4, 4, 1))),
    "weight norm": lambda: Net(gru(), weight_norm(nn.Linear(4, 4))),
    "spectral norm": lambda: Net(gru(), spectral_norm(nn.Linear(4, 4))),
    "no state": lambda: Net(Stateless(), nn.Linear(4, 4)),
}
REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "batch norm": (lambda: Net(gru(), OverChannels(nn.BatchNorm1d(4))), r"BatchNorm1d 'before.layer' normalises over"),
    "batch norm and dropout": (
        lambda: Net(gru(), nn.Sequential(nn.Dropout(), OverChannels(nn.BatchNorm1d(4)))),
        r"buffer \w+ of BatchNorm1d .* freeze it by \.eval\(\)",
    ),
    "no statistics": (lambda: Net(gru(), OverChannels(nn.BatchNorm1d(4, track_running_stats=False))), "take LayerNorm"),
    "instance norm": (lambda: Net(gru(), OverChannels(nn.InstanceNorm1d(4))), "InstanceNorm1d .* take LayerNorm"),
    "group norm": (lambda: Net(gru(), OverChannels(nn.GroupNorm(2, 4))), "GroupNorm .* take LayerNorm"),
    "looks ahead": (lambda: Net(gru(), OverChannels(nn.Conv1d(4, 4, 3, padding=1))), "Conv1d .*CausalConv1d"),
    "forgets": (
        lambda: Net(gru(), OverChannels(nn.Sequential(nn.ZeroPad1d((2, 0)), nn.Conv1d(4, 4, 3)))),
        "through the state alone",
    ),
    "in an attribute": (lambda: Keeping(False), "keep from one call to the next"),
    "in a buffer": (lambda: Keeping(True), r"buffer h of Keeping|keep from one call to the next"),
    "detached": (lambda: Changed(lambda y, h: (y, h.detach())), "its gradients .* the state may be returned detached"),
    "thrown away": (lambda: Changed(lambda y, h: (y, None)), "its outputs"),
    "a sum over time": (lambda: Changed(lambda y, h: (y.cumsum(1), h)), "its outputs"),
    "its own draws": (lambda: Changed(lambda y, h: (y * random.random(), h)), "its outputs"),
}  # fmt: skip


class Stateless(nn.Module):
    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return x.tanh(), None


def agrees(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full and truncated gradients are those of torch and of the definition."""
    reference = copy.deepcopy(model)
    mse(reference(X, None)[0], Y).backward()
    expected = collected(reference)
    buffers = dict(reference.named_buffers())
    planned(CHOSEN, monkeypatch)(model, mse, X, Y)
    close(collected(model), expected)
    for name, buffer in model.named_buffers():
        close(buffer.double(), buffers[name].double())


@pytest.mark.sampled(1)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_recurrent_layer_is_cut_along_time_or_not_at_all(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def inside(cell: nn.Module) -> nn.Module:
        return Net(cell, nn.Linear(4, 4), nn.Linear(4, 4))

    for make in (lambda cell: cell, inside):
        model = make(LAYERS[layer](batch_first=True)).double()
        agrees(model, monkeypatch)
        for k1, k2 in ((4, 4), (4, 7)):
            place = None
            for n, expected in enumerate(by_definition(model, mse, X, Y, k1, k2)):
                part = slice(n * k1, (n + 1) * k1)
                _, place = TruncatedBPTT(k1, k2)(model, mse, X[:, part], Y[:, part], place)
                close(collected(model), expected)
        wrong = Changed(lambda y, h: (y[..., -4:], h), LAYERS[layer](batch_first=False))
        refuses(make(wrong).double(), "has batch_first=False", monkeypatch)
        wrong = Changed(lambda y, h: (y[..., -4:], h), LAYERS[layer](batch_first=True, bidirectional=True))
        refuses(make(wrong).double(), "is bidirectional", monkeypatch)
        agrees(TimeMajor(LAYERS[layer]()).double(), monkeypatch)


def refuses(model: Any, why: str, monkeypatch: pytest.MonkeyPatch, *, chunks: bool = True) -> None:
    """Before anything is sent back, and without a trace; rows and steps may be as many."""
    for x, y in ((X, Y), (X[:, :4], Y[:, :4]), (X[:1], Y[:1])):
        steps = x.shape[1]
        bptts: list[Any] = [planned(Plan(2, steps // 2, 1), monkeypatch), TruncatedBPTT(steps, 2 * steps)]
        for bptt in [*bptts, TruncatedBPTT(steps)] if chunks else bptts:
            drawn = torch.get_rng_state()
            with pytest.raises(ArgumentError, match=f"cannot be run in parts: .*{why}|cannot be run in parts: {why}"):
                bptt(model, mse, x, y)
            assert torch.equal(torch.get_rng_state(), drawn)
            if isinstance(model, nn.Module):
                assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_in_parts_is_exact(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    agrees(HOLDS[name]().double(), monkeypatch)


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, why = REFUSED[name]
    model = make().double()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    chunks = "batch norm" not in name
    rows = X.clone()
    if name in ("in an attribute", "in a buffer"):
        with pytest.raises(ArgumentError, match=why):
            planned(CHOSEN, monkeypatch)(model, mse, rows, Y)
        return
    refuses(model, why, monkeypatch, chunks=chunks)
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, before[name])


def test_batch_norm_in_single_chunks_is_what_it_is_in_any_training() -> None:
    model = Net(gru(), OverChannels(nn.BatchNorm1d(4))).double()
    twin = copy.deepcopy(model)
    place = None
    state = None
    for begin in range(0, 12, 4):
        part = slice(begin, begin + 4)
        y, state = twin(X[:, part], state)
        mse(y, Y[:, part]).backward()
        state = state.detach()
        expected = collected(twin)
        _, place = TruncatedBPTT(4)(model, mse, X[:, part], Y[:, part], place)
        close(collected(model), expected)
    assert model.get_buffer("before.layer.num_batches_tracked").item() == 3
    close(model.get_buffer("before.layer.running_mean"), twin.get_buffer("before.layer.running_mean"))


@pytest.mark.parametrize("wrong", [False, True])
def test_of_a_function_the_modules_are_found(wrong: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = OverChannels(nn.BatchNorm1d(4)) if wrong else nn.Linear(4, 4)
    net = Net(gru(), nn.Sequential(nn.Dropout(), layer)).double()

    def model(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return net(x, state)  # type: ignore[no-any-return]

    if wrong:
        refuses(model, "BatchNorm1d normalises over", monkeypatch, chunks=False)
        assert net.get_buffer("before.1.layer.num_batches_tracked").item() == 0
    else:
        planned(CHOSEN, monkeypatch)(model, mse, X, Y)
        assert collected(net).any()
    assert all(module.training for module in net.modules())


def test_what_a_plan_tries_leaves_no_trace() -> None:
    model = Net(gru(), nn.Sequential(nn.Dropout(), OverChannels(nn.BatchNorm1d(4)))).double()
    drawn = torch.get_rng_state()
    FullBPTT("1GB").plan(model, mse, X, Y)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert model.get_buffer("before.1.layer.num_batches_tracked").item() == 0


def test_one_step_at_a_time_tells_the_axis_too() -> None:
    with pytest.raises(ArgumentError, match="batch_first=False"):
        TruncatedBPTT(1)(nn.GRU(4, 4).double(), mse, X[:, :1], Y[:, :1])


def test_a_layer_may_also_be_taken_whole_in_any_layout() -> None:
    model = nn.GRU(4, 4).double()
    mse(model(X)[0], Y).backward()
    expected = collected(model)
    FullBPTT()(model, mse, X, Y)
    close(collected(model), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_is_no_reason(dtype: torch.dtype) -> None:
    model = Net(gru(), nn.Linear(4, 4), nn.Linear(4, 4)).to(dtype)
    x = X.to(dtype)
    TruncatedBPTT(12)(model, mse, x, x)


OF_OTHER_STEPS: list[Callable[[Tensor, Any], tuple[Any, Any]]] = [
    lambda y, h: (y[:, 1:], h),
    lambda y, h: (y.transpose(0, 1), h),
    lambda y, h: ((y, y), h),
]


@pytest.mark.parametrize("change", OF_OTHER_STEPS)
def test_outputs_of_other_steps_are_refused(change: Callable[[Tensor, Any], tuple[Any, Any]]) -> None:
    for bptt in (FullBPTT(), TruncatedBPTT(12)):
        with pytest.raises(ShapeError, match=r"the model's output must be a tensor \(batch, time, ...\)"):
            bptt(Changed(change).double(), mse, X, Y)
