"""Arrays and tensors of every dtype are classified, or refused in words."""

import pytest
import torch
from torch import Tensor

from chainrule import Run
from chainrule.errors import DataError

EIGHTHS = torch.arange(64).view(8, 8).remainder(9) / 8  # which all the dtypes hold exactly


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_every_real_dtype_is_classified_alike(dtype: torch.dtype, digits_run: Run) -> None:
    (expected,) = digits_run.classify(EIGHTHS)
    (found,) = digits_run.classify(EIGHTHS.to(dtype))
    assert found == expected


@pytest.mark.parametrize("image", [EIGHTHS.to_sparse(), torch.empty(8, 8, device="meta")], ids=["sparse", "meta"])
def test_a_tensor_without_an_array_is_refused(image: Tensor, digits_run: Run) -> None:
    with pytest.raises(DataError, match=r"image 1 is a tensor of torch\.float32, .* which NumPy cannot hold"):
        digits_run.classify([image])
