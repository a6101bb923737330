"""Training on a GPU: the gradients of the CPU, and the same random numbers where steps run again."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from chainrule import nn as own
from chainrule.runs.kinds.building import build
from chainrule.training import (
    ALONE,
    FullBPTT,
    Optimisation,
    Progress,
    StreamFeed,
    Streams,
    TruncatedBPTT,
    estimate,
)
from chainrule.training.snapshot import load_snapshot, save_snapshot
from tests.gpu import CUDA, on_gpu
from tests.runs.cases import symbol_config, symbols

pytestmark = on_gpu


class Dropped(nn.Module):
    """A GRU whose inputs and outputs are dropped at random."""

    def __init__(self, layer: Any, rate: float) -> None:
        super().__init__()
        self.cell = layer(2, 3, batch_first=True)
        self.drop = nn.Dropout(rate)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, h = self.cell(self.drop(x), h)
        return self.drop(y), h


def made(layer: Any, rate: float) -> Dropped:
    torch.manual_seed(0)
    return Dropped(layer, rate).double().to(CUDA)


def collected(model: nn.Module) -> Tensor:
    gradients = [p.grad for p in model.parameters()]
    assert all(gradient is not None for gradient in gradients)
    found = torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]).cpu()
    model.zero_grad()
    return found


@pytest.mark.parametrize("layer", [own.GRU, nn.GRU])
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_bounded_memory_gives_the_plain_gradients(layer: Any, rate: float) -> None:
    model = made(layer, rate)
    x = torch.randn(2, 300, 2, dtype=torch.float64, device=CUDA)
    y = torch.zeros(2, 300, 3, dtype=torch.float64, device=CUDA)
    bptt = FullBPTT("60kB")
    plan = bptt.plan(model, mse_loss, x, y)
    assert plan.segments > 1
    torch.manual_seed(1)
    state: Any = None
    outputs = []
    for part in x.split(plan.length, dim=1):
        output, state = model(part, state)
        outputs.append(output)
    loss = mse_loss(torch.cat(outputs, dim=1), y)
    loss.backward()
    expected = collected(model)
    drawn = torch.rand(3, device=CUDA)
    torch.manual_seed(1)
    bounded, last = bptt(model, mse_loss, x, y)
    torch.testing.assert_close(collected(model), expected, rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(bounded, loss.detach(), rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(last, state.detach(), rtol=1e-8, atol=1e-12)
    assert torch.equal(torch.rand(3, device=CUDA), drawn), "the generator is left where one pass leaves it"


@pytest.mark.parametrize("windows", [(8, 8), (4, 12)])
def test_truncated_gradients_are_those_of_the_cpu(windows: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = own.LSTM(3, 5, batch_first=True).double()
    x = torch.randn(4, 24, 3, dtype=torch.float64)
    found = []
    for device in (torch.device("cpu"), CUDA):
        model.to(device)
        place: Any = None
        total = 0.0
        for part in x.to(device).split(windows[0], dim=1):
            loss, place = TruncatedBPTT(*windows)(model, lambda output, y: output.square().mean(), part, part, place)
            total += loss.item()
        found.append((collected(model), total))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-8, atol=1e-12)
    assert found[1][1] == pytest.approx(found[0][1])


@pytest.mark.parametrize("layer", [own.GRU, nn.GRU])
def test_what_a_window_loses_is_estimated(layer: Any) -> None:
    torch.manual_seed(0)
    model = layer(1, 8, batch_first=True)
    x = torch.randn(4, 64, 1)
    found = [
        estimate(model.to(device), mse_loss, x.to(device), x.expand(4, 64, 8).to(device), windows=[(4, 4), (64, 64)])
        for device in (torch.device("cpu"), CUDA)
    ]
    for one, other in zip(*found, strict=True):
        assert one.lost == pytest.approx(other.lost, abs=5e-3)


def test_a_checkpoint_keeps_the_random_numbers_of_the_gpu(tmp_path: Path) -> None:
    config = symbol_config(symbols(600))
    model = build(config.data, config.model).to(CUDA)
    feed = StreamFeed(Streams(symbols(600).documents, 4, 8))
    optimisation = Optimisation(model, feed, config.training, group=ALONE, schedule=1.0)
    optimisation.step(Progress())
    save_snapshot(tmp_path / "last", optimisation, Progress())
    drawn = torch.rand(3, device=CUDA)
    load_snapshot(tmp_path / "last", optimisation)
    assert torch.equal(torch.rand(3, device=CUDA), drawn)
    assert all(parameter.device == CUDA for parameter in model.parameters())
    optimisation.step(Progress())  # the moments are there too


def test_a_feed_goes_on_from_what_the_cpu_left() -> None:
    data = symbols(600)
    config = symbol_config(data)
    torch.manual_seed(0)
    model = build(config.data, config.model)

    def feed() -> StreamFeed:
        return StreamFeed(Streams(data.documents, 4, 4), TruncatedBPTT(4, 12))

    one = feed()
    losses = [one.backward(model)[0] for _ in range(3)]
    state = one.state()
    expected = one.backward(model)[0]
    other = feed()
    other.restore(state)
    assert other.backward(model.to(CUDA))[0] == pytest.approx(expected, rel=1e-3)
    assert all(tensor.device.type in ("cpu", "cuda") for tensor in other.state().values())
    assert losses[0] > 0
