"""Why Triton's kernels cannot be started: what is missing, in words."""

import pytest
import torch

from chainrule.ops import launching
from chainrule.ops.launching import why_not_started
from tests.pretence import on_a_gpu


@pytest.mark.skipif(torch.cuda.is_available(), reason="where there is a GPU, tests/gpu/test_scans.py asks it")
def test_where_triton_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    class Driver:
        @property
        def active(self) -> object:
            raise RuntimeError("Failed to find C compiler.\nPlease specify one")

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr("triton.runtime.driver", Driver())

    def why() -> str:
        launching._why_not_on_gpu.cache_clear()
        with on_a_gpu():
            found = why_not_started(torch.zeros(1))
        launching._why_not_on_gpu.cache_clear()
        assert found is not None
        return found

    assert "TRITON_INTERPRET is 1" in why()
    monkeypatch.delenv("TRITON_INTERPRET")
    assert why() == "Triton does not start here (RuntimeError: Failed to find C compiler.)"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert "compute capability 8.0" in why()
