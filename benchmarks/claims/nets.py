"""Nets that people use, made of torch.nn's layers: what `swap` is for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["NETS", "Net"]


@dataclass(frozen=True)
class Net:
    """One net: how it is made, and what it is given."""

    make: Callable[[], nn.Module]
    draw: Callable[[], Tensor]
    has_formats: bool = False
    """Whether it takes images, whose channels may lie last in memory."""


class TCN(nn.Module):
    """Dilated causal convolutions with residual connections (Bai et al. 2018), eight blocks of 64 channels."""

    def __init__(self, channels: int = 64, blocks: int = 8) -> None:
        super().__init__()
        self.front = nn.Conv1d(1, channels, 1)
        self.blocks = nn.ModuleList(
            nn.Conv1d(channels, channels, 3, padding=2 * 2**n, dilation=2**n) for n in range(blocks)
        )
        self.back = nn.Conv1d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.front(x)
        for conv in self.blocks:
            h = h + conv(h)[..., : h.shape[-1]].relu()
        return self.back(h)  # type: ignore[no-any-return]


class Language(nn.Module):
    """A language model of characters: two layers of LSTM(256)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 128)
        self.lstm = nn.LSTM(128, 256, num_layers=2, batch_first=True)
        self.out = nn.Linear(256, 96)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.lstm(self.embedding(x))[0])  # type: ignore[no-any-return]


class Encodec(nn.Module):
    """An encoder of sound as Encodec's (Defossez et al. 2022): strided convolutions, residual units, an LSTM."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(1, channels, 7, padding=3)]
        for stride in (2, 4, 5, 8):
            unit = [nn.ELU(), nn.Conv1d(channels, channels // 2, 3, padding=1), nn.ELU()]
            layers.append(Residual(nn.Sequential(*unit, nn.Conv1d(channels // 2, channels, 1))))
            down = nn.Conv1d(channels, 2 * channels, 2 * stride, stride=stride, padding=stride // 2)
            layers += [nn.ELU(), down]
            channels *= 2
        self.convolutions = nn.Sequential(*layers)
        self.lstm = nn.LSTM(channels, channels, num_layers=2)
        self.out = nn.Conv1d(channels, 128, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.convolutions(x)
        steps = h.permute(2, 0, 1)
        return self.out((self.lstm(steps)[0] + steps).permute(1, 2, 0))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """x + inner(x)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)  # type: ignore[no-any-return]


def _timm(name: str) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name)  # Any where timm is not installed
    return model


def _torchaudio(name: str, **options: Any) -> nn.Module:
    import torchaudio.models

    model: nn.Module = getattr(torchaudio.models, name)(**options)
    return model


def _images() -> Tensor:
    return torch.randn(4, 3, 160, 160)


NETS: dict[str, Net] = {
    "mobilenetv2_100": Net(lambda: _timm("mobilenetv2_100"), _images, has_formats=True),
    "efficientnet_b0": Net(lambda: _timm("efficientnet_b0"), _images, has_formats=True),
    "resnet18": Net(lambda: _timm("resnet18"), _images, has_formats=True),
    "convnext_tiny": Net(lambda: _timm("convnext_tiny"), _images, has_formats=True),
    "ConvTasNet": Net(lambda: _torchaudio("ConvTasNet", num_sources=2), lambda: torch.randn(1, 1, 8000)),
    "Wav2Letter": Net(lambda: _torchaudio("Wav2Letter", num_features=40), lambda: torch.randn(2, 40, 400)),
    "TCN": Net(TCN, lambda: torch.randn(8, 1, 2048)),
    "LSTM language model": Net(Language, lambda: torch.randint(96, (16, 128))),
    "Encodec's encoder": Net(Encodec, lambda: torch.randn(2, 1, 16000)),
}
