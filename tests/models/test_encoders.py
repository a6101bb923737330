"""Receptive fields: the figure is what is measured."""

import pytest
import torch
from torch import nn

from chainrule.models import ModelConfig, build_series_model, build_symbol_model
from chainrule.models.encoders import AREncoder, ConvEncoder, Encoder, MLPEncoder
from tests.models.cases import CONFIGS, one_channel, series_model, values


def measured(encoder: Encoder, steps: int) -> int:
    """From the oldest input that the last output depends on, to the last."""
    x = torch.randn(1, steps, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    features, _ = encoder(x)
    (gradient,) = torch.autograd.grad(features[0, -1].sum(), x)
    return steps - int(gradient[0].abs().sum(1).nonzero()[0])


@pytest.mark.parametrize(
    "encoder",
    [
        *(AREncoder(2, 3, tau) for tau in (1, 4)),
        *(MLPEncoder(2, 3, tau, layers) for tau in (1, 4) for layers in (1, 3)),
        *(ConvEncoder(2, 4, layers, kernel) for layers in (1, 2, 4) for kernel in (1, 2, 3)),
    ],
    ids=lambda e: f"{type(e).__name__}-{e.receptive_field}",
)
def test_the_receptive_field_is_the_measured_one(encoder: nn.Module) -> None:
    encoder = encoder.double()
    assert measured(encoder, steps=40) == encoder.receptive_field  # type: ignore[arg-type]


@pytest.mark.parametrize("config", [c for n, c in CONFIGS.items() if n[:-1] in ("ar", "mlp", "conv")], ids=str)
def test_a_window_model_sees_its_window_before_the_step_it_predicts(config: ModelConfig) -> None:
    model = series_model(config, one_channel("standardise"))
    x = values(1, 12, channels=1).requires_grad_()
    (gradient,) = torch.autograd.grad(model.log_prob(x)[0, 10], x)
    tau = model.encoder.receptive_field
    assert tau == config.window
    assert gradient[0, :, 0].nonzero().flatten().tolist() == list(range(10 - tau, 11))


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 8, 9, 64, 100])
def test_layers_for_gives_the_fewest_that_reach(window: int, kernel: int) -> None:
    layers = ConvEncoder.layers_for(window, kernel)
    reach = [ConvEncoder(1, 1, n, kernel).receptive_field or 0 for n in range(1, layers + 1)]
    assert reach[-1] >= window
    assert all(shorter < window for shorter in reach[:-1])


def test_conv_has_the_layers_that_its_window_needs() -> None:
    assert build_symbol_model(ModelConfig("conv", hidden=4, window=33), 5).encoder.receptive_field == 64


def test_a_receptive_field_shorter_than_the_window_warns() -> None:
    config = ModelConfig("conv", hidden=4, layers=3, window=9)
    with pytest.warns(UserWarning, match="conv with 3 layer.* is 8 steps, shorter than the window of 9 .* needs 4"):
        build_series_model(config, one_channel("none"))


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_a_latent_model_sees_everything(name: str) -> None:
    model = series_model(CONFIGS[f"{name}2"], one_channel("standardise"))
    assert model.encoder.receptive_field is None
    x = values(1, 12, channels=1).requires_grad_()
    (gradient,) = torch.autograd.grad(model.log_prob(x)[0, -1], x)
    assert bool((gradient != 0).all())
