"""Every layer in ONNX Runtime, for other batches and lengths than it was exported with."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxscript
import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

import chainrule
from chainrule import export
from chainrule.errors import ArgumentError, ExportError
from chainrule.export import onnx_model
from chainrule.export.model_call import call_of
from chainrule.export.tensor_names import input_names_of, output_names_of

Arguments = Callable[[int, int], tuple[tuple[Any, ...], dict[str, Any]]]

randn = torch.randn


def lengths(B: int, T: int) -> Tensor:
    """One of them 0, one of them T."""
    return torch.tensor([T, *(n % (T + 1) for n in range(B - 1))])


def steps(B: int, T: int, states: tuple[tuple[int, int], ...] = (), dtype: torch.dtype = torch.float32) -> Any:
    """x of three features and the states of a recurrent layer, each of (layers, width)."""
    x = randn(T, B, 3, dtype=dtype)
    hx = tuple(randn(count, B, width, dtype=dtype) for count, width in states)
    return ((x, *(hx if len(hx) < 2 else (hx,))), {})


def ragged(B: int, T: int, resets: bool) -> Any:
    (x, h), _ = steps(B, T, ((2, 4),))
    return (x, h), {"lengths": lengths(B, T), **({"resets": torch.rand(B, T) < 0.3} if resets else {})}


def signal(B: int, T: int, state: int = 0) -> Any:
    return ((randn(B, 4, T), *([randn(B, 4, state)] if state else [])), {})


LAYERS: dict[str, tuple[nn.Module, Arguments, str]] = {
    "rnn relu": (chainrule.nn.RNN(3, 4, nonlinearity="relu", bias=False), partial(steps, states=((1, 4),)), "RNN"),
    "gru both ways": (chainrule.nn.GRU(3, 4, bidirectional=True), partial(steps, states=((2, 4),)), "GRU"),
    "lstm peepholes": (chainrule.nn.LSTM(3, 4, peepholes=True), partial(steps, states=((1, 4), (1, 4))), "LSTM"),
    "lstm projected": (chainrule.nn.LSTM(3, 4, proj_size=2), partial(steps, states=((1, 2), (1, 4))), "Scan"),
    "lstm options": (chainrule.nn.LSTM(3, 4, layer_norm=True, zoneout=(0.1, 0.2)), steps, "Scan"),
    "gru float64": (chainrule.nn.GRU(3, 4, dtype=torch.float64), partial(steps, dtype=torch.float64), "Scan"),
    "gru lengths": (chainrule.nn.GRU(3, 4, bidirectional=True), partial(ragged, resets=False), "GRU"),
    "gru resets": (chainrule.nn.GRU(3, 4, bidirectional=True), partial(ragged, resets=True), "Scan"),
    "conv1d": (chainrule.nn.Conv1d(4, 4, 3, padding=2, padding_mode="circular", groups=2), signal, "Conv"),
    "causal": (chainrule.nn.CausalConv1d(4, 4, 3, dilation=2), partial(signal, state=4), "Conv"),
}


def outputs(model: nn.Module, args: Any, kwargs: Any) -> list[Any]:
    with torch.no_grad():
        return [leaf.numpy() for leaf in pytree.tree_leaves(model.eval()(*args, **kwargs))]


def run(exported: Any, args: Any, kwargs: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(exported.model_proto.SerializeToString())
    names = [value.name for value in session.get_inputs()]
    tensors = [leaf.numpy() for leaf in pytree.tree_leaves((args, kwargs))]
    return list(session.run(None, dict(zip(names, tensors, strict=True))))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_onnx_runtime_is_the_layer(name: str) -> None:
    layer, arguments, operator = LAYERS[name]
    args, kwargs = arguments(2, 6)
    exported = export.onnx(layer, args, kwargs)
    assert operator in {node.op_type for node in exported.model_proto.graph.node}
    args, kwargs = arguments(5, 9)
    for ours, theirs in zip(outputs(layer, args, kwargs), run(exported, args, kwargs), strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)


class Tagger(nn.Module):
    """A model as it is deployed: tokens and states in, scores and states out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 3)
        self.score = nn.Linear(4, 20)
        self.conv = chainrule.nn.CausalConv1d(3, 3, 4)
        self.drop = nn.Dropout(0.5)
        self.lstm = chainrule.nn.LSTM(3, 4, batch_first=True)

    def forward(self, tokens: Tensor, past: Any = None, hidden: Any = None) -> dict[str, Any]:
        x, past = self.conv(self.embed(tokens).transpose(1, 2), past)
        y, hidden = self.lstm(x.transpose(1, 2), hidden)
        return {"scores": self.score(self.drop(y)), "past": past, "hidden": hidden}


@pytest.mark.slow
def test_a_file_streams_as_its_states_are_inputs_and_outputs(tmp_path: Path) -> None:
    model = Tagger()
    tokens = torch.randint(20, (3, 12))
    example = (tokens[:1, :5], randn(1, 3, 3), (randn(1, 1, 4), randn(1, 1, 4)))
    file = tmp_path / "model.onnx"
    export.onnx(model, example, path=file)
    assert model.training, "it is left as it was"
    assert model.lstm.training
    onnx.checker.check_model(file)
    session = onnxruntime.InferenceSession(file)
    assert [value.name for value in session.get_inputs()] == ["tokens", "past", "hidden_0", "hidden_1"]
    names = [value.name for value in session.get_outputs()]
    assert names == ["scores", "past_out", "hidden_0_out", "hidden_1_out"]
    states = [np.zeros((3, 3, 3), np.float32), *(np.zeros((1, 3, 4), np.float32) for _ in range(2))]
    scores = []
    for chunk in tokens.split([4, 1, 7], dim=1):
        given = dict(zip(["tokens", "past", "hidden_0", "hidden_1"], [chunk.numpy(), *states], strict=True))
        score, *states = session.run(None, given)
        scores.append(score)
    whole = outputs(model, (tokens,), {})
    np.testing.assert_allclose(np.concatenate(scores, 1), whole[0], atol=1e-5)
    for ours, theirs in zip(whole[1:], states, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)


def test_names_of_a_layer_are_those_of_its_documentation() -> None:
    layer = chainrule.nn.LSTM(3, 4)
    call = call_of(layer, steps(2, 6, ((1, 4), (1, 4)))[0], None)
    inputs = input_names_of(call)
    assert inputs == ["input", "h_0", "c_0"]
    assert output_names_of(call, layer(*call.args), inputs) == ["output", "h_n", "c_n"]


@pytest.mark.slow
def test_torchs_own_export_of_a_gru_is_refused_as_it_computes_something_else(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    with pytest.raises(ExportError, match="the exported model"):
        export.onnx(nn.GRU(3, 4), randn(6, 2, 3), path=file)
    assert not file.exists()


@pytest.mark.slow
def test_a_difference_is_said_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = chainrule.nn.Conv1d(4, 4, 3)
    file = tmp_path / "model.onnx"
    record = onnx_model._record

    def wrong(call: Any, **options: Any) -> Any:
        """As of an exporter with a small error."""
        with torch.no_grad():
            layer.weight.mul_(1.001)
            exported = record(call, **options)
            exported.save(tmp_path / "read")  # its weights are those of the layer otherwise
            layer.weight.div_(1.001)
        return torch.onnx.ONNXProgram(onnxscript.ir.load(tmp_path / "read"), exported.exported_program)

    monkeypatch.setattr(onnx_model, "_record", wrong)
    with pytest.raises(ExportError, match=r"differs from the model's by 0.00\d+ of its largest number"):
        export.onnx(layer, randn(2, 4, 9), path=file)
    assert not file.exists()


def test_what_cannot_be_exported_is_said_before_anything_is_recorded() -> None:
    layer = chainrule.nn.GRU(3, 4)
    x = randn(6, 2, 3)
    with pytest.raises(ArgumentError, match="expected a torch"):
        export.onnx(3, x)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="do not fit GRU"):
        export.onnx(layer, (x, None, None, None, False, 5))
    with pytest.raises(ArgumentError, match="hold no tensor"):
        export.onnx(layer, ())
    with pytest.raises(ArgumentError, match="without entries"):
        export.onnx(layer, x[:0])
    with pytest.raises(ArgumentError, match="expected 1 names"):
        export.onnx(layer, x, input_names=["x", "y"])
    with pytest.raises(ArgumentError, match="tolerance must be"):
        export.program(layer, x, tolerance=-1.0)
