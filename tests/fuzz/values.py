"""Hostile values in the place of a good one: of other types, sizes, layouts and devices."""

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["hostile", "spoiled"]

_INTS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 3, 5, -(2**31), 2**31, 2**32 + 1, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, -(10**30)),
    *(True, False, 1.0, 1.5, float("nan"), float("inf"), 1e300, Fraction(1, 2), 1j),
    *(np.int64(2), np.float32(1.0), np.bool_(True), np.uint8(9)),
)
_STRINGS: tuple[Any, ...] = ("", "1", "same", "causal", "valid", "auto", "cpu", "reference", "x" * 1000, b"1")
_NESTED: tuple[Any, ...] = (
    *((), (1,), (1, 1), (2, 1, 3), (0,), (-1, 1), (2**63, 1), (1.5,), ((1, 2),), ((1, 2), (0, 1)), [1], [[1, 2]], {}),
    *({"x": 1}, {1}, range(2), object(), None, None, None, [None], ("a", "b"), (2**40, 2**40)),
)


def hostile(random: Random, good: Any) -> Any:
    """Something else than ``good``, often of the same kind."""
    if isinstance(good, Tensor) and random.random() < 0.8:
        return random.choice(_TENSORS)(good)
    if isinstance(good, tuple) and good and random.random() < 0.5:
        k = random.randrange(len(good))
        return (*good[:k], hostile(random, good[k]), *good[k + 1 :])
    if isinstance(good, dict) and good and random.random() < 0.8:
        name = random.choice(list(good))
        return {**good, random.choice((name, "other")): hostile(random, good[name])}
    pool = random.choice((_INTS, _INTS, _STRINGS, _NESTED, None))
    return random.choice(pool) if pool is not None else random.choice(_TENSORS)(torch.ones(2, 3))


def spoiled(random: Random, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The arguments with none to three of them hostile, and the names of those."""
    names = random.sample(list(arguments), min(len(arguments), random.choice((0, 1, 1, 1, 1, 2, 2, 3))))
    return arguments | {name: hostile(random, arguments[name]) for name in names}, names


def _quantised(t: Tensor) -> Tensor:
    return torch.quantize_per_tensor(t.detach().float().nan_to_num(0, 0, 0), 0.1, 0, torch.qint8)


def _sparse(t: Tensor) -> Tensor:
    return t.detach().to_sparse()


def _rows(t: Tensor) -> Tensor:
    return t.detach().reshape(len(t), -1).to_sparse_csr() if t.dim() > 1 and t.numel() else t.detach().to_sparse()


def _wide(t: Tensor) -> Tensor:
    """Of a size that no memory holds, though it takes none: one number, expanded."""
    return t.detach().reshape(-1)[:1].sum().expand(*t.shape[:-1], 2**40)


_TENSORS: tuple[Callable[[Tensor], Any], ...] = (
    lambda t: t.double(),
    lambda t: t.float(),
    lambda t: t.half(),
    lambda t: t.bfloat16(),
    lambda t: t.to(torch.float8_e5m2),
    lambda t: t.to(torch.complex64),
    lambda t: t.int(),
    lambda t: t.bool(),
    lambda t: t.to(torch.uint16),
    lambda t: t.to("meta"),
    _sparse,
    _rows,
    _quantised,
    _wide,
    lambda t: t.numpy(force=True) if t.dtype != torch.bfloat16 else None,
    lambda t: t.detach().tolist(),
    lambda t: t.unsqueeze(0),
    lambda t: t.flatten(),
    lambda t: t.sum(),
    lambda t: t[:0],
    lambda t: t[..., :0],
    lambda t: t[..., :-1],
    lambda t: t.transpose(0, -1),
    lambda t: t.detach().contiguous().requires_grad_(t.is_floating_point()),
    lambda t: t.detach()[..., None].expand(*t.shape, 2)[..., 0],
    lambda t: torch.full_like(t, torch.nan) if t.is_floating_point() else t,
    lambda t: torch.full_like(t, 100),
    lambda t: t.flip(0),
    lambda t: torch.nn.Parameter(t.detach().float()),
    lambda t: torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)]),
    lambda t: torch.zeros(0, 5),
)
