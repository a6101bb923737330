"""What a classifier sees of images and sound, and labels for files that have none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from chainrule.data.images import read_image
from chainrule.data.sound import read_waveform
from chainrule.errors import DataError
from chainrule.models import log_spectrogram
from chainrule.runs.dataset import DataConfig

__all__ = ["BANDS", "Classification", "as_pixels", "classify_files", "pad_features", "sound_features"]

BANDS = 64  # of a spectrogram


@dataclass(frozen=True)
class Classification:
    """The likeliest class of a file, and the probability of every class, likeliest first."""

    file: str
    label: str
    probabilities: dict[str, float]


@torch.no_grad()
def classify_files(model: nn.Module, data: DataConfig, files: Sequence[str | Path]) -> list[Classification]:
    """Classify files one by one, in their order."""
    model.eval()
    results = []
    for file in map(Path, files):
        if not file.is_file():
            what = "is a folder; name the files in it" if file.is_dir() else "does not exist"
            raise DataError(f"{file} {what}. Expected {'images' if data.kind == 'images' else 'wav or flac files'}.")
        probabilities = torch.softmax(model(*_arguments(data, file))[0], dim=0).tolist()
        ranked = sorted(zip(data.classes, probabilities, strict=True), key=lambda pair: -pair[1])
        results.append(Classification(str(file), ranked[0][0], dict(ranked)))
    return results


def _arguments(data: DataConfig, file: Path) -> tuple[Tensor, ...]:
    if data.kind == "sound":
        waveform = read_waveform(file)
        if waveform.rate != data.rate:
            raise DataError(
                f"{file} has {waveform.rate} samples a second; the model was fitted to {data.rate}. Resample the file."
            )
        return pad_features(sound_features([waveform.samples], waveform.rate))
    image = read_image(file)
    if image.shape != data.shape:
        raise DataError(
            f"{file} has channels x height x width {' x '.join(map(str, image.shape))}; the model was fitted to "
            f"{' x '.join(map(str, data.shape))}. Convert or resize the image."
        )
    return (as_pixels(torch.from_numpy(image))[None],)


def as_pixels(images: Tensor) -> Tensor:
    """Images as a classifier sees them: float32, and 8-bit values from 0 to 1."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def pad_features(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences (T_i, D) as one batch (N, T, D) and their lengths (N,)."""
    return pad_sequence(list(rows), batch_first=True), torch.tensor([len(row) for row in rows])


def sound_features(waveforms: Sequence[NDArray[Any]], rate: int) -> list[Tensor]:
    """Log spectrograms with a window of 32 ms and a hop of 16 ms, each scaled to mean 0 and variance 1."""
    window = max(2 * BANDS, round(0.032 * rate))
    features = [log_spectrogram(torch.from_numpy(w), window, window // 2, BANDS) for w in waveforms]
    return [(f - f.mean()) / (f.std() + 1e-6) for f in features]
