"""Labels for files and arrays that have none."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chainrule._devices import device_of
from chainrule.data.labelled.images import pixels_of
from chainrule.data.labelled.pictures import read_image
from chainrule.data.sounds.sequences import read_waveform
from chainrule.errors import ArgumentError, DataError, ShapeError
from chainrule.models import as_pixels, pad_features, sound_features
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.scoring.labelled.classification import Classification, Classifications

__all__ = ["arguments_of", "classify_examples"]

_FILES = {"images": "images", "sound": "wav or flac files"}  # what a file may be, by the kind of data


@torch.no_grad()
def classify_examples(model: nn.Module, data: DataConfig, examples: Any) -> Classifications:
    """Classify files and arrays one by one, in their order.

    Raises:
        ArgumentError, DataError, ShapeError: one of them is not what the model was fitted to.
    """
    model.eval()
    device = device_of(model)
    results = []
    for place, example in enumerate(_each(data, examples), start=1):
        name, arguments = arguments_of(data, example, place)
        logits = model(*(each.to(device) for each in arguments))[0]
        probabilities = torch.softmax(logits, dim=0).tolist()
        ranked = sorted(zip(data.classes, probabilities, strict=True), key=lambda pair: -pair[1])
        results.append(Classification(name, ranked[0][0], dict(ranked)))
    return Classifications(results)


def arguments_of(data: DataConfig, example: Any, place: int = 1) -> tuple[str, tuple[Tensor, ...]]:
    """What a file or an array is called, as the one at this place of several, and the classifier's arguments for it.

    Raises:
        ArgumentError, DataError, ShapeError: it is not what the model was fitted to.
    """
    if isinstance(example, str | Path):
        return str(example), _of_file(data, Path(example))
    name = f"{'image' if data.kind == 'images' else 'waveform'} {place}"
    return name, _of_array(data, example, name)


def _each(data: DataConfig, examples: Any) -> Iterable[Any]:
    """The examples one by one, of one, an array of several, or any iterable of them."""
    if isinstance(examples, Tensor | np.ndarray):
        if examples.ndim == 0 or _is_one(data, examples):
            return [examples]
        return examples
    is_single = isinstance(examples, str | Path | bytes | Mapping) or _is_picture(examples)
    if isinstance(examples, Iterable) and not is_single:
        return examples
    return [examples]


def _is_one(data: DataConfig, array: Tensor | NDArray[Any]) -> bool:
    """Whether an array is one image or waveform of the run's kind, rather than several."""
    if data.kind == "sound":
        return array.ndim == 1
    return tuple(array.shape) in _layouts(data)


def _layouts(data: DataConfig) -> list[tuple[int, ...]]:
    """The shapes that one image may have: channels first or last, and none where there is one."""
    channels, *size = data.shape
    layouts: list[tuple[int, ...]] = [(channels, *size), (*size, channels)]
    if channels == 1:
        layouts.append(tuple(size))
    return layouts


def _is_picture(example: object) -> bool:
    """Whether this is an image of Pillow's, which is not imported to find out."""
    return any(base.__module__ == "PIL.Image" for base in type(example).__mro__)


def _of_array(data: DataConfig, example: Any, name: str) -> tuple[Tensor, ...]:
    """The classifier's arguments for an array, a tensor or an image of Pillow's."""
    array = _as_array(data, example, name)
    if data.kind == "sound":
        _check_samples(array, name)
        return pad_features(sound_features([array.astype(np.float32)], data.rate or 0))
    if array.shape not in _layouts(data):
        raise ShapeError(
            f"{name} has the shape {array.shape}; the model was fitted to {data.shape}, channels, height and width. "
            "Convert or resize it."
        )
    if array.ndim == 2:
        array = array[None]
    if array.shape != data.shape:
        array = np.moveaxis(array, -1, 0)
    return _of_pixels(pixels_of(array, name))


def _as_array(data: DataConfig, example: Any, name: str) -> NDArray[Any]:
    if _is_picture(example):
        if example.mode not in ("L", "RGB"):
            raise DataError(f"{name} has the mode {example.mode}; expected L or RGB: convert it first.")
        return np.array(example)
    if isinstance(example, Tensor):
        return _as_numpy(example, name)
    if isinstance(example, np.ndarray):
        return example
    expected = "images, or arrays of pixels"
    if data.kind == "sound":
        expected = f"sound files, or arrays of samples, {data.rate} a second"
    raise ArgumentError(f"cannot classify a {type(example).__name__}; expected paths of {expected}.")


def _as_numpy(tensor: Tensor, name: str) -> NDArray[Any]:
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()  # numpy has no bfloat16
    try:
        array: NDArray[Any] = tensor.numpy(force=True)
    except (TypeError, RuntimeError) as error:  # a sparse or quantised one
        raise DataError(
            f"{name} is a tensor of {tensor.dtype}, layout {tensor.layout}, which NumPy cannot hold "
            f"({str(error).splitlines()[0]}). Expected a dense one: convert it first."
        ) from error
    return array


def _check_samples(samples: NDArray[Any], name: str) -> None:
    if samples.ndim == 1 and samples.size and samples.dtype.kind in "iuf" and (np.abs(samples) <= 1).all():
        return
    raise DataError(f"{name} has shape {samples.shape} of {samples.dtype}; expected one row of samples from -1 to 1.")


def _of_file(data: DataConfig, file: Path) -> tuple[Tensor, ...]:
    """The classifier's arguments for a file."""
    if not file.is_file():
        problem = "is a folder; name the files in it" if file.is_dir() else "does not exist"
        raise DataError(f"{file} {problem}. Expected {_FILES[data.kind]}.")
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
            f"{file} has channels x height x width {_by(image.shape)}; the model was fitted to {_by(data.shape)}. "
            "Convert or resize the image."
        )
    return _of_pixels(image)


def _of_pixels(image: NDArray[Any]) -> tuple[Tensor, ...]:
    return (as_pixels(torch.from_numpy(image))[None],)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
