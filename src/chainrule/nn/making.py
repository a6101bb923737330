"""The construction of layers that replace torch.nn's: takes what torch takes, and explains what torch refuses."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import RNNBase

from chainrule.errors import ArgumentError, ArgumentTypeError, ChainruleError
from chainrule.ops.arguments import FOREIGN, as_int

__all__ = ["make"]

_OF_THE_CALL = ("unexpected keyword argument", "required positional argument", "positional arguments but")
_CONSTRUCTOR = re.compile(r"\w+\.__init__\(\)")  # of the class that torch's layers have in common
_LARGEST = 2**31 - 1  # torch accepts some larger sizes, and computes nonsense
_DEEPEST = 100_000  # torch would build layers until memory runs out


def make(layer: object, init: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Call ``init(*args, **kwargs)``, torch's own constructor of the layer.

    Raises:
        ArgumentError: an argument has a value that torch refuses. (Missing and unknown arguments raise Python's
            TypeError, as they do for every function.)
    """
    for name, value in [*enumerate(args, 1), *kwargs.items()]:
        which = f"argument {name}" if isinstance(name, int) else name
        if isinstance(value, Tensor | np.ndarray):
            raise ArgumentError(f"{which} of {type(layer).__name__} is an array; expected a plain value: use .item()")
        if any(abs(as_int(each) or 0) > _LARGEST for each in (value if isinstance(value, tuple | list) else [value])):
            raise ArgumentError(f"{which} of {type(layer).__name__} is {value!r}; expected sizes below 2^31")
    if (as_int(kwargs.get("num_layers", args[2:3] and args[2])) or 0) > _DEEPEST and isinstance(layer, RNNBase):
        raise ArgumentError(f"num_layers is larger than {_DEEPEST:,}, too many to build; use fewer layers")
    try:
        with np.errstate(all="ignore"):  # of NumPy's numbers among the sizes, which torch then refuses
            init(*args, **kwargs)
    except (*FOREIGN, ZeroDivisionError, AssertionError) as error:  # the last of a build without CUDA
        if isinstance(error, ChainruleError):
            raise
        if any(words in str(error) for words in _OF_THE_CALL):
            raise TypeError(_CONSTRUCTOR.sub(f"{type(layer).__name__}.__init__()", str(error))) from None
        given = inspect.signature(init).bind(*args, **kwargs).arguments
        named = ", ".join(f"{name}={_brief(value)}" for name, value in given.items() if name not in ("args", "kwargs"))
        named = named or ", ".join([*map(_brief, args), *(f"{name}={_brief(value)}" for name, value in kwargs.items())])
        words = str(error).split("\n")[0][:200]
        kind = ArgumentTypeError if isinstance(error, TypeError) else ArgumentError
        raise kind(f"{type(layer).__name__}({named}) cannot be constructed: {words}") from error


def _brief(value: object) -> str:
    """The value if it is short, else its type."""
    short = isinstance(value, int | float | str | tuple | list | None)
    text = repr(value) if short else f"a {type(value).__name__}"
    return text if len(text) <= 40 else f"{text[:40]}..."
