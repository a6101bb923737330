"""AdamW without torch's compiler: it is torch's, and none of its methods loads the compiler."""

import sys
from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from chainrule.training.optimisers.adamw import AdamW
from chainrule.training.optimisers.muon import Muon


def weights_after(kind: type[torch.optim.AdamW], fused: bool) -> list[Tensor]:
    """Five steps, of which two after the state was restored in another optimiser."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimiser = kind(model.parameters(), lr=0.1, weight_decay=0.01, fused=fused)
    for step in range(5):
        if step == 3:
            state = optimiser.state_dict()
            optimiser = kind(model.parameters(), fused=fused)
            optimiser.load_state_dict(state)
        optimiser.zero_grad()
        model(torch.randn(4, 3)).square().sum().backward()
        optimiser.step()
    assert optimiser.param_groups[0]["lr"] == 0.1
    return [*model.parameters(), *chain(*(state.values() for state in optimiser.state.values()))]


@pytest.mark.parametrize("fused", [False, True])
def test_it_is_torchs_to_the_bit(fused: bool) -> None:
    found = zip(weights_after(AdamW, fused), weights_after(torch.optim.AdamW, fused), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in found)


def test_a_loss_in_a_closure_is_asked_for_with_gradients() -> None:
    w = nn.Parameter(torch.ones(2))

    def loss() -> Tensor:
        found = w.square().sum()
        found.backward()
        return found

    assert AdamW([w], lr=0.1).step(loss) == 2
    assert (w < 1).all()


def test_no_compiler_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # to import it is an error
    w = nn.Parameter(torch.ones(4, 2))
    for optimiser in (AdamW([w], lr=0.1, fused=True), Muon([(w, 2)], lr=0.1)):
        optimiser.zero_grad()
        w.square().sum().backward()
        optimiser.step()
        optimiser.load_state_dict(optimiser.state_dict())
