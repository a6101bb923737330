"""Ways that record a call once and run the record on other inputs: it must compute, not repeat."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import Module
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from tests.contract.modules import Streamed
from tests.contract.rule import Way
from tests.contract.subjects import Inputs, Subject
from tests.contract.ways.plain import learn, varied

__all__ = ["RECORDING"]

Run = Callable[..., Any]


class Around(Module):
    """A model around the module, which tools that take the inside of models apart do not enter."""

    def __init__(self, inner: Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Any:
        return self.inner(x + 0)


class AroundTwo(Around):
    def forward(self, x: Tensor, state: Any) -> Any:  # type: ignore[override]
        return self.inner(x + 0, state)


def around(model: Module, inputs: Inputs) -> Module:
    return (Around if len(inputs) == 1 else AroundTwo)(model)


def other(model: Module, inputs: Inputs) -> Any:
    return model(*varied(inputs))


def other_learned(model: Module, inputs: Inputs) -> Any:
    return learn(model, varied(inputs))


@torch.no_grad()
def traced_without_gradients(model: Module, inputs: Inputs) -> Any:
    return torch.jit.trace(model, inputs, check_trace=False)(*varied(inputs))


def traced(model: Module, inputs: Inputs) -> Any:
    return learn(torch.jit.trace(model, inputs, check_trace=False), varied(inputs))


@torch.no_grad()
def traced_checked(model: Module, inputs: Inputs) -> Any:
    """Of a model around it, frozen, with torch's own check of the trace."""
    return torch.jit.freeze(torch.jit.trace(around(model, inputs).eval(), inputs))(*varied(inputs))


def scripted(model: Module, inputs: Inputs) -> Any:
    return torch.jit.script(model)(*varied(inputs))


def symbolic(model: Module, inputs: Inputs) -> Any:
    return torch.fx.symbolic_trace(around(model, inputs))(*varied(inputs))


def made_fx(mode: Any) -> Run:
    def call(model: Module, inputs: Inputs) -> Any:
        weights = {name: w.detach() for name, w in model.named_parameters()}
        flat, spec = tree_flatten((weights, inputs))

        def run(*leaves: Tensor) -> Any:
            return functional_call(model, *tree_unflatten(leaves, spec))

        return make_fx(run, tracing_mode=mode)(*flat)(*tree_leaves((weights, varied(inputs))))

    return call


def exported(strict: bool) -> Run:
    """Without gradients: else torch records the backward pass of each scan at once, which takes four times as long."""

    @torch.no_grad()
    def call(model: Module, inputs: Inputs) -> Any:
        return torch.export.export(model, inputs, strict=strict).module()(*varied(inputs))

    return call


def exported_to_learn(model: Module, inputs: Inputs) -> Any:
    return learn(torch.export.export(model, inputs, strict=False).module(), varied(inputs))


@torch.no_grad()
def traced_resized(model: Module, inputs: Inputs, more: Inputs) -> Any:
    return torch.jit.trace(model, inputs, check_trace=False)(*more)


@torch.no_grad()
def exported_resized(model: Module, inputs: Inputs, more: Inputs) -> Any:
    """Batch and time are left open."""

    def open_(one: Tensor, other: Tensor) -> dict[int, Any]:
        pairs = enumerate(zip(one.shape, other.shape, strict=True))
        return {dim: torch.export.Dim.AUTO for dim, (size, larger) in pairs if size != larger}

    shapes = tree_map(open_, inputs, more)
    return torch.export.export(model, inputs, dynamic_shapes=shapes, strict=False).module()(*more)


def resized(model: Module, inputs: Inputs, more: Inputs) -> Any:
    return model(*more)


@torch.no_grad()
def exported_decomposed(model: Module, inputs: Inputs) -> Any:
    program = torch.export.export(model, inputs, strict=False).run_decompositions()
    return program.module()(*varied(inputs))


@torch.no_grad()
def exported_saved(model: Module, inputs: Inputs) -> Any:
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, inputs, strict=False), file)
    file.seek(0)
    return torch.export.load(file).module()(*varied(inputs))


def onnx(dynamo: bool) -> Run:
    def call(model: Module, inputs: Inputs) -> Any:
        file: Any = io.BytesIO()
        if dynamo:
            program = torch.onnx.export(model, inputs, dynamo=True, verbose=False)
            assert program is not None
            program.save(file)
        else:
            torch.onnx.export(model, inputs, file, dynamo=False)
        session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]
        given = [t.numpy() for t in tree_leaves(varied(inputs))]
        assert len(names) == len(given), f"the exported graph has {len(names)} inputs, the call {len(given)}"
        return [torch.from_numpy(np.asarray(y)) for y in session.run(None, dict(zip(names, given, strict=True)))]

    return call


def compiled(backend: str) -> Run:
    def call(model: Module, inputs: Inputs) -> Any:
        torch.compiler.reset()
        # torch leaves recurrent layers out of graphs, and streams stay outside of them
        whole = not any(isinstance(module, torch.nn.RNNBase | Streamed) for module in model.modules())
        made = torch.compile(model, backend=backend, fullgraph=whole)
        outputs = learn(made, inputs)
        with torch.no_grad():
            return [*outputs, *tree_leaves(made(*varied(inputs)))]

    return call


def twice(model: Module, inputs: Inputs) -> Any:
    return [*learn(model, inputs), *tree_leaves(model(*varied(inputs)))]


def quietly(run: Run) -> Run:
    """Without what torch says of its own deprecated parts and about constants in traces."""

    def call(model: Module, *inputs: Inputs) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run(model, *inputs)

    return call


def tagged(*tags: str) -> Callable[[Subject], bool]:
    return lambda subject: bool(subject.tags.intersection(tags))


def named(*names: str) -> Callable[[Subject], bool]:
    return lambda subject: subject.name in names


def takes_its_steps(subject: Subject) -> bool:
    recorded = "defined" in subject.tags or subject.name.endswith("-formula")
    return recorded and subject.name not in ("op-causal", "op-convolution-formula")


def takes_any_steps(subject: Subject) -> bool:
    return not takes_its_steps(subject)


def _way(name: str, run: Run, expected: Run = other, **more: Any) -> Way:
    # a stream lives outside of graphs
    return Way(name, quietly(run), expected, refused=(("stream", "stream|batch must be"),), **more)


ONNX: dict[str, Any] = {"dtype": torch.float32, "bound": 1e-4}  # the runtime has no float64 convolutions

RECORDING = [
    _way("trace", traced, other_learned),
    _way("trace-no-grad", traced_without_gradients),
    _way("trace-frozen", traced_checked, on=tagged("layer")),
    _way("script", scripted, on=tagged("layer")),
    _way("fx", symbolic),
    *(_way(f"make-fx-{mode}", made_fx(mode)) for mode in ("real", "fake")),
    _way("make-fx-symbolic", made_fx("symbolic"), on=tagged("layer")),
    _way("export", exported(strict=False), on=tagged("few", "some")),
    _way("trace-resized", traced_resized, resized, resized=True, on=takes_any_steps),
    # options that torch has not are recorded step by step: more steps are an error of TorchScript's, in words
    _way("trace-more-steps", traced_resized, resized=True, on=takes_its_steps, must_refuse=RuntimeError),
    _way("export-resized", exported_resized, resized, resized=True, on=tagged("few"), slow=True),
    _way("export-strict", exported(strict=True), on=tagged("few"), slow=True),
    _way("export-decomposed", exported_decomposed, on=tagged("few"), slow=True),
    _way(
        "export-to-learn",
        exported_to_learn,
        other_learned,
        on=lambda subject: subject.name in ("causal", "gru"),
        slow=True,
    ),
    _way("export-saved", exported_saved, on=named("gru"), slow=True),
    _way("onnx", onnx(dynamo=False), **ONNX),
    _way("onnx-dynamo", onnx(dynamo=True), on=named("causal", "gru"), **ONNX, slow=True),
    _way("compile-eager", compiled("eager"), twice, on=tagged("few", "some")),
    _way("compile-aot", compiled("aot_eager"), twice, on=tagged("few"), slow=True),
    _way("compile-inductor", compiled("inductor"), twice, on=named("conv1d"), slow=True),
]
