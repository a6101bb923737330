"""A model as ONNX, checked in ONNX Runtime."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import Module

from chainrule._modes import evaluating
from chainrule._optional import require
from chainrule.errors import ArgumentError, ExportError
from chainrule.export.agreement import check
from chainrule.export.model_call import ModelCall, call_of
from chainrule.export.programs import example, recorded
from chainrule.export.tensor_names import input_names_of, output_names_of

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram  # whose import takes as long as that of all of chainrule

__all__ = ["onnx"]


def onnx(
    model: Module,
    args: Any,
    kwargs: Mapping[str, Any] | None = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    tolerance: float | None = None,
) -> "ONNXProgram":
    """The model in evaluation as ONNX, for any batch and time: ``torch.onnx.export(dynamo=True)``, checked.

    ONNX's own RNN, GRU and LSTM are taken in float32, with ``lengths`` and peepholes too; its Scan for what they have
    not: layer normalisation, zoneout, projections, resets, other dtypes. States that the model is called with are
    inputs, those that it returns outputs, so that the file can stream; without, it starts from zeros.

    Args:
        model: what to export; it is left as it is.
        args: the arguments of its forward, a tuple, or one tensor.
        kwargs: its arguments by name.
        path: a file to write to.
        dynamic_shapes: as torch.export takes them; by default every size varies that the model lets vary.
        input_names: of all tensors in args and kwargs in their order; by default those of forward's parameters, and
            h_0 and c_0 of a recurrent layer.
        output_names: of all tensors in the output; by default "output", h_n and c_n of a recurrent layer, the keys
            of a dict or fields of a named tuple.
        opset_version: of ONNX's operators; by default the exporter's.
        tolerance: how far outputs in ONNX Runtime may differ from the model's, as a part of the largest number in
            each; by default that of TOLERANCES.

    Returns:
        torch's ONNXProgram: ``save`` writes it, ``model_proto`` is the onnx.ModelProto.

    Raises:
        ExportError: the model cannot be followed, a size that could vary was fixed, ONNX Runtime cannot run it, or it
            computes something else than the model.
        ArgumentError: an argument has a value that cannot work.
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.

    >>> import torch, chainrule
    >>> exported = onnx(chainrule.nn.GRU(3, 4), (torch.randn(7, 2, 3), torch.zeros(1, 2, 4)))
    >>> [value.name for value in exported.model_proto.graph.input]
    ['input', 'h_0']
    >>> [value.name for value in exported.model_proto.graph.output]
    ['output', 'h_n']
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        require(package, extra="export")
    call = call_of(model, args, kwargs)
    with evaluating(model.modules()):
        with torch.no_grad():
            result = model(*call.args, **call.kwargs)
        inputs = _names("input_names", input_names, input_names_of(call))
        outputs = _names("output_names", output_names, output_names_of(call, result, inputs))
        larger = example(call)
        shapes = larger.all_dynamic() if dynamic_shapes is None else dynamic_shapes
        record = partial(
            _record, dynamic_shapes=shapes, input_names=inputs, output_names=outputs, opset_version=opset_version
        )
        exported = recorded(larger, record)
        with TemporaryDirectory() as folder:
            file = Path(folder, "model.onnx")
            exported.save(file)
            run = _runner(file)
            assert exported.exported_program is not None
            check(call, exported.exported_program, run, tolerance=tolerance, every_size=dynamic_shapes is None)
    if path is not None:
        exported.save(path)
    return exported


def _names(argument: str, names: Sequence[str] | None, default: list[str]) -> list[str]:
    if names is None:
        return default
    if isinstance(names, str) or not all(isinstance(name, str) for name in names) or len(names) != len(default):
        raise ArgumentError(f"{argument} is {names!r}; expected {len(default)} names, one for each of {default}.")
    return list(names)


def _record(call: ModelCall, **options: Any) -> "ONNXProgram":
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = log.level
    log.setLevel(logging.ERROR)  # it would say each time that torchvision is missing, whose layers no model has then
    try:
        exported = torch.onnx.export(call.model, call.args, kwargs=call.kwargs, dynamo=True, verbose=False, **options)
    finally:
        log.setLevel(level)
    assert exported is not None
    return exported


def _runner(file: Path) -> Callable[[ModelCall], list[Tensor]]:
    """What runs the file in ONNX Runtime."""
    runtime = require("onnxruntime", extra="export")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # it raises its errors too
    try:
        session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has classes of its own for each, derived from Exception alone
        raise ExportError(
            f"ONNX Runtime cannot load the exported model: {error}. It has most operators in float32: model.float()."
        ) from error
    names = [value.name for value in session.get_inputs()]

    def run(call: ModelCall) -> list[Tensor]:
        inputs = [tensor.numpy(force=True) for tensor in call.tensors()]
        if len(inputs) != len(names):
            raise ExportError(f"the exported model has the inputs {names}, and the model was given {len(inputs)}.")
        try:
            outputs = session.run(None, dict(zip(names, inputs, strict=True)))
        except Exception as error:
            raise RuntimeError(f"ONNX Runtime: {error}") from error
        return [torch.from_numpy(output) for output in outputs]

    return run
