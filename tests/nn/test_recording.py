"""torch.fx, its tools and TorchScript find at chainrule's layers what they find at torch.nn's."""

import copy
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import chainrule
from chainrule.errors import ExportError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 3, padding=1)
        self.lstm = nn.LSTM(4, 5, num_layers=2, batch_first=True)
        self.gru = nn.GRU(5, 2, batch_first=True)
        self.rnn = nn.RNN(2, 2, batch_first=True)
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 3, 1))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y, state = self.lstm(torch.relu(self.conv(x)).transpose(1, 2), state)
        z = self.rnn(self.gru(y)[0])[0]
        return self.normed(z.transpose(1, 2)), state


def nets() -> tuple[nn.Module, nn.Module]:
    """torch's, and the same swapped."""
    theirs = Net().eval()
    ours = copy.deepcopy(theirs)
    chainrule.swap(ours)
    return theirs, ours


def inputs(B: int = 2, T: int = 9) -> tuple[Any, ...]:
    return torch.randn(B, 3, T), (torch.randn(2, B, 5), torch.randn(2, B, 5))


def test_a_swapped_model_has_the_graph_that_it_had() -> None:
    theirs, ours = map(fx.symbolic_trace, nets())
    assert str(ours.graph) == str(theirs.graph)
    assert type(ours.get_submodule("lstm")) is chainrule.nn.LSTM
    given = inputs()
    torch.testing.assert_close(ours(*given)[0], theirs(*given)[0])


def test_options_of_a_call_are_in_its_node() -> None:
    class Reset(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = chainrule.nn.GRU(3, 4, batch_first=True)
            self.causal = chainrule.nn.CausalConv1d(3, 4, 2)

        def forward(self, x: Tensor, resets: Tensor) -> Any:
            return self.gru(x, resets=resets), self.causal(x.transpose(1, 2), resets=resets)

    model = Reset()
    x = torch.randn(2, 6, 3)
    resets = torch.rand(2, 6) < 0.4
    torch.testing.assert_close(fx.symbolic_trace(model)(x, resets), model(x, resets))


class Extractor(fx.Tracer):
    """As those that extract features by the names of modules: it has a leaf_modules of its own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name == "conv" or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        proxy = super().call_module(m, forward, args, kwargs)
        (proxy[0] if isinstance(m, nn.RNNBase) else proxy).node.meta["of"] = self.path_of_module(m)
        return proxy


def test_feature_extractors_find_the_layers_by_name() -> None:
    _, ours = nets()
    graph = Extractor().trace(ours)
    assert {"conv", "lstm", "gru", "rnn", "normed"} == {node.meta["of"] for node in graph.nodes if "of" in node.meta}


def test_a_convolution_alone_is_traced_as_torchs_operations() -> None:
    layer = nn.Conv1d(3, 4, 3, padding=1, padding_mode="reflect")
    graph = fx.symbolic_trace(layer).graph
    chainrule.swap(layer)
    assert str(fx.symbolic_trace(layer).graph) == str(graph)


def test_a_recurrence_alone_cannot_be_traced_and_says_so() -> None:
    with pytest.raises(ExportError, match="Trace a model that contains the layer"):
        fx.symbolic_trace(chainrule.nn.GRU(3, 4))


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("name", ["fuse", "optimize_for_inference"])
def test_tools_that_fuse_leave_the_numbers(name: str) -> None:
    tool = getattr(import_module("torch.fx.experimental.optimization"), name)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    chainrule.swap(model)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(tool(model)(x), model(x))
    chainrule.unswap(model)
    torch.testing.assert_close(tool(model)(x), model(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_scripted_model_is_torchs_and_loads_without_chainrule(tmp_path: Path) -> None:
    theirs, ours = nets()
    layer = ours.get_submodule("conv")
    with pytest.warns(UserWarning, match=r"chainrule.swap\(model\) to get chainrule's back"):
        torch.jit.script(layer)
    assert type(layer) is chainrule.nn.Conv1d
    del ours.normed, theirs.normed  # torch cannot script a parametrized layer
    ours.normed = theirs.normed = nn.Identity()
    with pytest.warns(UserWarning, match=r"chainrule.swap\(model\)"):
        scripted = torch.jit.script(ours)
    assert type(ours.conv) is nn.Conv1d, "torch puts what it compiled into the model; the docs say so"
    assert ours.conv.weight is layer.weight
    x, state = inputs()
    torch.testing.assert_close(scripted(x, state), theirs(x, state))
    scripted.save(tmp_path / "model.pt")
    with torch.no_grad():
        torch.save(((x, state), theirs(x, state)), tmp_path / "call")
    code = (
        "import sys; sys.modules['chainrule'] = None; import torch; x, y = torch.load(sys.argv[2]); "
        "torch.testing.assert_close(torch.jit.load(sys.argv[1])(*x), y)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "model.pt"), str(tmp_path / "call")]
    subprocess.run(command, check=True)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("layer", [chainrule.nn.CausalConv1d(3, 4, 5), chainrule.nn.LSTM(3, 4, peepholes=True)])
def test_what_torch_has_not_cannot_be_scripted_and_says_so(layer: nn.Module) -> None:
    with pytest.raises(ExportError, match=r"torch.jit.trace, or export it with chainrule.export"):
        torch.jit.script(nn.Sequential(layer))
