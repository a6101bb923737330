"""Tensors as compiled code reads them, by address: each is checked against its storage first."""

from typing import cast

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ShapeError
from chainrule.ops.plain import PLAIN, is_plain, is_transformed

__all__ = ["check_held", "dense", "dense_lines", "has_dense_lines", "held", "is_dense", "lacks_memory", "loss"]


def held(tensor: Tensor) -> Tensor:
    """The tensor with its values as they are in memory: a negation that torch has postponed is carried out.

    Raises:
        ShapeError: its storage is too small for it, as after ``untyped_storage().resize_(0)``.
    """
    if tensor._is_zerotensor():  # it has no memory at all
        return torch.zeros(tensor.shape, dtype=tensor.dtype, device=tensor.device)
    if tensor.is_neg():
        tensor = tensor.resolve_neg()
    if not _is_held(tensor):
        raise ShapeError(f"a tensor of shape {tuple(tensor.shape)} is {loss(tensor)}")
    return tensor


def check_held(*tensors: object) -> None:
    """Refuse tensors whose storages are too small, before torch's own operations read beyond them.

    Tensors that are not contiguous pass if the storage has as many numbers as the tensor.
    """
    if torch.compiler.is_compiling() or is_transformed():
        return  # tensors may have no storage at all
    for tensor in tensors:
        if type(tensor) in PLAIN and lacks_memory(cast(Tensor, tensor)):
            held(cast(Tensor, tensor))


def lacks_memory(tensor: Tensor) -> bool:
    """Whether a storage has fewer numbers than its tensor: it was freed, or the tensor is expanded."""
    return tensor.untyped_storage().nbytes() < tensor.nbytes


def loss(tensor: Tensor) -> str | None:
    """How much memory a tensor lacks, as "without its memory: ..."; None if it has all of it."""
    if not is_plain([tensor]) or is_transformed() or _is_held(tensor):
        return None
    needed = counted(_end(tensor) * tensor.itemsize, "byte")
    return (
        f"without its memory: its storage holds {tensor.untyped_storage().nbytes():,} of the {needed} that it needs. "
        "Compute with it before its storage is resized or freed"
    )


def _is_held(tensor: Tensor) -> bool:
    """Whether its storage is as large as its shape and strides need it to be."""
    end = tensor.storage_offset() + tensor.numel() if tensor.is_contiguous() else _end(tensor)
    return bool(tensor.untyped_storage().nbytes() >= end * tensor.itemsize) or tensor.numel() == 0


def dense(tensor: Tensor) -> Tensor:
    """The tensor, or a copy of it that is contiguous."""
    return tensor if is_dense(tensor) else held(tensor).contiguous()


def is_dense(tensor: Tensor) -> bool:
    """Whether its numbers lie in memory one after the other, as they are."""
    if not tensor.is_contiguous() or tensor.is_neg() or tensor._is_zerotensor():
        return False
    end = (tensor.storage_offset() + tensor.numel()) * tensor.itemsize
    return bool(tensor.untyped_storage().nbytes() >= end)


def dense_lines(tensor: Tensor) -> Tensor:
    """The tensor with the last dimension contiguous: a copy only where it is not."""
    if has_dense_lines(tensor):
        return tensor
    tensor = held(tensor)
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()


def has_dense_lines(tensor: Tensor) -> bool:
    """Whether the numbers of its last dimension lie in memory one after the other, as they are."""
    if tensor.is_neg() or tensor._is_zerotensor():
        return False
    if tensor.stride()[-1] != 1 and tensor.shape[-1] != 1:
        return False
    return bool(tensor.untyped_storage().nbytes() >= _end(tensor) * tensor.itemsize)


def _end(tensor: Tensor) -> int:
    """How many numbers its storage has to hold."""
    if tensor.numel() == 0:
        return 0
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return int(tensor.storage_offset()) + sum((size - 1) * stride for size, stride in steps) + 1
