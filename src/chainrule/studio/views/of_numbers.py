"""Questions to no run: a convolution of one's own numbers, or of a picture that was dropped."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import whole_in
from chainrule._optional import require
from chainrule.data.labelled.pictures import read_image
from chainrule.lens.written import convolved, numbers_in
from chainrule.studio.views.view import Question, Results

__all__ = ["convolve"]

_LARGEST = 28  # pixels of a picture's longer side: those of larger ones are averaged

_Floats = NDArray[np.float64]


def convolve(asked: Question) -> Results:
    """The convolution of x with w, to be explored, and the laws that it obeys."""
    values = asked.values
    w = numbers_in("w", values["w"])
    x = numbers_in("x", values["x"]) if asked.upload is None else _pixels(asked.upload)
    number = whole_in(values["padding"])
    padding = values["padding"] if number is None else number
    options = {name: values[name] for name in ("stride", "dilation", "flip")}
    return convolved(x, w, padding=padding, **options)


def _pixels(path: Path) -> _Floats:
    """A picture in grey, from 0 to 1, made smaller where it is larger than what can be read number by number."""
    grey: _Floats = read_image(path).mean(axis=0, dtype=np.float64) / 255
    height, width = grey.shape
    scale = _LARGEST / max(height, width)
    if scale >= 1:
        return grey
    pillow = require("PIL.Image")
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: _Floats = np.array(pillow.fromarray(grey.astype(np.float32)).resize(size, pillow.Resampling.BOX), np.float64)
    return small
