"""The last stage: from the weights that were chosen, over what was held out too, resumable to the same bits."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor

from chainrule.training import (
    BEST,
    FINAL,
    FINAL_LAST,
    LAST,
    Progress,
    StreamFeed,
    Streams,
    Then,
    Validation,
    load_tensors,
    weights_of,
)
from tests.training.jobs import DOCUMENTS, Job
from tests.training.test_loop import Scripted
from tests.training.test_resuming import raises_at, same_bits, told

OPTIONS: dict[str, dict[str, object]] = {
    "plain": {},
    "averaged": {"average": 0.9, "accumulate": 2},
    "patient": {"patience": 2},
}


def job(**options: object) -> Job:
    made = Job(options=options)
    made.goes_on()
    return made


class Learns(Job):
    """Validates best at one step, and then ever worse."""

    best_at: int

    def validate(self) -> float:
        return abs(self.progressed - self.best_at)

    @property
    def progressed(self) -> int:
        return getattr(self, "at", 0)


def learns(best_at: int, **options: object) -> Learns:
    made = Learns(steps=40, options=options)
    made.best_at = best_at
    made.goes_on()
    begun = made.feed.backward

    def backward(model: torch.nn.Module, spent: float = 0.0) -> tuple[float, int]:
        made.at = made.progressed + 1  # type: ignore[attr-defined]
        return begun(model)

    made.feed.backward = backward  # type: ignore[method-assign]
    return made


def test_it_begins_when_the_last_share_of_the_budget_does_and_ends_with_it(tmp_path: Path) -> None:
    made = job()
    stages: list[tuple[int, bool, int]] = []
    made.report = lambda progress: stages.append((progress.step, progress.joined is not None, progress.validated_step))
    progress = made.train(tmp_path)
    assert [step for step, joined, _ in stages if joined] == list(range(35, 41))
    assert stages[-1] == (40, True, 34), "what joins validates nothing"
    assert progress.joined == 34 / 40
    weights = weights_of(made.model)
    final, about = load_tensors(tmp_path / FINAL)
    assert about["step"] == 40
    assert all(torch.equal(final[name], tensor) for name, tensor in weights.items())
    assert load_tensors(tmp_path / LAST)[1]["step"] == 34
    assert load_tensors(tmp_path / FINAL_LAST)[1]["step"] == 40
    assert not made.model.training


def test_without_anything_new_it_is_the_same_training(tmp_path: Path) -> None:
    """The same feed, optimiser, rates and random numbers, where the best weights are the last ones."""
    for name in ("plain", "then"):
        (tmp_path / name).mkdir()
    plain = Scripted(steps=40)
    same = Scripted(steps=40)
    plain.losses = same.losses = tuple(5.0 - n / 10 for n in range(30))
    same.then = Then(lambda: same.feed)
    for each in (plain, same):
        each.without_dropout()  # validating in evaluation mode draws nothing, but the script copies weights
    plain.train(tmp_path / "plain")
    same.train(tmp_path / "then")
    for name, tensor in weights_of(plain.model).items():
        torch.testing.assert_close(weights_of(same.model)[name], tensor, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("best_at", [4, 8])
def test_weights_that_were_best_early_go_on_for_a_shorter_while(best_at: int, tmp_path: Path) -> None:
    made = learns(best_at)
    begins: list[dict[str, Tensor]] = []
    assert made.then is not None
    note = lambda: begins.append({k: t.clone() for k, t in weights_of(made.model).items()})  # noqa: E731
    made.then = Then(made.then.feed, note)
    progress = made.train(tmp_path)
    best, about = load_tensors(tmp_path / BEST)
    assert about["step"] == best_at
    assert len(begins) == 1
    assert all(torch.equal(begins[0][name], tensor) for name, tensor in best.items())
    assert progress.step == 34 + best_at // 2


def test_nothing_learned_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    made = learns(0)
    assert made.train(tmp_path).step == 34
    best = load_tensors(tmp_path / BEST)[0]
    assert all(torch.equal(best[name], tensor) for name, tensor in weights_of(made.model).items())


def test_a_part_that_is_trained_is_not_left_untrained_where_the_whole_was_best_without_it(tmp_path: Path) -> None:
    made = learns(0)
    worse_and_worse = made.validate

    def validate() -> Validation:
        return Validation(worse_and_worse(), alone=1.0)

    made.validate = validate  # type: ignore[method-assign, assignment]
    progress = made.train(tmp_path)
    assert progress.best_step == 2
    assert progress.best == 2


def test_when_patience_is_lost_it_begins(tmp_path: Path) -> None:
    made = learns(20, patience=3)
    stopped: list[int] = []
    made.report = lambda progress: stopped.append(progress.step) if progress.stopped else None
    progress = made.train(tmp_path)
    assert stopped == [26]
    assert progress.joined == 26 / 40
    assert progress.step == 36


@pytest.fixture(scope="module", params=OPTIONS)
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Job, Progress]:
    """A training that nothing stopped."""
    folder = tmp_path_factory.mktemp("ended")
    made = job(**OPTIONS[request.param])
    return request.param, folder, made, made.train(folder)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("after", [-1, 0, 1, 99], ids=["before", "at", "just after", "at the end"])
def test_a_run_stopped_in_either_stage_ends_with_the_same_bits(
    after: int, ended: tuple[str, Path, Job, Progress], tmp_path: Path
) -> None:
    options, whole, first, progress = ended
    assert progress.joined is not None
    stopped = job(**OPTIONS[options])
    stopped.report = raises_at(min(round(progress.joined * 40) + after, progress.step))
    with pytest.raises(KeyboardInterrupt):
        stopped.train(tmp_path)
    resumed = job(**OPTIONS[options])
    assert told(resumed.train(tmp_path, resume=True)) == told(progress)
    assert same_bits(first.model, resumed.model)
    for name in (BEST, LAST, FINAL):
        tensors, about = load_tensors(whole / name)
        others, other_about = load_tensors(tmp_path / name)
        assert all(torch.equal(tensor, others[key]) for key, tensor in tensors.items()), name
        assert told(Progress(**about)) == told(Progress(**other_about)), name


def test_with_streams_of_every_option(tmp_path: Path) -> None:
    def make() -> Job:
        made = Job()
        made.feed = StreamFeed(
            Streams(DOCUMENTS, batch=3, window=4, shuffle=True, random_windows=True), state_dropout=0.2
        )
        made.goes_on()
        return made

    (tmp_path / "whole").mkdir()
    whole = make()
    whole.train(tmp_path / "whole")
    stopped = make()
    stopped.report = raises_at(37)
    with pytest.raises(KeyboardInterrupt):
        stopped.train(tmp_path)
    resumed = make()
    resumed.train(tmp_path, resume=True)
    assert same_bits(whole.model, resumed.model)


def test_a_finished_run_stays_finished_and_a_larger_budget_holds_out_again(tmp_path: Path) -> None:
    first = job()
    progress = first.train(tmp_path)
    again = job()
    assert told(again.train(tmp_path, resume=True)) == told(progress)
    assert same_bits(first.model, again.model)
    larger = job()
    larger.steps = 80
    joined: list[int] = []
    validated: set[int] = set()

    def report(progress: Progress) -> None:
        joined.extend([progress.step] * (progress.joined is not None))
        validated.add(progress.validated_step)

    larger.report = report
    larger.train(tmp_path, resume=True)
    assert joined == list(range(69, 81))
    assert validated >= {36, 40, 68}
    assert asdict(Progress(**load_tensors(tmp_path / FINAL)[1]))["step"] == 80


def test_a_smaller_budget_validates_before_it_chooses(tmp_path: Path) -> None:
    """What was trained since the last validation is not thrown away unseen."""
    made = job()
    made.steps = 400  # a validation every 20 steps
    made.report = raises_at(18)
    with pytest.raises(KeyboardInterrupt):
        made.train(tmp_path)
    smaller = job()
    smaller.steps = 20
    progress = smaller.train(tmp_path, resume=True)
    assert progress.validated_step == 18
    assert progress.best_step == 18
    assert progress.step == 20
