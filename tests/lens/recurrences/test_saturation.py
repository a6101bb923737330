"""Saturated units: the gradient through them is mostly rounding, which is no disagreement; an error still is one."""

import pytest
import torch

from chainrule.errors import DisagreementError
from chainrule.ops.recurrence.cells.gru import GRUFormula
from tests.lens.cases import LAYERS, inputs, layer_of, look

AMPLITUDES = (30, 300)


def last_of(result: tuple[torch.Tensor, object]) -> torch.Tensor:
    """A loss of the last step alone, so that all that earlier ones receive comes through the units."""
    return result[0][:, -1].sum()


@pytest.mark.sampled(0)
@pytest.mark.parametrize("amplitude", AMPLITUDES)
@pytest.mark.parametrize("name", LAYERS)
def test_saturated_layers_agree_with_autograd(name: str, amplitude: float) -> None:
    for seed in range(4):
        layer = layer_of(name, seed)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.mul_(2)
        found = look(layer, amplitude * inputs(seed, rows=2, steps=12), last_of)
        assert found.agreement.error < 1e-9


@pytest.mark.parametrize("amplitude", AMPLITUDES)
def test_an_error_among_saturated_units_is_found(amplitude: float, monkeypatch: pytest.MonkeyPatch) -> None:
    right = GRUFormula.step_backward
    monkeypatch.setattr(
        GRUFormula, "step_backward", lambda self, *args: tuple(d * (1 + 1e-6) for d in right(self, *args))
    )
    with pytest.raises(DisagreementError, match="the gradient of the"):
        look(layer_of("torch's gru"), amplitude * inputs(steps=12), last_of)
