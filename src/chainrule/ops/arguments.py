"""What the entrances of all ops ask of their arguments alike, before any shape: tensors and integers."""

import operator
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, BackendError

__all__ = ["as_int", "as_lengths", "check_tensors", "occurs"]


def check_tensors(required: Mapping[str, object], optional: Mapping[str, object]) -> None:
    """Refuse by its name what is no tensor; the optional ones may be None."""
    given = {name: value for name, value in optional.items() if value is not None}
    for name, value in {**required, **given}.items():
        if not isinstance(value, Tensor):
            raise ArgumentError(
                f"{name} is {_kind(value)}; expected a torch.Tensor: make one of it, for example with torch.as_tensor"
            )


def as_int(value: object) -> int | None:
    """The int that value stands for, such as numpy.int64(2); None if it is no integer, as a bool is none."""
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype == torch.bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def as_lengths(lengths: object) -> Tensor:
    """A tensor as it is; of a sequence of ints, or of an int where there is no batch, a tensor."""
    if isinstance(lengths, Tensor):
        return lengths
    several = isinstance(lengths, Sequence) and not isinstance(lengths, str)
    values = list(lengths) if several else [lengths]  # type: ignore[call-overload]
    integers = [as_int(value) for value in values]
    if None in integers or not (several or isinstance(lengths, int)):
        got = f"holds {values[integers.index(None)]!r}" if several else f"is {_kind(lengths)}"
        raise ArgumentError(f"lengths {got}; expected an integer tensor or a sequence of ints, one a row")
    return torch.tensor(integers if several else integers[0], dtype=torch.int64)


def occurs(condition: Tensor, name: str) -> bool:
    """Whether condition, an error, holds anywhere; ``name`` is the argument that it was taken from.

    A graph that torch.compile makes cannot branch on it. It raises a RuntimeError of its own where the condition holds.
    """
    if torch.compiler.is_compiling():
        torch._assert_async(~condition.any(), f"{name} are out of range; call without torch.compile to see which")
        return False
    try:
        return bool(condition.any())
    except RuntimeError as error:
        if not torch._C._are_functorch_transforms_active():
            raise
        raise BackendError(
            f"{name} cannot be mapped by torch.func.vmap: its values have to be read. Close over it instead"
        ) from error


def _kind(value: object) -> str:
    cls = type(value)
    return (
        "None"
        if value is None
        else cls.__name__
        if cls.__module__ == "builtins"
        else f"{cls.__module__}.{cls.__name__}"
    )
