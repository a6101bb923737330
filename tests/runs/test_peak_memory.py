"""The peak of the resident memory, on Linux."""

import sys

import pytest
import torch

from chainrule.runs.peak_memory import peak_memory


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_the_peak_is_of_the_block_alone_whatever_ran_before() -> None:
    for _ in range(2):  # the second time finds what the first one gave back
        with peak_memory() as peak:
            torch.ones(50_000_000).sum()
        assert peak.bytes is not None
        assert 0.9 * 200e6 < peak.bytes < 1.5 * 200e6
        with peak_memory() as small:
            torch.ones(1000).sum()
        assert small.bytes is not None
        assert small.bytes < 20e6
