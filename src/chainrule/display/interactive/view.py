"""What Python sends to a page: the name of the module that shows it, and exact numbers."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["View", "exact"]


@dataclass(frozen=True)
class View:
    """A module of this folder by name, without its suffix, and the data that it is given: JSON, arrays by ``exact``."""

    module: str
    data: Mapping[str, Any]

    def to_html(self) -> str:
        """An element that the script fills; its data cannot end it, whatever texts are in them."""
        written = json.dumps(self.data, allow_nan=False).replace("<", "\\u003c")
        return f'<div class="view" data-module="{self.module}"><script type="application/json">{written}</script></div>'


def exact(values: ArrayLike) -> dict[str, Any]:
    """An array of float64 to the bit, NaN and infinity included, as numbers.js reads it.

    >>> exact([[1.0, -0.5]])
    {'shape': [1, 2], 'float64': 'AAAAAAAA8D8AAAAAAADgvw=='}
    """
    array = np.asarray(values, dtype="<f8")
    return {"shape": list(array.shape), "float64": base64.b64encode(array.tobytes()).decode()}
