"""Tensors of the CPU that say that they are on a GPU: what is chosen for one computes, on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

__all__ = ["on_a_gpu"]


@contextmanager
def on_a_gpu() -> Iterator[None]:
    """All tensors say so while the context is open; nothing of it is remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "is_cuda", property(lambda self: True), raising=False)
        patch.setattr(torch.Tensor, "is_cpu", property(lambda self: False), raising=False)
        patch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
        patch.setattr("chainrule.ops.recurrence.backends.stack.cudnn_takes_chunks", lambda: False)
        for known in ("_chosen", "_taken"):
            patch.setattr(f"chainrule.ops.convolution.dispatch.{known}", {})
        yield
