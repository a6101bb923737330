"""Classifiers of every kind, and networks of torch's own, with an input of each."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.lens import ThroughLayers, through_layers
from chainrule.models import LATENT, ModelConfig, build_image_classifier, build_sequence_classifier

K = 5  # classes

Network = tuple[nn.Module, Any]


def images(channels: int, size: tuple[int, int], hidden: int = 3) -> Network:
    model = build_image_classifier(ModelConfig("conv", hidden=hidden), channels, size, K)
    return model, torch.rand(1, channels, *size)


def sequences(name: str, layers: int = 1, steps: int = 9, **options: Any) -> Network:
    config = ModelConfig(name, hidden=4, layers=layers, window=2**layers, **options)
    return build_sequence_classifier(config, 3, K), (torch.randn(1, steps, 3), torch.tensor([steps]))


def torchs() -> Network:
    """With strides, groups, dilation, overlapping pools, and layers for which there is no rule."""
    model = nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=1, groups=2),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Dropout2d(0.5),
        nn.Conv2d(4, 6, 3, dilation=2, padding=2, bias=False),
        nn.GELU(),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(36, K),
    )
    return model, torch.rand(1, 2, 14, 11)


class Shared(nn.Module):
    """One convolution that is called twice, and a recurrent layer with its steps first."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(3, 3, 3, padding=1)
        self.recurrent = nn.LSTM(3, 4, bidirectional=True)
        self.out = nn.Linear(8, K)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.convolution(torch.tanh(self.convolution(x)))
        states, _ = self.recurrent(twice.permute(2, 0, 1))
        scores: Tensor = self.out(states.mean(0))
        return scores


CASES: dict[str, Callable[[], Network]] = {
    "images": lambda: images(1, (8, 8)),
    "images in colours": lambda: images(3, (9, 17)),
    "images too small for a pool": lambda: images(1, (5, 4)),
    "sound, conv": lambda: sequences("conv", layers=2),
    **{f"sound, {name}": lambda name=name: sequences(name) for name in LATENT},  # type: ignore[misc]
    "sound, gru of two layers with a learned start": lambda: sequences("gru", layers=2, learned_start=True),
    "sound, lstm with layer norm": lambda: sequences("lstm", layer_norm=True),
    "sound of one step": lambda: sequences("gru", steps=1),
    "torch's": torchs,
    "shared": lambda: (Shared(), torch.randn(1, 3, 6)),
}


def network(name: str) -> Network:
    """With weights that are large enough for every path to count."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, x = CASES[name]()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval(), x


def looked(name: str, **options: Any) -> ThroughLayers:
    model, x = network(name)
    return through_layers(model, x, **options)
