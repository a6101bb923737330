"""The kernels among threads and processes: the GIL, torch's number of threads, forked workers."""

import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from chainrule import nn
from chainrule.functional import gru
from tests.processes import Started

# Python warns of every fork of a process with threads, which is what is tested here
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def test_other_python_threads_go_on_during_a_scan() -> None:
    x = torch.zeros(4, 2000, 1)
    W_ih = torch.zeros(1536, 1)
    W_hh = torch.zeros(1536, 512).requires_grad_()
    ticks = itertools.count()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.001):
            next(ticks)

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = next(ticks)
    y, _ = gru(x, None, W_ih, W_hh, backend="cpu")
    middle = next(ticks)
    y.backward(torch.ones_like(y))
    end = next(ticks)
    done.set()
    ticker.join()
    # Each pass takes a tenth of a second or more. With the lock held there would be a tick or two, before and after it.
    assert middle - begin > 5
    assert end - middle > 5


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="the threads of a process are counted in Linux's /proc"
)
def test_no_more_threads_than_torch_is_set_to() -> None:
    code = """
import os, torch
from chainrule.functional import gru
x, W_ih, W_hh = torch.ones(8, 60, 4), torch.ones(192, 4), torch.eye(64).repeat(3, 1).requires_grad_()
alone = len(os.listdir("/proc/self/task"))
for threads in (1, 2, 3, 1):
    torch.set_num_threads(threads)
    gru(x, None, W_ih, W_hh, backend="cpu")[0].backward(torch.ones(8, 60, 64))
    print(len(os.listdir("/proc/self/task")) - alone, end=" ")
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "4"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["0", "1", "2", "2"]  # those of before are kept, asleep


class _Encoded(Dataset[Tensor]):
    """What a layer makes of random sequences, computed by the worker that is asked for it."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.layer = nn.GRU(8, 64)
        self.x = torch.randn(6, 40, 16, 8)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, n: int) -> Tensor:
        x = self.x[n].requires_grad_()
        y, _ = self.layer(x)
        (dx,) = torch.autograd.grad(y.sum(), x)
        return torch.cat((y.detach(), dx), dim=-1)


def test_in_the_forked_workers_of_a_data_loader() -> None:
    """Of a process that has done little else: a fork of this one may do no backward pass in torch's builds for GPUs."""
    process = Started(_check_workers)
    _, error = process.communicate(120)
    assert process.returncode == 0, error


def _check_workers() -> None:
    torch.set_num_threads(2)
    data = _Encoded()
    expected = torch.stack([data[n] for n in range(len(data))])
    loader = DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context="fork", timeout=30)
    for _ in range(2):
        assert torch.equal(torch.cat(list(loader)), expected)
