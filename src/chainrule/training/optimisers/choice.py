"""The optimisers of a model's weights, as a config asks for them."""

import torch
from torch import nn

from chainrule.training.optimisers.adamw import AdamW
from chainrule.training.optimisers.muon import Muon, hidden_matrices
from chainrule.training.settings import TrainingConfig

__all__ = ["SCALES", "optimisers_of"]

_BETAS = (0.9, 0.98)
SCALES = {"adamw": 1.0, "muon": 4.0}
"""What each multiplies the learning rate by: a step of Muon has another measure."""


def optimisers_of(model: nn.Module, config: TrainingConfig) -> dict[str, torch.optim.Optimizer]:
    """AdamW for all parameters; where the config asks for Muon, it takes the matrices between features.

    Matrices decay, but for embeddings, whose rows are rarely met.
    """
    hidden = list(hidden_matrices(model)) if config.optimiser == "muon" else []
    is_hidden = {id(p) for p, _ in hidden}
    is_embedding = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    decaying: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for p in model.parameters():
        if id(p) in is_hidden:
            continue
        decays = p.dim() > 1 and id(p) not in is_embedding
        (decaying if decays else others).append(p)
    groups = [{"params": decaying, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimisers: dict[str, torch.optim.Optimizer] = {
        "adamw": AdamW(groups, lr=config.learning_rate, betas=_BETAS, fused=True)
    }
    if hidden:
        optimisers["muon"] = Muon(hidden, lr=config.learning_rate * SCALES["muon"], weight_decay=config.weight_decay)
    return optimisers
