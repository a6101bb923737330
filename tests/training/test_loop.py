"""The loop: the best weights win, the budget and its validations, clipping, decay, and losses that diverge."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from chainrule.errors import DivergedError
from chainrule.training import BEST, LAST, Feed, Progress, TrainingConfig, load_tensors, loop, train, weights_of
from tests.tolerances import close
from tests.training.bptt.through_time import collected
from tests.training.jobs import Altered, Job, quiet


class Scripted(Job):
    """Validates as a script says, and remembers the weights that it validated."""

    losses: tuple[float, ...]

    def validate(self) -> float:
        self.seen: list[dict[str, Tensor]] = [*getattr(self, "seen", []), {}]
        self.seen[-1] = {name: tensor.clone() for name, tensor in weights_of(self.model).items()}
        return self.losses[len(self.seen) - 1]


@pytest.mark.parametrize("losses", [(1.0, 2.0, 3.0, 4.0), (4.0, 2.0, 3.0, 2.0), (4.0, 3.0, 2.0, 1.0)])
def test_the_weights_that_validated_best_are_left(losses: tuple[float, ...], tmp_path: Path) -> None:
    job = Scripted(steps=3)
    job.losses = losses
    progress = job.train(tmp_path)
    best = losses.index(min(losses))
    assert (progress.best, progress.best_step) == (losses[best], best)
    assert (progress.validation, progress.validated_step) == (losses[-1], 3)
    assert progress.start == (losses[0], 0.0, None)
    for weights in (weights_of(job.model), load_tensors(tmp_path / BEST)[0]):
        assert all(torch.equal(tensor, job.seen[best][name]) for name, tensor in weights.items())
    last = load_tensors(tmp_path / LAST)[0]
    assert all(torch.equal(last[f"model.{name}"], tensor) for name, tensor in job.seen[-1].items())
    assert not job.model.training


def test_it_learns_and_counts(tmp_path: Path) -> None:
    job = Job()
    reports = []
    job.report = lambda progress: reports.append((progress.step, progress.spent, progress.seen))
    before = job.validate()
    progress = job.train(tmp_path)
    assert progress.best is not None
    assert progress.best == job.validate() < before
    assert [step for step, _, _ in reports] == list(range(1, 41))
    assert reports[9][1] == 0.25
    # An epoch of 125 symbols in 3 rows takes 11 chunks of 4: of 42, 42 and 41 symbols, the last has 2, 2 and 1.
    assert reports[10][2] == 125
    assert progress.seen == 3 * 125 + 7 * 12


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("steps", "validations"), [(20, 21), (1, 2), (5, 6), (40, 21), (50, 21), (197, 21)])
def test_a_budget_of_steps_has_twenty_validations_and_one_before(steps: int, validations: int, tmp_path: Path) -> None:
    job = Scripted(steps=steps)
    job.losses = (1.0,) * 30
    job.train(tmp_path)
    assert abs(len(job.seen) - validations) <= 1


class _Clock:
    """The training loop's clock, which only what a test says moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: self.now))

    def timed(self, feed: Feed, seconds: float) -> Altered:
        """The feed, each step of which takes so many seconds."""

        def takes_seconds(step: int, loss: Tensor) -> Tensor:
            self.now += seconds
            return loss

        return Altered(feed, takes_seconds)


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("cost", "patience", "fewest", "most"),
    [
        (0.0, 0, 20, 21),
        (0.5, 0, 20, 21),
        (4.0, 0, 5, 6),
        (60.0, 0, 2, 2),
        (2.0, 99, 20, 21),
        (10.0, 99, 4, 7),
        (60.0, 99, 2, 3),
    ],
)
def test_validations_take_a_small_part_of_the_minutes(
    cost: float, patience: int, fewest: int, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes by a clock that only training (4 seconds a step) and validating (``cost`` seconds) move on."""
    validations = 0

    def validate() -> float:
        nonlocal validations
        clock.now += cost
        validations = validations + 1
        return 1.0

    clock = _Clock(monkeypatch)
    job = Job()
    config = TrainingConfig(minutes=10, patience=patience)
    progress = train(job.model, clock.timed(job.feed, 4.0), validate, config, tmp_path, quiet)
    assert fewest <= validations <= most
    assert progress.seconds == clock.now >= 600
    assert 4 * progress.step == clock.now - validations * cost
    assert progress.validated_step == progress.step


def test_minutes_are_validated_early_as_small_models_overfit_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred steps a second for ten minutes, of which the hundredth is the best one."""
    steps: list[int] = []

    def validate() -> float:
        steps.append(round(clock.now * 100))
        return abs(steps[-1] - 100.0)

    clock = _Clock(monkeypatch)
    job = Job()
    config = TrainingConfig(minutes=10, patience=2)
    progress = train(job.model, clock.timed(job.feed, 0.01), validate, config, tmp_path, quiet)
    assert steps == [0, 32, 64, 128, 256, 512, 1024, 2048, 3000, 4096, 6001]
    assert progress.best_step == 128
    assert progress.stopped


class _Still(nn.Module):
    """With a matrix and a vector, of which the loss knows nothing or everything."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(2, 2))
        self.vector = nn.Parameter(torch.ones(2))


class _Pulls:
    """A loss whose gradient is ``pull`` for the vector's first entry and 0 for all else."""

    def __init__(self, pull: float) -> None:
        self.pull = pull

    rate = 1.0

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        loss = self.pull * model.get_parameter("vector")[0] + 0 * model.get_parameter("matrix").sum()
        loss.backward()
        return loss.item(), 1

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """There is nothing to restore."""


def test_matrices_decay_and_vectors_do_not(tmp_path: Path) -> None:
    model = _Still()
    config = TrainingConfig(steps=4, learning_rate=0.1, weight_decay=0.5)
    losses = iter((5.0, 4.0, 3.0, 2.0, 1.0))  # the last weights are the best
    train(model, _Pulls(0.0), lambda: next(losses), config, tmp_path, quiet)
    shrunk = math.prod(1 - 0.5 * config.rate(step, step / 4) for step in range(4))
    torch.testing.assert_close(model.matrix.detach(), torch.full((2, 2), shrunk))
    assert torch.equal(model.vector.detach(), torch.ones(2))


@pytest.mark.parametrize(("pull", "clipped"), [(8.0, 0.5), (0.25, 0.25)])
def test_long_gradients_are_clipped_and_the_largest_is_noted(pull: float, clipped: float, tmp_path: Path) -> None:
    model = _Still()
    norms = []

    def report(progress: Progress) -> None:
        assert model.vector.grad is not None
        norms.append((progress.gradient_norm, float(model.vector.grad.norm())))

    config = TrainingConfig(steps=3, clip=0.5)
    progress = train(model, _Pulls(pull), lambda: 1.0, config, tmp_path, report)
    assert norms == [pytest.approx((pull, clipped), rel=1e-5)] * 3
    assert progress.largest_gradient == pull
    assert (progress.largest_gradient_step, progress.largest_gradient_in) == (1, "vector")


@pytest.mark.sampled(0)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_diverges_names_the_step_and_the_largest_gradient(value: float, tmp_path: Path) -> None:
    job = Job()
    factors = {8: value, 3: 100.0}
    job.feed = Altered(job.feed, lambda step, loss: loss * factors.get(step, 1.0))
    with pytest.raises(DivergedError) as raised:
        job.train(tmp_path)
    message = str(raised.value)
    assert "training diverged at step 8: the loss is " in message
    assert "largest gradient before had norm" in message
    assert "at step 3, mostly in " in message
    named = message.split("mostly in ")[1].split(". ")[0]
    assert named in dict(job.model.named_parameters())
    assert str(tmp_path / BEST) in message
    assert "Try a `learning_rate` below 0.02 or a `clip` below 1." in message
    assert load_tensors(tmp_path / LAST)[1]["step"] == 6  # the last good one
    assert all(tensor.isfinite().all() for tensor in load_tensors(tmp_path / BEST)[0].values())
    assert Job().train(tmp_path, resume=True).step == 40


def test_a_gradient_alone_can_diverge(tmp_path: Path) -> None:
    job = Job()
    # The square root of 0 is 0, and its slope infinite.
    job.feed = Altered(job.feed, lambda step, loss: loss + (loss - loss.detach()).abs().sqrt() if step == 1 else loss)
    with pytest.raises(DivergedError, match=r"at step 1: the loss is [\d.]+, the norm of its gradient (nan|inf)"):
        job.train(tmp_path)


@pytest.mark.parametrize(("losses", "step"), [((math.nan,), 0), ((1.0, 2.0, math.inf), 2)])
def test_a_held_out_loss_that_diverges_is_not_kept(losses: tuple[float, ...], step: int, tmp_path: Path) -> None:
    job = Scripted(steps=3)
    job.losses = losses
    with pytest.raises(DivergedError, match=f"at step {step}: the held-out loss is"):
        job.train(tmp_path)
    assert (tmp_path / BEST).exists() == (step > 0)


def test_entries_are_cut_before_the_norm_is(tmp_path: Path) -> None:
    model = _Still()
    gradients = []

    def report(progress: Progress) -> None:
        assert model.vector.grad is not None
        gradients.append(model.vector.grad.tolist())

    train(model, _Pulls(-8.0), lambda: 1.0, TrainingConfig(steps=2, clip=1.0, clip_value=0.25), tmp_path, report)
    assert gradients == [pytest.approx([-0.25, 0.0])] * 2


def test_batches_that_are_accumulated_are_one_batch_of_all_their_steps(tmp_path: Path) -> None:
    """Three chunks of every row with the same weights: the mean over their steps, some chunks being shorter."""
    job = Job(steps=5, options={"accumulate": 3, "clip": 1e9})
    found = []
    job.without_dropout()

    def report(progress: Progress) -> None:
        gradient = torch.cat([p.grad.flatten() for p in job.model.parameters() if p.grad is not None])
        found.append((progress.loss, progress.seen, gradient.clone()))

    job.report = report
    start = {name: tensor.clone() for name, tensor in weights_of(job.model).items()}
    job.train(tmp_path)
    other = Job()
    other.model.load_state_dict(start)
    other.without_dropout()
    chunks = [other.feed.backward(other.model) for _ in range(3)]
    count = sum(n for _, n in chunks)
    loss, seen, gradient = found[0]
    assert seen == count
    assert loss == pytest.approx(sum(value * n for value, n in chunks) / count)
    close(gradient, collected(other.model) / count)
    assert found[3][1] - found[2][1] == 12 + 12 + 5  # the tenth, eleventh and first chunk of epochs


def test_the_average_is_validated_and_kept_and_the_weights_go_on(tmp_path: Path) -> None:
    (tmp_path / "average").mkdir()
    (tmp_path / "plain").mkdir()
    plain = Scripted(steps=4)
    job = Scripted(steps=4, options={"average": 0.5})
    plain.losses = job.losses = (5.0, 4.0, 3.0, 2.0, 1.0)
    plain.train(tmp_path / "plain")
    job.train(tmp_path / "average")
    expected = plain.seen[0]
    for step, weights in enumerate(plain.seen[1:], start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = {name: decay * tensor + (1 - decay) * weights[name] for name, tensor in expected.items()}
        for name, tensor in expected.items():
            close(job.seen[step][name], tensor)
    own, others = (load_tensors(tmp_path / name / LAST)[0] for name in ("average", "plain"))
    assert all(torch.equal(own[name], tensor) for name, tensor in others.items() if name.startswith("model."))
    assert all(torch.equal(tensor, job.seen[-1][name]) for name, tensor in weights_of(job.model).items())


@pytest.mark.parametrize(("patience", "last"), [(1, 2), (2, 5), (3, 6), (4, 9), (0, 9)])
def test_patience_is_for_validations_on_end_that_are_no_better(patience: int, last: int, tmp_path: Path) -> None:
    job = Scripted(steps=9, options={"patience": patience})
    job.losses = (4.0, 3.0, 3.5, 2.0, 2.5, 2.5, 2.5, 1.0, 2.0, 2.0)
    stops: list[bool] = []
    job.report = lambda progress: stops.append(progress.stopped)
    if patience == 3:
        job.losses = (*job.losses[:7], 9.0, 9.0, 9.0)
    progress = job.train(tmp_path)
    assert progress.step == last
    assert stops == [False] * (last - 1) + [last < 9]
    best = min(job.losses[: last + 1])
    assert (progress.best, progress.best_step) == (best, job.losses.index(best))
    resumed = Scripted(steps=9, options={"patience": patience})
    assert resumed.train(tmp_path, resume=True).step == last, "what has stopped stays so"


@pytest.mark.parametrize("stopped_at", [1, 3, 5])
def test_patience_that_was_lost_before_an_interruption_counts(stopped_at: int, tmp_path: Path) -> None:
    losses = (4.0, 3.0, 3.5, 2.0, 2.5, 2.5, 2.5, 2.5)

    def raises(progress: Progress) -> None:
        if progress.step == stopped_at:
            raise KeyboardInterrupt

    job = Scripted(steps=40, options={"patience": 3})
    job.losses = losses
    job.report = raises
    with pytest.raises(KeyboardInterrupt):
        job.train(tmp_path)
    again = Scripted(steps=40, options={"patience": 3})
    again.losses = losses[len(job.seen) :]
    assert again.train(tmp_path, resume=True).step == 12, "validations are every other step"


def test_without_a_validation_the_last_weights_stay(tmp_path: Path) -> None:
    """And half of the schedule is the first half of the whole."""
    whole = Job(steps=16)
    part = Job(steps=8)
    halfway: dict[str, Tensor] = {}

    def note(progress: Progress) -> None:
        if progress.step == 8:
            halfway.update({name: tensor.clone() for name, tensor in weights_of(whole.model).items()})

    for job in (whole, part):
        job.without_dropout()
    train(whole.model, whole.feed, None, TrainingConfig(steps=16), tmp_path, note, last="other.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {"other.safetensors"}
    train(part.model, part.feed, None, TrainingConfig(steps=8), tmp_path, quiet, schedule=0.5)
    assert {path.name for path in tmp_path.iterdir()} == {"other.safetensors", LAST}
    assert all(torch.equal(tensor, halfway[name]) for name, tensor in weights_of(part.model).items())


@pytest.mark.slow
def test_seconds_that_are_used_count_for_half_of_the_minutes_at_most(tmp_path: Path) -> None:
    for used, counted in ((0.3, 0.3), (1000.0, 0.6)):
        job = Job()
        config = TrainingConfig(minutes=0.02)
        first: list[float] = []
        train(
            job.model,
            job.feed,
            job.validate,
            config,
            tmp_path,
            lambda progress, seen=first: seen.append(progress.seconds),
            used=used,
        )
        assert counted < first[0] < 100
        assert first[-1] >= 1.2
