"""Several processes: two with half the rows are one with all; one that dies ends the others, and nothing is lost."""

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from chainrule.errors import ProcessError
from chainrule.training import (
    FINAL,
    FINAL_LAST,
    LAST,
    JoinedFeed,
    StreamFeed,
    Streams,
    Then,
    TrainingConfig,
    load_tensors,
    processes,
    train,
)
from tests.processes import Started
from tests.tolerances import close
from tests.training.jobs import DOCUMENTS, Job


def start(folder: Path, size: int, *, steps: int = 12, slow: str = "", **options: Any) -> list[Started]:
    """The job below in ``size`` processes, as torchrun would start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    arguments = {"folder": str(folder), "steps": steps, "slow": slow, **options}
    return [
        Started(train_rows, arguments, environment={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(size)
    ]


def finish(ranks: list[Started]) -> list[str]:
    outputs = [process.communicate(timeout=120) for process in ranks]
    for process, (_, error) in zip(ranks, outputs, strict=True):
        assert process.returncode == 0, error
    return [output for output, _ in outputs]


def train_rows(arguments: dict[str, Any]) -> None:
    """The job in one process."""
    torch.set_num_threads(1)
    train_job(**arguments)


def train_job(
    folder: str, steps: int, batch: int, slow: str, fails: int = 0, resume: bool = False, **options: Any
) -> None:
    """On rows of an uneven length, so that their tails differ."""
    torch.manual_seed(0)
    job = Job("gru", steps=steps)
    job.without_dropout()
    job.model.register_buffer("fitted", torch.zeros(()))

    def validate() -> float:
        """Leaves something in the model, as a mixture's gate is fitted; one process alone validates."""
        assert group.leads
        loss = job.validate()
        job.model.get_buffer("fitted").fill_(loss)
        return loss

    with processes() as group:
        streams = Streams(DOCUMENTS, batch=batch, window=4, rank=group.rank, ranks=group.size)

        def report(progress: Any) -> None:
            if progress.step == fails and group.leads:
                raise OSError("the disk is full")
            if slow:
                Path(slow, f"{group.rank}.{progress.step}").touch()
                time.sleep(0.05)

        config = TrainingConfig(steps=steps, learning_rate=0.02, **options)
        feed = StreamFeed(streams)
        others = Streams(DOCUMENTS[:1], batch=batch, window=4, rank=group.rank, ranks=group.size)
        then = Then(lambda: JoinedFeed(feed, StreamFeed(others)))
        arguments = (job.model, feed, validate, config, Path(folder), report)
        progress = train(*arguments, group=group, resume=resume, then=then)
        sys.stdout.write(
            json.dumps([progress.loss, progress.seen, progress.best, job.model.get_buffer("fitted").item()])
        )


@pytest.mark.parametrize("options", [{}, {"accumulate": 3, "average": 0.9, "clip_value": 0.1}])
def test_two_processes_are_one_with_both_their_rows(options: dict[str, Any], tmp_path: Path) -> None:
    """Over several epochs, whose last chunks are shorter in some rows."""
    found = []
    for size in (1, 2):
        folder = tmp_path / str(size)
        folder.mkdir()
        printed = [json.loads(line) for line in finish(start(folder, size, steps=45, batch=4 // size, **options))]
        assert all(line == printed[0] for line in printed)
        tensors = load_tensors(folder / LAST)[0] | load_tensors(folder / FINAL)[0]
        found.append((torch.tensor(printed[0], dtype=torch.float64), tensors))
    (alone, tensors), (together, others) = found
    close(together, alone)
    for name, tensor in tensors.items():
        if not name.startswith("rank."):
            torch.testing.assert_close(others[name], tensor, rtol=1e-6, atol=1e-8)


def test_a_process_that_dies_ends_the_others_and_the_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    whole, folder, slow = (tmp_path / name for name in ("whole", "broken", "slow"))
    for made in (whole, folder, slow):
        made.mkdir()
    finish(start(whole, 2, steps=40, batch=2))
    both = start(folder, 2, steps=40, batch=2, slow=str(slow))
    while not (slow / "1.15").exists():
        assert both[1].returncode is None
        time.sleep(0.01)
    both[1].kill()
    _, error = both[0].communicate(timeout=60)
    both[1].communicate(timeout=60)
    assert both[0].returncode != 0
    assert "ProcessError: process 0 of 2 lost the others" in error
    step = load_tensors(folder / LAST)[1]["step"]
    assert 0 < step < 40
    finish(start(folder, 2, steps=40, batch=2, resume=True))
    for name in (LAST, FINAL, FINAL_LAST):
        (one, _), (other, _) = load_tensors(whole / name), load_tensors(folder / name)
        assert all(torch.equal(tensor, other[key]) for key, tensor in one.items()), name


def test_a_report_that_fails_ends_all_processes_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """The others are in their next step: what they send is no part of a checkpoint."""
    both = start(tmp_path, 2, steps=40, batch=2, fails=5)
    (_, error), (_, other) = (process.communicate(timeout=60) for process in both)
    assert all(process.returncode == 1 for process in both)
    assert error.rstrip().endswith("OSError: the disk is full")
    assert "ProcessError: process 1 of 2 lost the others" in other
    assert load_tensors(tmp_path / LAST)[1]["step"] == 4


def test_a_process_that_torchrun_did_not_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ProcessError, match=r"WORLD_SIZE is 2, .* torchrun --nproc-per-node 2"), processes():
        pass


def test_as_many_processes_must_go_on_as_began(tmp_path: Path) -> None:
    finish(start(tmp_path, 2, steps=4, batch=2))
    (alone,) = start(tmp_path, 1, steps=8, batch=4, resume=True)
    _, error = alone.communicate(timeout=60)
    assert "was left by 2 processes that trained together, and this is one of 1. Start as many as before." in error
