"""How entries and steps are written: from 0 in brackets, as in code, or from 1 with lecture symbols: x_3, w_1, d_2."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import dropwhile

__all__ = ["entry", "one_based", "written_step"]

_from_one: ContextVar[bool] = ContextVar("_from_one", default=False)
_SYMBOLS = {"dy": "d"}  # of arrays, in lectures


@contextmanager
def one_based(asked: bool = True) -> Iterator[None]:
    """Within it, the lens counts from 1 in tables and pages, and writes as lectures do: d_2 w_1 for dy[0,1] w[0,0,0].

    Arguments and arrays are those of Python nevertheless, from 0.

    >>> from chainrule.lens import convolution
    >>> found = convolution([1.0, 2.0], x=[1.0, 3.0, 5.0], dy=[1.0, 10.0])
    >>> with one_based():
    ...     print(found.input_gradient(1).table().rows[0][0])
    w_1 * d_2
    """
    before = _from_one.set(asked)
    try:
        yield
    finally:
        _from_one.reset(before)


def written_step(step: int) -> int:
    """A step as it is written."""
    return step + 1 if _from_one.get() else step


def entry(name: str, index: Sequence[int], shape: Sequence[int]) -> str:
    """An entry of an array of this shape: x[0,2], or x_3, without the leading dimensions of size 1."""
    if not _from_one.get():
        return f"{name}[{','.join(map(str, index))}]"
    leading = dropwhile(lambda pair: pair[1] == 1, zip(index, shape, strict=True))
    numbers = [str(i + 1) for i, _ in leading] or ["1"]
    subscript = numbers[0] if len(numbers) == 1 else f"{{{','.join(numbers)}}}"
    return f"{_SYMBOLS.get(name, name)}_{subscript}"
