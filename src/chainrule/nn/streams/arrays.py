"""What streams share: one fast way to handle tensors and NumPy arrays, and checks of states and rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.errors import ArgumentError, BackendError, ShapeError
from chainrule.ops.arguments import FOREIGN, as_int, check_plain
from chainrule.ops.plain import PLAIN, recorder
from chainrule.ops.pointers import dense, held
from chainrule.ops.recurrence.backends.cpu import address

__all__ = [
    *("Array", "Kind", "arrays_like", "check_runs", "check_states", "checked_batch", "clear_rows", "described"),
    *("tensors_like", "zeros"),
]

Array = TypeVar("Array", Tensor, NDArray[Any])


class Kind(NamedTuple):
    """One kind of array, of one dtype and device."""

    name: str
    takes: Callable[[Any], bool]  # whether it is of this kind
    dense: Callable[[Any], Any]  # the array, or a copy of it where it is not dense
    writable: Callable[[Any], bool]  # whether it is dense and may be written to
    empty: Callable[..., Any]  # a new one of a shape; torch reads it faster from arguments than from a tuple
    address: Callable[[Any], int]  # of a dense one


def tensors_like(like: Tensor) -> Kind:
    """Tensors of the dtype and device of ``like``."""
    dtype = like.dtype
    device = like.device
    return Kind(
        f"{dtype} on {device}",
        takes=lambda x: type(x) in PLAIN and x.dtype is dtype and x.device == device,
        dense=dense,
        writable=lambda x: x.is_contiguous() and not x.requires_grad and held(x) is x,
        empty=like.new_empty,
        address=Tensor.data_ptr,
    )


def arrays_like(like: Tensor) -> Kind:
    """NumPy arrays of the dtype of ``like``; none where NumPy has no such dtype, as with bfloat16."""
    try:
        dtype = torch.empty(0, dtype=like.dtype, device="cpu").numpy().dtype
    except TypeError:
        return tensors_like(like)
    return Kind(
        f"numpy.{dtype}",
        takes=lambda x: isinstance(x, np.ndarray) and x.dtype == dtype,
        dense=lambda x: x if x.flags.carray else np.require(x, requirements=["C", "ALIGNED"]),
        writable=lambda x: x.flags.carray,
        empty=lambda *shape: np.empty(shape, dtype),
        address=address,
    )


def described(x: object) -> str:
    """What was given, for a message."""
    if isinstance(x, Tensor):
        kind = "" if type(x) in PLAIN else f", a {type(x).__name__}"
        return f"{tuple(x.shape)} of {x.dtype} on {x.device}{kind}"
    if isinstance(x, np.ndarray):
        return f"{x.shape} of numpy.{x.dtype}"
    return type(x).__name__


def check_states(states: object, names: Iterable[str]) -> None:
    """Raise unless ``states`` maps these names to dense tensors that hold data."""
    if not isinstance(states, Mapping) or set(states) != set(names):
        got = list(states) if isinstance(states, Mapping) else f"a {type(states).__name__}"
        raise ArgumentError(
            f"expected the state of this stream as a dictionary with the keys {list(names)}, got {got}."
        )
    for name, state in states.items():
        if not isinstance(state, Tensor):
            raise ShapeError(f"{name} of a stream's state must be a tensor, got {described(state)}.")
        if state.is_meta:
            raise ShapeError(f"{name} of a stream's state is on the meta device, where tensors hold no data.")
        check_plain(name, state)


def check_runs() -> None:
    """Refuse to stream while calls are recorded or transformed: the state is in memory that these do not see."""
    if (who := recorder()) is not None:
        raise BackendError(
            f"a stream updates its state in place, which {who} cannot follow: call the layer instead, "
            "with the state as an argument and a result"
        )


def checked_batch(batch: object) -> int:
    """The number of sequences that are streamed in parallel."""
    rows = as_int(batch)
    if rows is None or rows < 1:
        raise ArgumentError(f"batch must be an integer of at least 1, got {batch!r}.")
    return rows


def zeros(*shape: int) -> Tensor:
    """A state of zeros; an ArgumentError if memory does not suffice."""
    try:
        return torch.zeros(shape, device="cpu")  # whatever the default device
    except FOREIGN as error:
        raise ArgumentError(
            f"a state of shape {shape} does not fit into memory: stream fewer sequences at once."
        ) from error


def clear_rows(states: Iterable[Tensor], batch: int, rows: int | Sequence[int] | Tensor | None) -> None:
    """Make ``rows`` of states (·, batch, ·) zero: indices or a bool mask (batch,); all where it is None."""
    for state in states:
        if isinstance(rows, Tensor) and rows.numel() > 0:
            check_plain("rows", rows)
        try:
            index = slice(None) if rows is None else torch.as_tensor(rows, device=state.device)
            if isinstance(index, Tensor) and index.numel() == 0:
                return
            state[:, index] = 0
        except FOREIGN as error:
            raise ArgumentError(
                f"rows must be integers from 0 to {batch - 1} or a bool mask ({batch},), got {rows}."
            ) from error
