"""What holds where the kernels are switched off: test_without_kernels.py runs these in a process that has none."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import chainrule
from chainrule import functional, nn
from chainrule.errors import BackendError
from chainrule.ops.compiled import WHY_ABSENT
from tests.tolerances import close

B = 2
T = 6
I = 3
H = 4
X = torch.randn(B, T, I, dtype=torch.float64)


def weights(gates: int) -> tuple[Tensor, Tensor]:
    return torch.randn(gates * H, I, dtype=torch.float64), torch.randn(gates * H, H, dtype=torch.float64)


OPS: dict[str, Callable[..., Any]] = {
    "rnn": partial(functional.rnn, X, None, *weights(1)),
    "gru": partial(functional.gru, X, None, *weights(3)),
    "lstm": partial(functional.lstm, X, None, *weights(4)),
    "convolution": partial(functional.convolution, X.mT, torch.randn(5, I, 2, dtype=torch.float64)),
    "causal_convolution": partial(functional.causal_convolution, X.mT, torch.randn(5, I, 2, dtype=torch.float64)),
}


def test_they_are_off() -> None:
    assert WHY_ABSENT is not None


def flat(values: Any) -> list[Tensor]:
    return [values] if isinstance(values, Tensor) else [tensor for value in values for tensor in flat(value)]


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_a_backend_that_is_asked_for_by_name_says_why_and_how(op: Callable[..., Any]) -> None:
    with pytest.raises(BackendError, match="CHAINRULE_NO_KERNELS=1 switches the kernels off: unset it"):
        op(backend="cpu")


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_what_runs_instead_is_the_definition(op: Callable[..., Any]) -> None:
    for ours, defined in zip(flat(op()), flat(op(backend="reference")), strict=True):
        close(ours, defined)


@pytest.mark.parametrize("name", ["recurrence", "convolution", "recurrence_backward", "convolution_backward"])
def test_registered_ops_have_no_code(name: str) -> None:
    assert not torch._C._dispatch_has_kernel_for_dispatch_key(f"chainrule::{name}", "CPU")


class Model(torch.nn.Module):
    """Layers of torch.nn, to be swapped."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv1d(I, I, 3, padding=1)
        self.past = torch.nn.LSTM(I, H, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.past(self.conv(x.mT).mT)[0]
        return y


def outcome(model: Model) -> list[Tensor]:
    x = X.clone().requires_grad_()
    y = model(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *model.parameters()])]


def test_swapped_layers_compute_the_same() -> None:
    model = Model().double()
    before = outcome(model)
    chainrule.swap(model)
    for ours, theirs in zip(outcome(model), before, strict=True):
        close(ours, theirs)


def test_explain_says_it_once() -> None:
    model = Model()
    chainrule.swap(model)
    lines = str(chainrule.explain(model, X.float())).splitlines()
    assert len(lines) == 6
    assert all(line.endswith("torch, 1 thread; no kernels") for line in lines[:-1])
    assert lines[-1] == f"no kernels: {WHY_ABSENT}."
    assert "no kernels" not in str(chainrule.explain(nn.MinGRU(I, H), X.float()))


@pytest.mark.parametrize(
    "options",
    [
        {"resets": torch.rand(B, T) < 0.3},
        {"lengths": torch.tensor([T, 2])},
        {"resets": torch.rand(B, T) < 0.3, "lengths": torch.tensor([3, T])},
    ],
    ids=lambda options: "+".join(options),
)
def test_options_are_the_formulas(options: dict[str, Any]) -> None:
    for name in ("gru", "causal_convolution"):
        (call,) = chainrule.explain(OPS[name], **options).calls
        assert call.backend == "formula"
        assert call.reason.startswith(WHY_ABSENT or "")
        for ours, defined in zip(
            flat(OPS[name](**options)), flat(OPS[name](backend="reference", **options)), strict=True
        ):
            close(ours, defined)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_dtypes_run(dtype: torch.dtype) -> None:
    for layer in (nn.GRU(I, H), nn.CausalConv1d(T, 5, 2)):
        y, _ = layer.to(dtype)(X.to(dtype))
        assert y.dtype == dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert nn.LSTM(I, H)(X.float())[0].isfinite().all()


def test_streams_are_the_whole() -> None:
    gru = nn.GRU(I, H, batch_first=True).double()
    conv = nn.CausalConv1d(I, 5, 2).double()
    for stream, whole in ((gru.stream(B), gru(X)[0]), (conv.stream(B), conv(X.mT)[0].mT)):
        assert (stream.backend, stream.why) == ("layer", WHY_ABSENT)
        steps = np.stack([stream(step) for step in X.numpy().transpose(1, 0, 2)], axis=1)
        close(torch.from_numpy(steps), whole.detach())


def test_long_kernels_are_transformed() -> None:
    x = torch.randn(1, 1, 40_000, dtype=torch.float64)
    w = torch.randn(1, 1, 1000, dtype=torch.float64)
    (call,) = chainrule.explain(functional.convolution, x, w).calls
    assert call.backend == "fft"
    close(functional.convolution(x, w), torch.nn.functional.conv1d(x, w))


@pytest.mark.usefixtures("without_figures")
def test_a_text_is_fitted_scored_and_sampled(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the sea sees the sun. " * 60)
    run = chainrule.fit(tmp_path / "text.txt", "gru", out=tmp_path / "run", quiet=True, hidden=8, steps=3)
    assert np.isfinite(run.score().nats)
    assert len(run.sample(5, prompt="the ")) > 0
