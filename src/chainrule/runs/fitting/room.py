"""Whether a fit has room in memory: this machine's, or the GPU's."""

from dataclasses import replace
from typing import Any

import torch

from chainrule import _room
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.building import weights_in
from chainrule.runs.kinds.registry import KINDS

__all__ = ["check_room"]

_SIZES = {"ar": ("window",), "mlp": ("hidden", "window", "layers")}
_NETWORK = ("hidden", "layers")  # sizes of any other
_COPIES = 4  # of the weights: they, their gradients and AdamW's two moments
_KEPT = 8  # bytes that a feature of a step leaves for the backward pass, at least


def check_room(data: Data, config: RunConfig, device: torch.device) -> None:
    """Refuse a model, or windows, that the device's memory cannot hold, with the sizes that it could.

    Raises:
        ArgumentError: it cannot; the message names the option and about the most that would fit.
    """
    model = config.model
    if model.name == "ngram":
        return  # n-grams are kept within a bound of their own
    training = config.training
    sizes = {name: getattr(model, name) for name in _SIZES.get(model.name, _NETWORK)} | {"batch": training.batch}
    sizes = {name: size for name, size in sizes.items() if size is not None}
    steps = KINDS[data.kind].steps(data)
    back = training.k2 or model.window

    def needs(batch: int, **asked: Any) -> int:
        shape = replace(model, **asked)
        seen = 0 if steps is None else min(batch * max(back, asked.get("window", 0)), steps)
        features = 0 if model.name == "ar" or training.bptt == "full" else shape.hidden * (shape.layers or 1)
        return _COPIES * weights_in(config.data, shape) + seen * features * _KEPT

    _room.check_room(f"the {model.name} of {config.data.name} in training", needs, device, **sizes)
