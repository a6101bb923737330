"""Why Triton's kernels cannot be started: what is missing, in words."""

import pytest
import torch

from chainrule.ops import launching
from chainrule.ops.launching import why_not_started


@pytest.mark.skipif(torch.cuda.is_available(), reason="where there is a GPU, tests/gpu/test_scans.py asks it")
def test_where_triton_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    class Driver:
        @property
        def active(self) -> object:
            raise RuntimeError("Failed to find C compiler.\nPlease specify one")

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    device = torch.device("cuda:0")
    launching._why_not_on_gpu.cache_clear()
    interpreted = why_not_started(device)
    assert interpreted is not None
    assert "TRITON_INTERPRET" in interpreted
    monkeypatch.delenv("TRITON_INTERPRET")
    monkeypatch.setattr("triton.runtime.driver", Driver())
    launching._why_not_on_gpu.cache_clear()
    assert why_not_started(device) == "Triton does not start here (RuntimeError: Failed to find C compiler.)"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    launching._why_not_on_gpu.cache_clear()
    old = why_not_started(device)
    launching._why_not_on_gpu.cache_clear()
    assert old is not None
    assert "compute capability 8.0" in old
