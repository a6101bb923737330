"""What only a GPU can show; skipped where there is none."""

import pytest
import torch

__all__ = ["CUDA", "on_gpu"]

CUDA = torch.device("cuda:0")
on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
    # torch's own, of its first backward pass in a thread, and of the plans that cuDNN tries
    pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS", "ignore:Plan failed with a cudnnException"),
]
