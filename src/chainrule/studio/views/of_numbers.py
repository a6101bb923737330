"""Questions to no run: a convolution of one's own numbers, or of a picture that was dropped."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.data.labelled.pictures import read_image
from chainrule.errors import ArgumentError
from chainrule.lens import convolution, convolution_laws
from chainrule.studio.views.view import Question, Results

__all__ = ["convolve"]

_LARGEST = 28  # pixels of a picture's longer side: those of larger ones are averaged
_MOST = 4096  # numbers

_Floats = NDArray[np.float64]


def convolve(asked: Question) -> Results:
    """The convolution of x with w, to be explored, and the laws that it obeys."""
    values = asked.values
    w = _numbers("w", values["w"])
    x = _numbers("x", values["x"]) if asked.upload is None else _pixels(asked.upload)
    if x.ndim != w.ndim:
        raise ArgumentError(
            f"`x` has {counted(x.ndim, 'dimension')} and `w` {w.ndim}; expected as many: end rows with semicolons."
        )
    padding: Any = values["padding"]
    if padding.isdecimal():
        padding = int(padding)
    options = {"stride": values["stride"], "dilation": values["dilation"], "padding": padding, "flip": values["flip"]}
    found = convolution(w, x, **options)
    return [*found.parts(), convolution_laws(x, w)]


def _numbers(name: str, text: str) -> _Floats:
    """1,0,-1 as a vector, and rows after one another, or one below the other, as a matrix.

    >>> _numbers("x", "1 0; 0 1").tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = [re.split(r"[,\s]+", row.strip(" \t,")) for row in re.split(r"[;\n]", text) if row.strip(" \t\r,")]
    try:
        values = np.array([[float(number) for number in row] for row in rows])
    except ValueError as error:
        raise ArgumentError(
            f"`{name}` is {text[:60]!r}; expected numbers with commas or blanks between them, and rows of one length "
            f"with semicolons between them ({error})."
        ) from error
    if not values.size or values.size > _MOST or not np.isfinite(values).all():
        raise ArgumentError(
            f"`{name}` has {counted(values.size, 'number')}; expected 1 to {_MOST:,}, all of them finite."
        )
    return values[0] if len(values) == 1 else values


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
