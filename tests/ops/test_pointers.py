"""What compiled code may read: tensors that their storages hold, without lazy bits."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from chainrule.errors import ShapeError
from chainrule.ops.pointers import check_held, dense, dense_lines, held, loss

LAYOUTS: dict[str, Callable[[], Tensor]] = {
    "dense": lambda: torch.randn(3, 4, 5),
    "part": lambda: torch.randn(8, 4, 5)[2:5],
    "stepped": lambda: torch.randn(3, 4, 10)[..., ::2],
    "transposed": lambda: torch.randn(3, 5, 4).transpose(1, 2),
    "expanded": lambda: torch.randn(1, 4, 1).expand(3, 4, 5),
    "overlapping": lambda: torch.randn(12).as_strided((3, 4, 5), (1, 1, 1)),
    "empty": lambda: torch.randn(3, 0, 5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_tensor_that_has_its_memory_is_read_as_it_lies(layout: str) -> None:
    tensor = LAYOUTS[layout]()
    assert held(tensor) is tensor
    assert loss(tensor) is None
    check_held(tensor, None, "not a tensor")
    assert torch.equal(dense(tensor), tensor)
    assert dense(tensor).is_contiguous()
    assert torch.equal(dense_lines(tensor), tensor)
    assert dense_lines(tensor).stride(-1) == 1


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout != "empty"])
@pytest.mark.parametrize("missing", [4, None])
def test_one_that_lost_memory_is_refused_however_little(layout: str, missing: int | None) -> None:
    tensor = LAYOUTS[layout]()
    last = tensor.storage_offset() + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
    needed = 4 * (last + 1)
    tensor.untyped_storage().resize_(0 if missing is None else int(needed) - missing)
    # of those that do not lie side by side from the storage's beginning, check_held only sees that there are too few
    quick: list[Callable[[Tensor], object]] = [] if missing and layout in ("part", "stepped") else [check_held]
    for read in (held, dense, dense_lines, *quick):
        with pytest.raises(ShapeError, match=f"of the {needed:,} bytes that it needs"):
            read(tensor)


def test_a_storage_that_is_just_large_enough_is_read() -> None:
    tensor = torch.randn(4, 5)[:2]
    tensor.untyped_storage().resize_(40)
    assert held(tensor) is tensor


@pytest.mark.parametrize("view", [lambda t: torch._neg_view(t), lambda t: torch.complex(t, -t).conj().imag])
def test_a_negation_that_was_put_off_is_done(view: Callable[[Tensor], Tensor]) -> None:
    tensor = view(torch.randn(2, 3))
    assert tensor.is_neg()
    assert not held(tensor).is_neg()
    assert torch.equal(held(tensor), tensor.clone())


def test_zeros_without_memory_get_some() -> None:
    tensor = torch._efficientzerotensor((2, 3))
    assert torch.equal(dense(tensor), torch.zeros(2, 3))
