"""What a classifier sees of images and sound, and labels for files that have none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.data.labelled.images import pixels_of
from chainrule.data.labelled.pictures import read_image
from chainrule.data.sounds.sequences import read_waveform
from chainrule.display import BLUE, GREY, Shown, Table, title
from chainrule.errors import ArgumentError, DataError, ShapeError
from chainrule.models import log_spectrogram
from chainrule.runs.figures import bars, bars_height
from chainrule.runs.folder.data_config import DataConfig

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "BANDS",
    "Classification",
    "Classifications",
    "as_pixels",
    "classify_examples",
    "pad_features",
    "sound_features",
]

BANDS = 64  # of a spectrogram
_RANKED = 3  # classes that a table names
_DRAWN = 40  # bars of a figure


@dataclass(frozen=True, repr=False)
class Classification(Shown):
    """The likeliest class of a file, and the probability of every class, likeliest first."""

    file: str
    label: str
    probabilities: dict[str, float]

    def summary(self) -> str:
        return f"of {self.file}: {self.label}, {self.probabilities[self.label]:.1%}"

    def table(self) -> Table:
        """Every class, likeliest first."""
        rows = list(self.probabilities.items())
        return Table(self.file, ("class", "probability"), rows, formats={"probability": ".1%"}, strong=[0])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def draw_on(self, ax: "Axes") -> None:
        """The probabilities of the likeliest classes, as bars."""
        ranked = list(self.probabilities.items())[:_DRAWN][::-1]
        _draw_shares(ax, [name for name, _ in ranked], [p for _, p in ranked], self.label)
        title(ax, f"{self.file}: {self.label}")

    @property
    def figure_height(self) -> float:
        return bars_height(min(_DRAWN, len(self.probabilities)))


class Classifications(Shown, Sequence[Classification]):
    """The classification of each of several files, in their order: a list of them, and a table."""

    def __init__(self, results: Sequence[Classification]) -> None:
        self._results = tuple(results)

    @overload
    def __getitem__(self, index: int) -> Classification: ...
    @overload
    def __getitem__(self, index: slice) -> "Classifications": ...
    def __getitem__(self, index: int | slice) -> "Classification | Classifications":
        return Classifications(self._results[index]) if isinstance(index, slice) else self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def summary(self) -> str:
        labels = list(dict.fromkeys(result.label for result in self))
        return f"of {counted(len(self), 'file')}: {', '.join(labels)}"

    def table(self) -> Table:
        """Each file's label with its probability, and the next likeliest classes."""
        rows = []
        for result in self:
            first, *others = list(result.probabilities.items())[:_RANKED]
            rows.append((result.file, result.label, first[1], ", ".join(f"{name} {p:.1%}" for name, p in others)))
        heading = f"{counted(len(self), 'file')} classified"
        return Table(heading, ("file", "label", "probability", "then"), rows, formats={"probability": ".1%"})

    def to_frame(self) -> "pd.DataFrame":
        """A row for each file: its label, and the probability of every class."""
        classes = sorted(self[0].probabilities) if self else []
        rows = [(r.file, r.label, *(r.probabilities[name] for name in classes)) for r in self]
        frame: pd.DataFrame = require("pandas").DataFrame(rows, columns=["file", "label", *classes])
        return frame

    def to_dict(self) -> dict[str, Any]:
        return {"files": [result.to_dict() for result in self]}

    def draw_on(self, ax: "Axes") -> None:
        """The label of each file and its probability, as bars."""
        drawn = list(self)[:_DRAWN][::-1]
        names = [f"{Path(result.file).name}: {result.label}" for result in drawn]
        _draw_shares(ax, names, [result.probabilities[result.label] for result in drawn])
        more = "" if len(self) <= _DRAWN else f", the first {_DRAWN}"
        title(ax, f"{counted(len(self), 'file')} classified{more}")

    @property
    def figure_height(self) -> float:
        return bars_height(min(_DRAWN, len(self)))


def _draw_shares(ax: "Axes", names: Sequence[str], shares: Sequence[float], label: str | None = None) -> None:
    colours = [BLUE if label in (None, name) else GREY for name in names]
    bars(ax, names, shares, "{:.1%}", colours)
    ax.set_xlim(0, 1.1)
    ax.set_xlabel("probability")


@torch.no_grad()
def classify_examples(model: nn.Module, data: DataConfig, examples: Any) -> Classifications:
    """Classify files and arrays one by one, in their order."""
    model.eval()
    results = []
    for place, example in enumerate(_each(data, examples), start=1):
        if isinstance(example, str | Path):
            name = str(example)
            arguments = _of_file(data, Path(example))
        else:
            name = f"{'image' if data.kind == 'images' else 'waveform'} {place}"
            arguments = _of_array(data, example, name)
        probabilities = torch.softmax(model(*arguments)[0], dim=0).tolist()
        ranked = sorted(zip(data.classes, probabilities, strict=True), key=lambda pair: -pair[1])
        results.append(Classification(name, ranked[0][0], dict(ranked)))
    return Classifications(results)


def _each(data: DataConfig, examples: Any) -> Iterable[Any]:
    """The examples of one, of an array of several, or of any iterable of them."""
    if isinstance(examples, str | Path) or _is_picture(examples):
        return [examples]
    if isinstance(examples, Tensor | np.ndarray):
        one = examples.shape in _layouts(data) if data.kind == "images" else examples.ndim == 1
        return [examples] if one or examples.ndim == 0 else examples
    if isinstance(examples, Iterable) and not isinstance(examples, bytes | Mapping):
        return examples
    return [examples]


def _layouts(data: DataConfig) -> list[tuple[int, ...]]:
    """The shapes that one image of the run's may have: channels first or last, and none where there is one."""
    channels, *size = data.shape
    return [(channels, *size), (*size, channels), *([tuple(size)] if channels == 1 else [])]


def _of_array(data: DataConfig, example: Any, name: str) -> tuple[Tensor, ...]:
    if _is_picture(example):
        if example.mode not in ("L", "RGB"):
            raise DataError(f"{name} has the mode {example.mode}; expected L or RGB: convert it first.")
        example = np.asarray(example)
    if isinstance(example, Tensor):
        example = example.detach().cpu().numpy()
    if not isinstance(example, np.ndarray):
        expected = "images" if data.kind == "images" else "sound files"
        raise ArgumentError(
            f"cannot classify a {type(example).__name__}; expected paths of {expected}, or arrays of "
            f"{'pixels' if data.kind == 'images' else f'samples, {data.rate} a second'}."
        )
    if data.kind == "sound":
        if example.ndim != 1 or not example.size or example.dtype.kind not in "iuf" or not (np.abs(example) <= 1).all():
            raise DataError(
                f"{name} has shape {example.shape} of {example.dtype}; expected one row of samples from -1 to 1."
            )
        return pad_features(sound_features([example.astype(np.float32)], data.rate or 0))
    if example.shape not in _layouts(data):
        raise ShapeError(
            f"{name} has the shape {example.shape}; the model was fitted to {data.shape}, channels, height and width. "
            "Convert or resize it."
        )
    example = example if example.ndim == 3 else example[None]
    example = example if example.shape == data.shape else np.moveaxis(example, -1, 0)
    return (as_pixels(torch.from_numpy(pixels_of(example, name)))[None],)


def _is_picture(example: object) -> bool:
    """Whether this is an image of Pillow's, which is not imported to find out."""
    return any(base.__module__ == "PIL.Image" for base in type(example).__mro__)


def _of_file(data: DataConfig, file: Path) -> tuple[Tensor, ...]:
    if not file.is_file():
        what = "is a folder; name the files in it" if file.is_dir() else "does not exist"
        raise DataError(f"{file} {what}. Expected {'images' if data.kind == 'images' else 'wav or flac files'}.")
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
