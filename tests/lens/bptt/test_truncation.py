"""What truncation strikes out, beside a layer whose state is detached."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.lens.cases import T, close, inputs, layer_of, look


@pytest.mark.parametrize("name", ["rnn_relu without biases", "gru normalised and zoned out", "lstm projected"])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_truncation_is_what_detaching_leaves(name: str, k: int) -> None:
    layer = layer_of(name).eval()
    x = inputs()
    found = look(layer, x, lambda result: result[0].square().sum()).truncation(k)
    layer.zero_grad()
    state: Any = None
    for start in range(0, T, k):
        y, state = layer(x[:, start : start + k], state)
        y.square().sum().backward()
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
    cut = torch.cat([layer.get_parameter(name).grad.flatten() for name in found.gradients])  # type: ignore[union-attr]
    layer.zero_grad()
    layer(x)[0].square().sum().backward()
    full = torch.cat([layer.get_parameter(name).grad.flatten() for name in found.gradients])  # type: ignore[union-attr]
    close(np.concatenate([g[0].ravel() for g in found.gradients.values()]), cut)
    assert found.lost[0] == pytest.approx(float((full - cut).norm() / full.norm()), abs=1e-10)
    assert found.cosine[0] == pytest.approx(float(full @ cut / full.norm() / cut.norm()))
