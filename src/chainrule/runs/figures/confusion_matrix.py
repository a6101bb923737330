"""The confusion matrix of a classifier."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.display import ON_MAP, title
from chainrule.errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion"]

_WRITTEN = 20  # classes at most whose counts are written
_NAMED = 40  # classes at most that are named along an axis


def confusion(axes: "Axes", matrix: ArrayLike, classes: Sequence[str]) -> None:
    """Counts of true class (rows) against predicted class (columns), coloured by their share of the row.

    ``matrix`` is (K, K), of integers >= 0; for K <= 20 the counts above zero are written.

    >>> from chainrule.display import new_figure
    >>> figure = new_figure(7.0)
    >>> confusion(figure.axes[0], [[9, 1], [0, 10]], ["cat", "dog"])
    >>> figure.axes[0].get_title("left")
    'Accuracy 95.0 % (19 of 20)'
    """
    counts = np.asarray(matrix)
    K = len(classes)
    _check_counts(counts, K)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    _name_classes(axes, classes)
    if K <= _WRITTEN:
        size = 9 if K <= 12 else 7
        for i, j in np.argwhere(counts):
            colour = "white" if share[i, j] > 0.5 else ON_MAP
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=size)
    correct = int(np.trace(counts))
    total = int(counts.sum())
    title(axes, f"Accuracy {100 * correct / max(total, 1):.1f} % ({correct:,} of {total:,})")


def _check_counts(counts: NDArray[Any], K: int) -> None:
    if counts.shape != (K, K) or K == 0 or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ShapeError(
            f"matrix must hold integers >= 0, one row and one column for each of the {K} classes (at least "
            f"one), got shape {counts.shape} of {counts.dtype}"
        )


def _name_classes(axes: "Axes", classes: Sequence[str]) -> None:
    K = len(classes)
    shown = range(0, K, -(-K // _NAMED))
    names = [classes[k] for k in shown]
    turn = 90 if max(map(len, names)) > 3 and K > 8 else 0
    axes.set_xticks(shown, names, rotation=turn, parse_math=False)
    axes.set_yticks(shown, names, parse_math=False)
    axes.grid(visible=False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
