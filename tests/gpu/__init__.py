"""What only a GPU can show; skipped where there is none."""

import pytest
import torch

__all__ = ["CUDA", "on_gpu"]

CUDA = torch.device("cuda:0")
on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
]
