"""The linear path past a network: what it starts as, that it is the linear AR's, and that nothing fed back blows up."""

from itertools import cycle, product
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.data import Transform
from chainrule.models import LATENT, ModelConfig, SeriesModel, build_series_model, fit_least_squares, fit_path
from chainrule.models.linear import regress
from chainrule.models.skip import SkipEncoder, path_order

NETWORKS = ["mlp", "conv", *LATENT]
TRANSFORMS = ("none", "standardise", "difference", "log-return")


def wave(columns: int = 1, steps: int = 240) -> np.ndarray:
    """Positive, with a season of 12 and noise."""
    t = np.arange(steps)[:, None] + np.arange(columns)
    noise = np.random.default_rng(0).normal(size=(steps, columns))
    return np.asarray(20 + 5 * np.sin(2 * np.pi * t / 12) + noise)


def network(name: str, transform: str, x: np.ndarray, skip: int, head: Any = "gaussian") -> SeriesModel:
    torch.manual_seed(0)
    config = ModelConfig(name, hidden=8, window=8, skip=skip, head=head)
    model = build_series_model(config, Transform.fit(transform, x))
    fit_path(model, torch.from_numpy(x))
    return model


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_without_its_own_outputs_a_network_is_the_linear_ar(name: str, columns: int) -> None:
    x = wave(columns)
    model = network(name, "standardise", x, skip=4).double()
    linear = build_series_model(ModelConfig("ar", window=4), model.transform)
    fit_least_squares(linear, torch.from_numpy(x), stable=True)
    torch.nn.init.zeros_(model.head.outputs.weight)
    torch.nn.init.zeros_(model.head.outputs.bias)
    ours, theirs = (of.log_prob(torch.from_numpy(x)[None])[0, 4:] for of in (model, linear))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)  # but for the floor of the scale
    torch.testing.assert_close(model.head.factor, linear.head.factor)


def test_a_path_has_the_order_of_least_bic_and_of_a_season() -> None:
    x = wave(steps=600)
    order = path_order(Transform.fit("standardise", x), torch.from_numpy(x), season=12)
    assert 2 <= order <= 24
    repeated = np.tile(wave(steps=12), (30, 1))
    assert path_order(Transform.fit("standardise", repeated), torch.from_numpy(repeated), season=12) == 1


@pytest.mark.parametrize("transform", ["none", "difference"])
def test_a_path_that_cannot_be_fitted_repeats_the_last_value(transform: str) -> None:
    x = np.tile(np.array([[1.0], [4.0], [2.0], [5.0]]), (20, 1))  # predicted by the past without error
    encoder = network("gru", transform, x, skip=6).encoder
    assert isinstance(encoder, SkipEncoder)
    z = torch.tensor([[[3.0], [7.0]]])
    assert encoder(z)[0][0, :, -1].tolist() == ([0.0, 0.0] if transform == "difference" else [3.0, 7.0])


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("name", "transform", "head"),
    [(*pair, head) for pair, head in zip(product(NETWORKS, TRANSFORMS[:3]), cycle(["gaussian", "student"]))],
)
def test_no_weights_make_paths_grow_exponentially(name: str, transform: str, head: Any) -> None:
    x = wave(2)
    model = network(name, transform, x, skip=3, head=head)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.mul_(4)
    paths = model.forecast(torch.from_numpy(x), horizon=600, paths=4) - x.mean()
    early = float(paths[:, :300].abs().max())
    late = float(paths[:, 300:].abs().max())
    assert late < 4 * early


def test_roots_outside_the_circle_are_brought_inside() -> None:
    x = wave() + 1.05 ** np.arange(240)[:, None]
    model = network("gru", "standardise", x, skip=4)
    z = model.transform.apply(torch.from_numpy(x))
    assert regress(z, 4).radius > 1
    assert isinstance(model.encoder, SkipEncoder)
    kernel = model.encoder.path.window.weight.detach().double()
    assert max(abs(np.roots([1.0, *(-kernel[0, 0].flip(0)).tolist()]))) == pytest.approx(0.999, abs=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_path_the_output_layer_is_all(name: str) -> None:
    x = wave()
    model = network(name, "standardise", x, skip=0)
    assert not isinstance(model.encoder, SkipEncoder)
    z = torch.from_numpy(x[None, :-1]).float()
    features, _ = model.encoder(z)
    location = model.head(features).mean
    W = model.head.outputs.weight[:1]
    b = model.head.outputs.bias[:1]
    torch.testing.assert_close(location, features @ W.T + b)
