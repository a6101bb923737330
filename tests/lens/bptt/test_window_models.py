"""Window models: the receptive field in the horizon's place, against passes of autograd over the whole sequence."""

import numpy as np
import pytest
import torch

from chainrule.data import Transform
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens import ThroughWindow, through_time
from chainrule.lens.bptt import window_models as windows
from chainrule.models import ModelConfig, SeriesModel, build_series_model, build_symbol_model

WINDOW = 4


def model_of(name: str) -> SeriesModel:
    torch.manual_seed(0)
    config = ModelConfig("ar", window=WINDOW) if name == "ar" else ModelConfig(name, hidden=6, window=WINDOW)
    model = build_series_model(config, Transform("standardise", (0.0, 1.0), (1.0, 2.0)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def values(steps: int = 12) -> torch.Tensor:
    return torch.randn(2, steps, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("name", ["ar", "mlp", "conv"])
def test_the_map_is_what_the_last_values_receive_and_no_others(name: str) -> None:
    """dL_t/dz of what enters the network, which is dL_t/dx times the transform's scale but for x_t's own use."""
    model = model_of(name)
    x = values()
    found = through_time(model, x)
    assert isinstance(found, ThroughWindow)
    reach = found.reach()
    assert reach.receptive_field == WINDOW
    scale = torch.tensor([1.0, 2.0], dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    losses = -model.double().log_prob(leaf)
    np.testing.assert_allclose(found.losses, losses.detach().numpy(), rtol=1e-10)
    for t in range(12):
        (gradient,) = torch.autograd.grad(losses[:, t].sum(), leaf, retain_graph=True)
        for i in range(1, t + 1):  # the input of step i is x_{i-1}
            expected = (gradient[:, i - 1] * scale).norm(dim=-1).numpy()
            np.testing.assert_allclose(reach.norms[:, t, i], expected, rtol=1e-9, atol=1e-14)
        assert (reach.norms[:, t, : max(0, t + 1 - WINDOW)] == 0).all()
        assert np.isnan(reach.norms[:, t, t + 1 :]).all()


def test_of_an_ar_the_curve_is_its_coefficients() -> None:
    model = build_series_model(ModelConfig("ar", window=3), Transform("none", (0.0,), (1.0,)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # the scale of the head becomes 1
        kernel = torch.tensor([0.001, 0.2, 1.0], dtype=torch.float64).view(1, 1, 3)
        model.get_parameter("encoder.window.weight").copy_(kernel)
    x = torch.ones(1, 10, 1, dtype=torch.float64)
    found = through_time(model, x)
    reach = found.reach()
    error = 1 - 1.201  # of a Gaussian with scale 1: dL_t/dx_{t-k} = -(x_t - m_t) a_k
    np.testing.assert_allclose(reach.norms[0, 9, 9:6:-1], abs(error) * np.array([1, 0.2, 0.001]), rtol=1e-9)
    assert "the model sees the last 3 inputs" in reach.verdict
    assert "those older than 2 receive less than 1 %" in reach.verdict


@pytest.mark.parametrize("name", ["ar", "mlp", "conv"])
def test_symbols_resets_and_states(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    config = ModelConfig("ar", window=WINDOW) if name == "ar" else ModelConfig(name, hidden=6, window=WINDOW)
    model = build_symbol_model(config, symbols=5)
    x = torch.randint(0, 5, (2, 14))
    resets = torch.zeros(2, 14, dtype=torch.bool)
    resets[0, 8] = True
    found = through_time(model, x, resets=resets).reach()
    assert (found.norms[0, 9, :8] == 0).all()  # what lies before the reset is not seen
    assert found.norms[1, 9, 7] > 0
    state = model.read(x[:, :4])
    carried = through_time(model, x[:, 4:], state=state).reach()
    whole = through_time(model, x).reach()
    assert carried.targets == tuple(range(WINDOW + 1, 10))
    np.testing.assert_allclose(carried.norms, whole.norms[:, [t + 4 for t in carried.targets], 4:], atol=1e-12)
    monkeypatch.setattr(windows, "_STEPS", 20)  # many passes
    np.testing.assert_allclose(through_time(model, x).reach().norms, whole.norms, atol=1e-14)
    monkeypatch.setattr(windows, "_TARGETS", 5)
    assert len(through_time(model, x).reach().targets) == 5


def test_what_a_window_model_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("conv")
    x = values()
    with pytest.raises(ArgumentError, match="leave out `y`, `layer` and `lengths`"):
        through_time(model, x, lengths=[3, 2])
    with pytest.raises(ShapeError, match="a batch of sequences"):
        through_time(model, x[0, :, 0])
    state = model.read(x[:, :4])
    with pytest.raises(ArgumentError, match="Give at least 6 steps, or no state"):
        through_time(model, x[:, 4:9], state=state).reach()
    with pytest.raises(ArgumentError, match="`targets` must be 5 or later"):
        through_time(model, x[:, 4:], state=state).reach(targets=[3])
    with pytest.raises(ArgumentError, match=r"2 rows of 150,000 steps; expected at most 200,000 steps"):
        through_time(model, torch.zeros(2, 150_000, 2))
    monkeypatch.setattr(windows, "_KEPT", 2 * 12 * 5)
    assert len(through_time(model, x).reach().targets) == 5
    with pytest.raises(ArgumentError, match=r"a map of 6 targets is too large .* Give at most 5"):
        through_time(model, x).reach(targets=range(6))
