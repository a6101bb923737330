"""Interruptions: whatever stops a run, and wherever, resuming it ends with the bits of one that was not stopped."""

import signal
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from chainrule.errors import RunFormatError
from chainrule.training import BEST, LAST, Progress, StreamFeed, Streams, load_tensors, save_tensors, weights_of
from chainrule.training.checkpoint import pack, unpack
from tests.training.jobs import DOCUMENTS, Altered, Job

KINDS = [("gru", True), ("ar", False), ("mlp", False), ("conv", True), ("lstm", False)]


def told(progress: Progress) -> dict[str, object]:
    """All but what depends on the clock."""
    return {k: v for k, v in asdict(progress).items() if k not in ("seconds", "per_second")}


def same_bits(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights_of(one).values(), weights_of(other).values(), strict=True))


def same_files(one: Path, other: Path) -> None:
    for name in (BEST, LAST):
        tensors, about = load_tensors(one / name)
        others, other_about = load_tensors(other / name)
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensor, others[key]) for key, tensor in tensors.items())
        assert told(Progress(**about)) == told(Progress(**other_about))


def whole(folder: Path, job: Job) -> tuple[Job, Progress]:
    folder.mkdir()
    return job, job.train(folder)


def resumed(folder: Path, job: Job) -> tuple[Job, Progress]:
    return job, job.train(folder, resume=True)


def raises_at(step: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return report


def dies_at(step: int) -> Callable[[int, Tensor], Tensor]:
    def alter(now: int, loss: Tensor) -> Tensor:
        if now == step:
            raise MemoryError
        return loss

    return alter


def signals_at(step: int, times: int = 1) -> Callable[[int, Tensor], Tensor]:
    def alter(now: int, loss: Tensor) -> Tensor:
        if now == step:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return loss

    return alter


def ends_alike(tmp_path: Path, stopped: Path, make: Callable[[], Job]) -> None:
    job, progress = whole(tmp_path / "whole", make())
    other, other_progress = resumed(stopped, make())
    assert told(progress) == told(other_progress)
    assert same_bits(job.model, other.model)
    same_files(tmp_path / "whole", stopped)


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("name", "series"), KINDS)
def test_the_same_job_gives_the_same_bits(name: str, series: bool, tmp_path: Path) -> None:
    (job, progress), (other, again) = (whole(tmp_path / folder, Job(name, series=series)) for folder in ("a", "b"))
    assert told(progress) == told(again)
    assert same_bits(job.model, other.model)
    same_files(tmp_path / "a", tmp_path / "b")


@pytest.mark.sampled(0)
@pytest.mark.parametrize("step", [1, 7, 40])
@pytest.mark.parametrize(("name", "series"), KINDS)
def test_a_run_stopped_by_its_report_loses_nothing(name: str, series: bool, step: int, tmp_path: Path) -> None:
    job = Job(name, series=series)
    job.report = raises_at(step)
    with pytest.raises(KeyboardInterrupt):
        job.train(tmp_path)
    assert load_tensors(tmp_path / LAST)[1]["step"] == step
    ends_alike(tmp_path, tmp_path, lambda: Job(name, series=series))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("step", [1, 9, 30])
def test_with_every_option(step: int, tmp_path: Path) -> None:
    """Averages, batches that are accumulated, random windows in a random order, states that are dropped, Muon."""

    def make() -> Job:
        job = Job(options={"average": 0.9, "accumulate": 2, "clip_value": 0.1, "optimiser": "muon"})
        streams = Streams(DOCUMENTS, batch=3, window=4, shuffle=True, random_windows=True)
        job.feed = StreamFeed(streams, state_dropout=0.2)
        return job

    job = make()
    job.report = raises_at(step)
    with pytest.raises(KeyboardInterrupt):
        job.train(tmp_path)
    ends_alike(tmp_path, tmp_path, make)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("step", [1, 2, 7, 40])
def test_a_run_that_dies_goes_on_from_its_last_validation(step: int, tmp_path: Path) -> None:
    job = Job()
    job.feed = Altered(job.feed, dies_at(step))
    with pytest.raises(MemoryError):
        job.train(tmp_path)
    assert load_tensors(tmp_path / LAST)[1]["step"] == (step - 1) // 2 * 2
    ends_alike(tmp_path, tmp_path, Job)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("write", [2, 3, 4, 5, 12, 21])
def test_a_kill_in_the_middle_of_a_write_leaves_files_to_go_on_from(
    write: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two writes are those before the first step; a kill in the first leaves nothing to resume."""
    replace = Path.replace
    writes = 0

    def dies(self: Path, target: Path) -> Path:
        nonlocal writes
        writes += 1
        if writes > write:
            raise MemoryError
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(MemoryError):
            Job().train(tmp_path)
    load_tensors(tmp_path / BEST)
    ends_alike(tmp_path, tmp_path, Job)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("step", [1, 7, 20, 40])
def test_ctrl_c_finishes_the_step_and_saves(step: int, tmp_path: Path) -> None:
    job = Job()
    handler = signal.getsignal(signal.SIGINT)
    job.feed = Altered(job.feed, signals_at(step))
    with pytest.raises(KeyboardInterrupt):
        job.train(tmp_path)
    assert load_tensors(tmp_path / LAST)[1]["step"] == step
    assert signal.getsignal(signal.SIGINT) is handler
    ends_alike(tmp_path, tmp_path, Job)


def test_ctrl_c_does_not_validate_first(tmp_path: Path) -> None:
    job = Job(steps=400)
    job.feed = Altered(job.feed, signals_at(5))
    with pytest.raises(KeyboardInterrupt):
        job.train(tmp_path)
    assert load_tensors(tmp_path / LAST)[1]["validated_step"] == 0


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    job = Job()
    handler = signal.getsignal(signal.SIGINT)
    job.feed = Altered(job.feed, signals_at(7, times=2))
    with pytest.raises(KeyboardInterrupt):
        job.train(tmp_path)
    assert load_tensors(tmp_path / LAST)[1]["step"] == 6
    assert signal.getsignal(signal.SIGINT) is handler
    ends_alike(tmp_path, tmp_path, Job)


def test_ctrl_c_before_the_first_step_leaves_a_run_to_resume(tmp_path: Path) -> None:
    class Interrupted(Job):
        def validate(self) -> float:
            signal.raise_signal(signal.SIGINT)
            return super().validate()

    with pytest.raises(KeyboardInterrupt):
        Interrupted().train(tmp_path)
    assert load_tensors(tmp_path / LAST)[1]["step"] == 0
    ends_alike(tmp_path, tmp_path, Job)


def test_training_works_in_another_thread(tmp_path: Path) -> None:
    job = Job()
    done = []
    thread = threading.Thread(target=lambda: done.append(job.train(tmp_path)))
    thread.start()
    thread.join()
    assert done[0].step == 40


def test_a_finished_run_resumed_is_finished(tmp_path: Path) -> None:
    job, progress = whole(tmp_path / "whole", Job())
    before = (tmp_path / "whole" / LAST).read_bytes()
    again, same = resumed(tmp_path / "whole", Job())
    assert told(same) == told(progress)
    assert same_bits(job.model, again.model)
    assert (tmp_path / "whole" / LAST).read_bytes() == before


def test_a_larger_budget_goes_on(tmp_path: Path) -> None:
    whole(tmp_path / "whole", Job(steps=10))
    _, progress = resumed(tmp_path / "whole", Job(steps=20))
    assert (progress.step, progress.validated_step, progress.spent) == (20, 20, 1.0)


def test_nothing_to_resume_from_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunFormatError, match=f"{LAST} is missing"):
        Job().train(tmp_path, resume=True)


def _best_for_last(folder: Path) -> None:
    (folder / LAST).write_bytes((folder / BEST).read_bytes())


def _without_a_process(folder: Path) -> None:
    tensors, about = load_tensors(folder / LAST)
    save_tensors(folder / LAST, {k: t for k, t in tensors.items() if not k.startswith("rank.")}, about)


def _of_another_time(folder: Path) -> None:
    tensors, about = load_tensors(folder / LAST)
    save_tensors(folder / LAST, tensors, {**about, "epochs": 3})


@pytest.mark.parametrize("mix_up", [_best_for_last, _without_a_process, _of_another_time])
def test_files_mixed_up_say_so(mix_up: Callable[[Path], None], tmp_path: Path) -> None:
    whole(tmp_path / "whole", Job(steps=2))
    mix_up(tmp_path / "whole")
    with pytest.raises(RunFormatError, match=f"{LAST} is not what training left to resume from"):
        resumed(tmp_path / "whole", Job(steps=2))


def test_the_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    whole(tmp_path / "whole", Job(steps=2))
    with pytest.raises(RunFormatError, match="do not fit the model's configuration"):
        resumed(tmp_path / "whole", Job("lstm", steps=2))


def test_nan_in_any_tensor_to_go_on_from_is_said(tmp_path: Path) -> None:
    """Weights, the optimiser's moments, the average, and the state of the streams, which is packed by process."""
    options = {"average": 0.9}
    Job(steps=2, options=options).train(tmp_path)
    saved, about = load_tensors(tmp_path / LAST)
    own = unpack(saved["rank.0"])
    spoilt: dict[str, dict[str, Tensor]] = {
        name: saved | {name: torch.full_like(tensor, torch.nan)}
        for name, tensor in saved.items()
        if tensor.is_floating_point()
    }
    for name, tensor in own.items():
        if tensor.is_floating_point():
            packed = pack(own | {name: torch.full_like(tensor, torch.nan)})
            spoilt[name] = saved | {"rank.0": torch.frombuffer(bytearray(packed), dtype=torch.uint8)}
    assert {name.partition(".")[0] for name in spoilt} >= {"model", "average", "adamw", "state"}
    for name, tensors in spoilt.items():
        save_tensors(tmp_path / LAST, tensors, about)
        with pytest.raises(RunFormatError, match=f"{name} have NaN|{name.partition('.')[2]} are not finite"):
            Job(steps=2, options=options).train(tmp_path, resume=True)
