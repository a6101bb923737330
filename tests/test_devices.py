"""Devices by their names: what is there is found, what is not is said, and how to mend it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import chainrule
from chainrule._devices import CPU, asked_for, card_of, device_of, forked, named, one_thread, own_gpu, seed_all, sent
from chainrule._room import check_room
from chainrule.errors import ArgumentError, DeviceError
from chainrule.training.group import _backend
from tests.runs.cases import ar1, series, symbols

CARDS = ("A", "B")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs, as torch tells of them; nothing can be computed there."""
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(CARDS))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: CARDS[_index(device)])


def _index(device: Any) -> int:
    return device if isinstance(device, int) else int(device.index)


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    def start(rank: int, size: int) -> None:
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(size))

    return start


@pytest.mark.parametrize("name", ["gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cpu:1", "mps:2", "meta", "", 0, None])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(ArgumentError, match=r"`device` is .*; expected auto, cpu, cuda, .* or mps\."):
        asked_for(name)


def test_without_cuda_in_torch(without_cuda: None) -> None:
    with pytest.raises(DeviceError, match=r"`device` is 'cuda', and torch .* was built without CUDA\. Install a build"):
        asked_for("cuda")
    assert own_gpu() is None


def test_without_a_gpu(without_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceError, match=r"sees no GPU \(CUDA_VISIBLE_DEVICES is ''\)\. Check that nvidia-smi lists"):
        asked_for("cuda:0")


def test_without_apples_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"`device` is 'mps', and torch .* sees no GPU of Apple's here"):
        asked_for("mps")


def test_gpus_are_found_by_number(two_gpus: None) -> None:
    assert asked_for("cuda") == asked_for(torch.device("cuda:0")) == own_gpu() == torch.device("cuda:0")
    assert asked_for("cuda:1") == torch.device("cuda:1")
    assert named(torch.device("cuda:1")) == "cuda:1 (B)"
    with pytest.raises(DeviceError, match=r"'cuda:2', and torch sees 2 GPUs: cuda:0 \(A\), cuda:1 \(B\)\. Name one"):
        asked_for("cuda:2")


def test_each_process_has_a_gpu_of_its_own(two_gpus: None, ranks: Callable[[int, int], None]) -> None:
    ranks(1, 2)
    assert asked_for("cuda") == own_gpu() == torch.device("cuda:1")
    with pytest.raises(DeviceError, match=r"several processes train together, each on a GPU of its own: use"):
        asked_for("cuda:0")
    ranks(2, 3)
    with pytest.raises(DeviceError, match=r"this process is to take number 2, and torch sees 2 GPUs"):
        asked_for("cuda")
    assert own_gpu() is None


def test_the_cpu_is_always_there() -> None:
    assert asked_for("cpu") == asked_for(CPU) == CPU
    assert asked_for("auto") is None
    assert card_of(CPU) is None
    x = torch.zeros(2)
    assert sent(x, CPU) is x
    assert device_of(torch.nn.ReLU()) == CPU


def test_random_numbers_go_on_as_before() -> None:
    seed_all(3, CPU)
    drawn = torch.rand(2)
    torch.manual_seed(3)
    with forked(CPU):
        seed_all(7, CPU)
        torch.rand(5)
    assert torch.equal(torch.rand(2), drawn)


def test_a_gpus_memory_counts_where_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Small:
        total_memory = 10**6

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Small)
    check_room("it", lambda a: a, a=10**7)
    with pytest.raises(ArgumentError, match="it would take 10 MB, and cuda:0 has 1 MB"):
        check_room("it", lambda a: a, torch.device("cuda:0"), a=10**7)


@pytest.fixture
def counted(tmp_path: Path) -> chainrule.Run:
    return chainrule.fit(symbols(600), "ngram", out=tmp_path / "counted", quiet=True)


def test_what_a_device_cannot_compute_is_refused(
    counted: chainrule.Run, two_gpus: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DeviceError, match="an ngram counts on the CPU alone"):
        chainrule.fit(symbols(600), "ngram", out=tmp_path / "ngram", device="cuda")
    with pytest.raises(DeviceError, match="an ngram counts on the CPU alone"):
        chainrule.load(counted.path, device="cuda")
    with pytest.raises(DeviceError, match="an ngram counts on the CPU alone"):
        counted.to("cuda")
    with pytest.raises(ArgumentError, match="`device` is 'auto'; expected one by its name"):
        counted.to("auto")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(DeviceError, match="torch has no float64, in which real values"):
        chainrule.fit(series(ar1(100)), "gru", steps=1, out=tmp_path / "series", device="mps")
    with pytest.raises(DeviceError, match=r'torch has no float64, in which a mixture is weighed\. .*`mix="none"`'):
        chainrule.fit(symbols(600), "gru", steps=1, out=tmp_path / "mixture", device="mps")
    assert not list(tmp_path.glob("[!c]*"))


def test_processes_send_what_is_on_gpus_by_nccl(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.is_nccl_available", lambda: True)
    assert [_backend(device) for device in (None, torch.device("cuda:1"))] == ["cpu:gloo,cuda:nccl"] * 2
    assert _backend(CPU) == "gloo"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _backend(None) == "gloo"


def test_processes_on_apples_gpu_are_refused(
    ranks: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    ranks(0, 2)
    with pytest.raises(DeviceError, match="several processes cannot train together"):
        asked_for("mps")


@pytest.mark.parametrize("call", [chainrule.fit, chainrule.compare])
def test_a_device_that_is_not_there_is_refused_before_anything_is_read(
    call: Callable[..., Any], without_cuda: None
) -> None:
    with pytest.raises(DeviceError, match="built without CUDA"):
        call("no such file", device="cuda")
    with pytest.raises(DeviceError, match="built without CUDA"):
        chainrule.load("no such run", device="cuda")


def test_a_process_that_is_shown_one_gpu_takes_it(
    two_gpus: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert asked_for("cuda") == torch.device("cuda:1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert asked_for("cuda") == torch.device("cuda:0")


def test_a_while_on_one_thread_ends_with_as_many_as_before() -> None:
    @one_thread()
    def fails() -> None:
        assert torch.get_num_threads() == 1
        raise DeviceError("whatever ends it")

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(DeviceError):
            fails()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
