"""What classifiers see of images and of sound."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

__all__ = ["BANDS", "as_pixels", "log_spectrogram", "pad_features", "sound_features"]

BANDS = 64
"""Bands of frequency in the features of sound."""


def log_spectrogram(waveform: Tensor, window: int = 256, hop: int = 128, bands: int = 64) -> Tensor:
    """Log magnitudes of a waveform (T,) in ``bands`` equal bands of frequency, one row a hop: (steps, bands).

    Pads a waveform shorter than one window with silence.

    >>> log_spectrogram(torch.zeros(1024)).shape
    torch.Size([7, 64])
    """
    waveform = F.pad(waveform, (0, max(0, window - len(waveform))))
    spectrum = torch.stft(waveform, window, hop, window=torch.hann_window(window), center=False, return_complex=True)
    magnitude = F.adaptive_avg_pool1d(spectrum.abs().T[None, :, 1:], bands)[0]
    return (magnitude + 1e-3).log()


def sound_features(waveforms: Sequence[NDArray[Any]], rate: int) -> list[Tensor]:
    """Log spectrograms with a window of 32 ms and a hop of 16 ms, each scaled to mean 0 and variance 1."""
    window = max(2 * BANDS, round(0.032 * rate))
    features = [log_spectrogram(torch.from_numpy(waveform), window, window // 2, BANDS) for waveform in waveforms]
    return [(each - each.mean()) / (each.std() + 1e-6) for each in features]


def pad_features(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences (T_i, D) as one batch (N, T, D) and their lengths (N,).

    >>> rows, lengths = pad_features([torch.ones(3, 2), torch.ones(1, 2)])
    >>> rows.shape, lengths.tolist()
    (torch.Size([2, 3, 2]), [3, 1])
    """
    return pad_sequence(list(rows), batch_first=True), torch.tensor([len(row) for row in rows])


def as_pixels(images: Tensor) -> Tensor:
    """Images as a classifier sees them: float32, and 8-bit values scaled to [0, 1].

    >>> as_pixels(torch.tensor([[0, 255]], dtype=torch.uint8)).tolist()
    [[0.0, 1.0]]
    """
    return images.float() / 255 if images.dtype == torch.uint8 else images
