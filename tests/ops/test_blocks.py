"""Blocks: never handed out while anything uses them, handed out again once nothing does."""

import os
import threading
from collections.abc import Callable

import pytest
import torch
import torch._dynamo

from chainrule import functional, nn
from chainrule.ops import blocks

SHAPE = (300, 1000)
LIKE = torch.zeros(1)


@pytest.fixture(autouse=True)
def no_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_blocks", {})


def test_a_block_that_nothing_uses_is_handed_out_again() -> None:
    first = blocks.empty(LIKE, SHAPE)
    place = first.data_ptr()
    second = blocks.empty(LIKE, SHAPE)
    del first
    third = blocks.empty(LIKE, SHAPE[::-1])
    assert second.data_ptr() != place == third.data_ptr()
    assert (third.shape, third.dtype, third.is_contiguous()) == (SHAPE[::-1], LIKE.dtype, True)


def test_blocks_are_handed_out_again_after_a_compilation_that_failed() -> None:
    """It leaves another way to run Python's frames behind, in which calls hold other references."""
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(nn.GRU(2, 3), fullgraph=True, backend="eager")(torch.zeros(5, 1, 2))
    test_a_block_that_nothing_uses_is_handed_out_again()


_FACTOR = torch.ones((), requires_grad=True)
_USERS: dict[str, Callable[[torch.Tensor], object]] = {
    "view": lambda tensor: tensor[5:6],
    "numpy": lambda tensor: tensor.numpy(),
    "dlpack": lambda tensor: torch.utils.dlpack.from_dlpack(tensor.numpy()),
    "storage": lambda tensor: tensor.untyped_storage(),
    "graph": lambda tensor: (_FACTOR * tensor).sum(),  # which saves it for the backward pass
}


@pytest.mark.parametrize("use", _USERS)
def test_a_block_in_use_is_not(use: str) -> None:
    tensor = blocks.empty(LIKE, SHAPE).fill_(1)
    place = tensor.data_ptr()
    user = _USERS[use](tensor)
    del tensor
    assert blocks.empty(LIKE, SHAPE).data_ptr() != place
    del user
    assert blocks.empty(LIKE, SHAPE).data_ptr() == place


def test_a_block_that_was_resized_or_shared_is_no_more_used() -> None:
    tensor = blocks.empty(LIKE, SHAPE)
    tensor.untyped_storage().resize_(4)
    del tensor
    shared = blocks.empty(LIKE, SHAPE).share_memory_()
    place = shared.data_ptr()
    del shared
    new = blocks.empty(LIKE, SHAPE)
    assert new.untyped_storage().nbytes() == new.nbytes
    assert new.data_ptr() != place
    assert sum(map(len, blocks._blocks.values())) == 1


def test_what_lies_idle_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_IDLE", 5 * 400_000)
    held = blocks.empty(LIKE, (99_000,))
    for n in range(100_000, 100_020):
        blocks.empty(LIKE, (n,))
    sizes = [size for size, known in blocks._blocks.items() if known]
    assert sizes == [4 * 99_000, *(4 * n for n in range(100_016, 100_020))]
    assert len(held) == 99_000


def test_less_may_lie_idle_for_a_while() -> None:
    with blocks.idle_at_most(1):
        for n in range(100_000, 100_004):
            blocks.empty(LIKE, (n,))
            assert sum(map(len, blocks._blocks.values())) == 1
    blocks.empty(LIKE, (100_004,))
    assert sum(map(len, blocks._blocks.values())) == 2


def test_only_so_many_blocks_are_looked_through() -> None:
    held = [blocks.empty(LIKE, SHAPE) for _ in range(blocks._KNOWN + 20)]
    assert len({tensor.data_ptr() for tensor in held}) == len(held)
    assert sum(map(len, blocks._blocks.values())) == blocks._KNOWN


def test_blocks_pass_into_inference_mode_and_back() -> None:
    with torch.inference_mode():
        place = blocks.empty(LIKE, SHAPE).data_ptr()
    weight = torch.ones((), requires_grad=True)
    tensor = blocks.empty(LIKE, SHAPE).fill_(2)
    assert tensor.data_ptr() == place
    (gradient,) = torch.autograd.grad((weight * tensor).sum(), weight)
    assert gradient == 2 * tensor.numel()


def test_idle_blocks_can_be_given_back() -> None:
    held = blocks.empty(LIKE, SHAPE)
    idle = blocks.empty(LIKE, SHAPE)
    del idle
    blocks.release()
    assert [len(known) for known in blocks._blocks.values()] == [1]
    assert held.shape == SHAPE


def test_small_tensors_and_deterministic_runs_use_none() -> None:
    blocks.empty(LIKE, (10, 10))
    torch.use_deterministic_algorithms(True)
    assert blocks.empty(LIKE, SHAPE).isnan().all()
    torch.use_deterministic_algorithms(False)
    assert not blocks._blocks


def test_threads_never_get_the_same_block() -> None:
    wrong = []

    def work(number: float) -> None:
        for _ in range(300):
            tensor = blocks.empty(LIKE, SHAPE).fill_(number)
            if not bool((tensor == number).all()):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(map(len, blocks._blocks.values())) <= 8  # each thread makes the next while it holds the last


def test_a_fork_can_go_on() -> None:
    blocks.empty(LIKE, SHAPE)
    child = os.fork()
    if child == 0:
        os._exit(int(blocks.empty(LIKE, SHAPE).shape != SHAPE))
    assert os.waitpid(child, 0)[1] == 0


def test_what_a_used_block_held_reaches_nothing() -> None:
    x = torch.randn(40, 60, 32)
    W_ih = torch.randn(96, 32) * 0.1
    W_hh = torch.randn(96, 32) * 0.1
    inputs = (x.requires_grad_(), None, W_ih.requires_grad_(), W_hh.requires_grad_())

    def outcome() -> list[torch.Tensor]:
        y, h_n = functional.gru(*inputs)
        return [y, h_n, *torch.autograd.grad((y, h_n), (x, W_ih, W_hh), (torch.ones_like(y), h_n.detach()))]

    first = [t.detach().clone() for t in outcome()]
    assert blocks._blocks
    for known in blocks._blocks.values():
        for block in known:
            torch.empty(0).set_(block).fill_(float("nan"))
    assert all(torch.equal(a, b) for a, b in zip(outcome(), first, strict=True))
