"""Labelled images as pictures in files, with a folder for each class."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.data.containers import Labelled
from chainrule.data.decoding_errors import decoding_of
from chainrule.data.labelled.groups import Groups, groups_of_files
from chainrule.data.labelled.images import labelled_images
from chainrule.data.labelled.labelled_options import LabelledOptions
from chainrule.errors import DataError

__all__ = ["read_image", "read_pictures"]

_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_MOST_PIXELS = 1 << 25  # of one picture


def read_pictures(root: Path, paths: list[Path], options: LabelledOptions) -> Labelled:
    """Read a folder of folders of images; the label is the sub-folder's name.

    The group tells which files belong together, as `Reading.group` does.

    Raises:
        DataError: a single file, images beside the sub-folders, or images of different sizes or channels.
    """
    if root.is_file():
        raise DataError(f"{root} is one image; expected a folder of images with a sub-folder for each class.")
    for path in paths:
        if path.parent == root:
            raise DataError(f"{path} is in no class: expected a sub-folder of {root} for each class.")
    groups = groups_of_files(paths, root, options.group) if options.group else Groups()
    images: list[NDArray[np.uint8]] = []
    for path in paths:
        images.append(read_image(path))
        if images[-1].shape != images[0].shape:
            raise DataError(
                f"images must have one size: {paths[0]} is {_size(images[0])}, {path} is {_size(images[-1])}. "
                "Resize or convert them first."
            )
    labels = np.array([path.relative_to(root).parts[0] for path in paths])
    return labelled_images(np.stack(images), labels, root.name, options.classes, groups=groups)


def read_image(path: Path) -> NDArray[np.uint8]:
    """The pixels of one file, channels x height x width: one channel of grey, or three of colour.

    Transparent pixels are shown on white.

    Raises:
        DataError: a file that is not one image of 8 bits, or one of more pixels than memory should be used for.
    """
    pillow = require("PIL.Image")
    with decoding_of(path, "an image"), pillow.open(path, formats=_PILLOW_FORMATS) as image:
        _check_image(image, path)
        is_grey = image.mode in ("1", "L", "LA")
        if image.has_transparency_data:
            white = pillow.new("RGBA", image.size, "white")
            image = pillow.alpha_composite(white, image.convert("RGBA"))
        if is_grey:
            return np.array(np.asarray(image.convert("L"))[None])
        return np.array(np.moveaxis(np.asarray(image.convert("RGB")), -1, 0))


def _check_image(image: Any, path: Path) -> None:
    """Refuse, before its pixels are decoded, what would be cut off or take too much memory."""
    width, height = image.size
    if not 0 < width * height <= _MOST_PIXELS:
        raise DataError(
            f"{path} has {width} x {height} pixels; expected at least one, and at most {_MOST_PIXELS:,}. Resize it."
        )
    if image.mode.startswith(("I", "F")) or any(";16" in str(tile) for tile in image.tile):
        raise DataError(f"{path} has more than 8 bits a pixel (mode {image.mode}). Convert it to 8 bits first.")
    # A camera's MPO file is a photograph with others beside it, of which Pillow shows the first.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise DataError(f"{path} holds {image.n_frames} pictures; expected one. Save the one to read by itself.")


def _size(image: NDArray[np.uint8]) -> str:
    channels, height, width = image.shape
    colours = "grey" if channels == 1 else "RGB"
    return f"{width} x {height} {colours}"
