"""Checks of arguments that all ops share: tensors, integers, flags and lengths."""

import operator
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule._torch import check_when_run, is_transform_active
from chainrule.errors import ArgumentError, BackendError, ChainruleError, ShapeError
from chainrule.ops.plain import is_traced, is_transformed, recorder
from chainrule.ops.pointers import loss

__all__ = [
    "FOREIGN",
    "as_flag",
    "as_int",
    "as_lengths",
    "check_dense",
    "check_plain",
    "check_tensors",
    "explain_failure",
    "occurs",
]

FOREIGN = (RuntimeError, TypeError, ValueError, IndexError, OverflowError, MemoryError)
"""The exceptions that torch raises for arguments that it cannot compute with."""

_PLAIN = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.int64, torch.int32)
_NUMBERS = 2**40
_TOO_LARGE = ("allocate memory", "calculation overflowed", "Overflow when unpacking", "is too large", "exceeds")


def check_tensors(required: Mapping[str, object], optional: Mapping[str, object]) -> None:
    """Raise an ArgumentError that names the argument that is not a tensor; the optional ones may be None."""
    given = {name: value for name, value in optional.items() if value is not None}
    for name, value in {**required, **given}.items():
        if not isinstance(value, Tensor):
            raise ArgumentError(
                f"{name} is {_kind(value)}; expected a torch.Tensor: convert it, for example with torch.as_tensor"
            )


def explain_failure(error: Exception, arguments: Mapping[str, object]) -> None:
    """Raise a ShapeError that names the tensor that made torch fail; return if all tensors are ordinary.

    Called only once something has failed, so that ordinary calls pay nothing, and no tensor is refused that torch can
    compute with. One of chainrule's own errors is explained by a tensor's layout alone, as the shape and dtype that it
    complains about may follow from the layout.
    """
    tensors = {name: value for name, value in arguments.items() if isinstance(value, Tensor)}
    found = _layout if isinstance(error, ChainruleError) else _oddity
    for name, tensor in tensors.items():
        if (odd := found(tensor)) is not None:
            raise ShapeError(f"{name} is {odd}.") from error
    if isinstance(error, ChainruleError):
        return
    if isinstance(error, MemoryError) or any(words in str(error) for words in _TOO_LARGE):
        sizes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ShapeError(
            f"this call needs more memory than there is, with {sizes}. Use smaller sizes, or fewer rows at once."
        ) from error


def check_plain(name: str, tensor: Tensor) -> None:
    """Refuse a tensor that is not dense, or has a dtype that is not computed with; on the meta device all pass."""
    if not tensor.is_meta and (odd := _oddity(tensor)) is not None:
        raise ShapeError(f"{name} is {odd}.")


def check_dense(name: str, tensor: Tensor) -> None:
    """Refuse a tensor whose numbers cannot be copied: sparse, nested, quantised, without data, or too large."""
    if (odd := _form(tensor)) is not None:
        raise ShapeError(f"{name} is {odd}.")


def _oddity(tensor: Tensor) -> str | None:
    """Why a tensor cannot be computed with, and what to do about it; None if it can."""
    if (odd := _form(tensor)) is not None or tensor.dtype in _PLAIN:
        return odd
    return f"{tensor.dtype}, which torch cannot compute this with; convert it, for example with .float()"


def _form(tensor: Tensor) -> str | None:
    """The same, whatever the dtype."""
    if (odd := _layout(tensor)) is not None:
        return odd
    if tensor.numel() >= _NUMBERS:
        return f"too large for any memory: it has {counted(tensor.numel(), 'number')}"
    if tensor.is_meta:
        return "on the meta device, where tensors hold no data; move it to the device of the others"
    return loss(tensor)


def _layout(tensor: Tensor) -> str | None:
    """Why a tensor is not one dense block of numbers, and what to do about it; None if it is."""
    if tensor.is_nested:
        return "a nested tensor; expected a dense one, padded, with lengths"
    if tensor.layout != torch.strided:
        return f"sparse ({tensor.layout}); expected a dense tensor: convert it with .to_dense()"
    if tensor.is_quantized:
        return "quantised; expected a tensor of floats: convert it with .dequantize()"
    return None


def as_flag(name: str, value: object) -> bool:
    """The bool that value is, Python's or NumPy's; anything else is refused."""
    if value is True or value is False:
        return value
    if type(value).__name__ in ("bool", "bool_"):  # NumPy's, without importing it
        return bool(value)
    raise ArgumentError(f"{name} is {_kind(value)}; expected True or False")


def as_int(value: object) -> int | None:
    """The int that value stands for, such as numpy.int64(2); None if it is not an integer. A bool is not one."""
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype == torch.bool):
        return None
    if isinstance(value, torch.SymInt):  # a symbolic size: operator.index would fix it to its present value
        return value  # type: ignore[return-value]
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def as_lengths(lengths: object) -> Tensor:
    """The lengths as a tensor; they may be a sequence of ints, or one int where there is no batch."""
    if isinstance(lengths, Tensor):
        return lengths
    several = isinstance(lengths, Sequence) and not isinstance(lengths, str)
    values = list(lengths) if several else [lengths]  # type: ignore[call-overload]
    integers = [as_int(value) for value in values]
    if None in integers or not (several or isinstance(lengths, int)):
        got = f"holds {values[integers.index(None)]!r}" if several else f"is {_kind(lengths)}"
        raise ArgumentError(f"lengths {got}; expected an integer tensor or a sequence of ints, one for each row")
    try:
        return torch.tensor(integers if several else integers[0], dtype=torch.int64, device="cpu")
    except ValueError as error:
        raise ArgumentError(f"lengths hold {max(integers, key=abs)}; expected at most the steps of x") from error  # type: ignore[arg-type]


def occurs(condition: Tensor, name: str) -> bool:
    """Whether an error condition is true anywhere; ``name`` is the argument that it is about.

    A graph made by torch.compile, torch.export or make_fx cannot branch on a value: there a RuntimeError is raised when
    the graph runs and the condition is true. On the meta device there are no values, and the answer is False.
    """
    if condition.is_meta:
        return False
    if torch.compiler.is_compiling() or (not is_traced() and not is_transformed() and recorder() is not None):
        check_when_run(~condition.any(), f"{name} are out of range; make the call itself to see which")
        return False
    try:
        return bool(condition.any())
    except RuntimeError as error:
        if not is_transform_active():
            raise
        raise BackendError(
            f"{name} cannot be mapped by torch.func.vmap, as its values have to be read. Do not map over it"
        ) from error


def _kind(value: object) -> str:
    if value is None:
        return "None"
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
