"""swap and unswap: what changes is the class, and nothing else."""

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.nn.utils import parametrizations, parametrize

from chainrule import nn
from chainrule.errors import ArgumentError
from tests.tolerances import close


class Own(torch.nn.GRU):
    """A user's subclass, with a forward pass of its own."""

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        y, h_n = super().forward(input, hx)
        return -y, h_n


class Marked(torch.nn.Conv1d):
    """A user's subclass that computes as torch's layer does."""

    def mark(self) -> str:
        return f"{self.in_channels} channels"


class MarkedGRU(torch.nn.GRU):
    """Another."""

    def reset_parameters(self) -> None:
        for parameter in self.parameters():
            torch.nn.init.constant_(parameter, 0.1)


class Model(torch.nn.Module):
    """Nested layers, one of them in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.front = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 3, padding=1), torch.nn.ReLU())
        self.shared = torch.nn.GRU(4, 4, batch_first=True)
        self.again = torch.nn.ModuleDict({"same": self.shared})
        self.back = torch.nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.out = torch.nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.shared(self.front(x).transpose(1, 2))
        h, _ = self.again["same"](h)
        return self.out(self.back(h)[0])  # type: ignore[no-any-return]


def _outcome(model: torch.nn.Module, x: Tensor) -> list[Tensor]:
    y = model(x)
    return [y, *torch.autograd.grad(y.square().sum(), list(model.parameters()))]


def test_a_nested_model_computes_the_same_before_and_after() -> None:
    model = Model().double()
    x = torch.randn(2, 3, 7, dtype=torch.float64)
    before = _outcome(model, x)
    parameters = list(model.parameters())
    modules = list(model.modules())
    classes = [type(m) for m in model.modules()]

    report = nn.swap(model)
    assert report.swapped == {
        "front.0": "torch.nn.Conv1d -> chainrule.nn.Conv1d",
        "shared": "torch.nn.GRU -> chainrule.nn.GRU",
        "back": "torch.nn.LSTM -> chainrule.nn.LSTM",
    }
    assert report.left == {}
    assert report.others == 5
    assert type(model.again["same"]) is nn.GRU
    for actual, expected in zip(_outcome(model, x), before, strict=True):
        close(actual, expected)

    undone = nn.unswap(model)
    assert undone.swapped.keys() == report.swapped.keys()
    assert [type(m) for m in model.modules()] == classes
    assert all(a is b for a, b in zip(model.modules(), modules, strict=True))
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(_outcome(model, x), before, strict=True))


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "Conv3d", "RNN", "GRU", "LSTM"])
def test_a_layer_itself(name: str) -> None:
    torch.manual_seed(0)
    layer = getattr(torch.nn, name)(*((3, 4, 2) if name.startswith("Conv") else (3, 4)))
    x = torch.randn(2, 3, *[5] * int(name[4])) if name.startswith("Conv") else torch.randn(5, 2, 3)
    before = layer(x)
    report = nn.swap(layer)
    assert report.swapped == {"": f"torch.nn.{name} -> chainrule.nn.{name}"}
    assert type(layer) is getattr(nn, name)
    after = layer(x)
    close(*((after, before) if name.startswith("Conv") else (after[0], before[0])))
    nn.unswap(layer)
    assert type(layer) is getattr(torch.nn, name)


def test_hooks_buffers_and_the_optimiser_stay() -> None:
    layer = torch.nn.GRU(2, 3)
    layer.register_buffer("mark", torch.ones(1))
    calls = []
    layer.register_forward_hook(lambda *_: calls.append("after"))
    layer.register_forward_pre_hook(lambda *_: calls.append("before"))
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    weight = layer.get_parameter("weight_hh_l0")
    before = weight.detach().clone()
    nn.swap(layer)
    layer(torch.randn(4, 1, 2))[0].sum().backward()
    optimiser.step()
    assert calls == ["before", "after"]
    assert "mark" in layer.state_dict()
    assert not torch.equal(weight, before)


@pytest.mark.parametrize(
    ("layer", "x"), [(Marked(2, 3, 2), torch.randn(1, 2, 5)), (MarkedGRU(2, 3), torch.randn(5, 1, 2))]
)
@pytest.mark.parametrize("parametrized", [False, True])
def test_a_subclass_that_computes_as_torch_does_stays_one(
    layer: torch.nn.Module, x: Tensor, parametrized: bool
) -> None:
    layer = copy.deepcopy(layer).double()
    x = x.double()
    own = type(layer)
    ours = getattr(nn, type(layer).__bases__[0].__name__)
    if parametrized:
        parametrize.register_parametrization(layer, next(name for name, _ in layer.named_parameters()), Double())
    before = [each.detach() for each in _gradients(layer, x)]
    report = nn.swap(layer)
    assert report.left == {}
    assert list(report.swapped) == [""]
    assert isinstance(layer, own)
    assert isinstance(layer, ours)
    copies = [] if parametrized else [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]  # noqa: S301
    for copied in (layer, *copies):
        assert isinstance(copied, own)
        assert isinstance(copied, ours)
        for actual, expected in zip(_gradients(copied, x), before, strict=True):
            close(actual, expected)
        assert "already" in nn.swap(copied).left[""]
    nn.unswap(layer)
    assert not isinstance(layer, ours)
    assert all(torch.equal(a, b) for a, b in zip(_gradients(layer, x), before, strict=True))


def _with_replaced_forward() -> torch.nn.Module:
    layer = torch.nn.GRU(2, 3)
    layer.forward = lambda *_: None  # type: ignore[method-assign,assignment]
    return layer


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Own(2, 3), "subclass of torch.nn.GRU"),
        (parametrizations.weight_norm(Own(2, 3), "weight_hh_l0"), "subclass of torch.nn.GRU"),
        (torch.nn.LazyConv1d(3, 1), "lazy"),
        (torch.nn.ConvTranspose2d(2, 3, 1), "transposed convolution"),
        (torch.nn.LazyConvTranspose1d(2, 1), "transposed convolution"),
        (torch.nn.RNNCell(2, 3), "single step"),
        (torch.nn.GRUCell(2, 3), "single step"),
        (torch.nn.LSTMCell(2, 3), "single step"),
        (nn.GRU(2, 3), "already chainrule's"),
        (nn.Conv2d(2, 3, 1), "already chainrule's"),
        (nn.CausalConv1d(2, 3, 1), "already chainrule's"),
        (_with_replaced_forward(), "forward was replaced"),
    ],
)
def test_what_is_left_and_why(module: torch.nn.Module, reason: str) -> None:
    cls = type(module)
    report = nn.swap(torch.nn.ModuleList([module]))
    assert type(module) is cls
    assert report.swapped == {}
    assert list(report.left) == ["0"]
    assert reason in report.left["0"]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
def test_torchscript_is_left() -> None:
    scripted = torch.jit.script(torch.nn.Sequential(torch.nn.Conv1d(2, 3, 1), torch.nn.ReLU()))
    report = nn.swap(torch.nn.ModuleList([scripted]))
    assert report.swapped == {}
    assert list(report.left) == ["0.0"]
    assert "TorchScript" in report.left["0.0"]
    assert report.others == 3


class Double(torch.nn.Module):
    """A parametrization that shows whether a layer computes with what it makes of the weight."""

    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


@pytest.mark.parametrize("kind", ["Conv1d", "GRU", "LSTM"])
@pytest.mark.parametrize("swapped_first", [True, False])
def test_a_parametrized_layer_goes_both_ways(kind: str, swapped_first: bool) -> None:
    options, shape, name = {
        "Conv1d": ((2, 3, 2), (1, 2, 5), "weight"),
        "GRU": ((2, 3), (5, 1, 2), "weight_hh_l0"),
        "LSTM": ((2, 3), (5, 1, 2), "weight_hh_l0"),
    }[kind]
    layer = getattr(torch.nn, kind)(*options).double()
    x = torch.randn(shape, dtype=torch.float64)
    twin = copy.deepcopy(layer)
    parametrize.register_parametrization(twin, name, Double())
    expected = _gradients(twin, x)
    if swapped_first:
        nn.swap(layer)
    parametrize.register_parametrization(layer, name, Double())
    other = copy.deepcopy(layer)
    if not swapped_first:
        assert nn.swap(layer).swapped == {"": f"torch.nn.{kind} -> chainrule.nn.{kind}"}
        assert not isinstance(other, getattr(nn, kind))
    assert isinstance(layer, getattr(nn, kind))
    for actual, wanted in zip(_gradients(layer, x), expected, strict=True):
        close(actual, wanted)
    assert nn.unswap(layer).swapped == {"": f"chainrule.nn.{kind} -> torch.nn.{kind}"}
    assert not isinstance(layer, getattr(nn, kind))
    for actual, wanted in zip(_gradients(layer, x), expected, strict=True):
        assert torch.equal(actual, wanted)
    parametrize.remove_parametrizations(layer, name)
    assert type(layer) is getattr(torch.nn, kind)
    for actual, wanted in zip(_gradients(layer, x)[:1], expected, strict=False):
        close(actual, wanted)


def _gradients(layer: torch.nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradient towards every parameter by its name."""
    y = layer(x)
    y = y if isinstance(y, Tensor) else y[0]
    named = sorted(layer.named_parameters())
    return [y, *torch.autograd.grad(y.square().sum(), [p for _, p in named])]


def test_a_lazy_layer_is_swapped_once_it_has_run() -> None:
    layer = torch.nn.LazyConv1d(3, 1)
    layer(torch.randn(1, 2, 4))
    assert nn.swap(layer).swapped == {"": "torch.nn.Conv1d -> chainrule.nn.Conv1d"}


def test_unswap_takes_layers_made_as_chainrules_but_keeps_what_torch_lacks() -> None:
    model = torch.nn.Sequential(nn.GRU(2, 3), nn.CausalConv1d(2, 3, 1), torch.nn.Conv1d(2, 3, 1))
    report = nn.unswap(model)
    assert report.swapped == {"0": "chainrule.nn.GRU -> torch.nn.GRU"}
    assert report.left == {"1": "torch.nn has no causal convolution"}
    assert report.others == 2
    assert [type(m) for m in model] == [torch.nn.GRU, nn.CausalConv1d, torch.nn.Conv1d]


def test_the_report_reads_as_a_table_of_80_columns() -> None:
    model = Model()
    model.add_module("own", Own(2, 3))
    report = str(nn.swap(model))
    assert report.splitlines() == [
        "swapped  front.0  torch.nn.Conv1d -> chainrule.nn.Conv1d",
        "swapped  shared   torch.nn.GRU -> chainrule.nn.GRU",
        "swapped  back     torch.nn.LSTM -> chainrule.nn.LSTM",
        "left     own      subclass of torch.nn.GRU with a computation of its own",
        "5 other modules have nothing to swap.",
    ]
    assert max(map(len, report.splitlines())) <= 80


@pytest.mark.parametrize("function", [nn.swap, nn.unswap])
def test_only_modules(function: object) -> None:
    with pytest.raises(ArgumentError, match=r"expected a torch\.nn\.Module to work on, got dict"):
        function({})  # type: ignore[operator]
