"""Labels of examples as indices into the names of their classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed, near
from chainrule.errors import DataError

__all__ = ["index_labels"]

_DIGITS = 100  # of labels that are sorted as numbers


def index_labels(
    names: Sequence[str], source: str, classes: tuple[str, ...] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """int64 indices of the names, and the classes: those given, else the distinct names (numbers by value).

    Raises:
        DataError: a name that is not among the given classes, or a single class.

    >>> index_labels(["10", "9", "10"], "digits")
    (array([1, 0, 1]), ('9', '10'))
    """
    found = sorted(set(names), key=_order)
    broken = [name for name in found if not _is_text(name)]
    if broken:
        raise DataError(f"{source} has the label {broken[0]!r}, which is not valid text. Rename the class.")
    if classes is None:
        if len(found) < 2:
            raise DataError(f"{source} has only one class, {listed(found)}; classifying takes two or more.")
        classes = tuple(found)
    for name in found:
        if name not in classes:
            raise DataError(
                f"{source} has the label {name!r}, which is not among the model's classes: "
                f"{listed(classes)}.{near(name, classes)}"
            )
    index = {name: i for i, name in enumerate(classes)}
    return np.array([index[name] for name in names], dtype=np.int64), classes


def _order(name: str) -> tuple[float, str]:
    is_number = name.isdecimal() and len(name) <= _DIGITS
    return (int(name) if is_number else np.inf, name)


def _is_text(name: str) -> bool:
    """Whether it can be encoded: names of files and labels of arrays may hold bytes that are not characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
