"""The loop: AdamW under a budget of steps or minutes, best checkpoint kept, stoppable and resumable at any step."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chainrule._schema import structured
from chainrule._torch import divide_all
from chainrule.errors import ArgumentError, ChainruleError, DivergedError, RunFormatError
from chainrule.training.averaging import Average
from chainrule.training.checkpoint import load_tensors, load_weights, pack, save_tensors, unpack, weights_of
from chainrule.training.config import Progress, Report, TrainingConfig, Validation
from chainrule.training.feeds.feed import Feed
from chainrule.training.group import ALONE, Group
from chainrule.training.interrupts import interrupts

__all__ = ["BEST", "LAST", "saved_progress", "train"]

BEST = "best.safetensors"
LAST = "last.safetensors"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # of AdamW, for each parameter
_VALIDATIONS = 20  # in a budget


def train(
    model: nn.Module,
    feed: Feed,
    validate: Callable[[], float | Validation] | None,
    config: TrainingConfig,
    folder: Path,
    report: Report,
    *,
    resume: bool = False,
    group: Group = ALONE,
    schedule: float = 1.0,
    last: str = LAST,
) -> Progress:
    """Train ``model`` in place until the budget is spent, or patience.

    It is left in evaluation mode with the weights that validated best. ``folder`` gets best.safetensors, those
    weights, and last.safetensors, everything that resuming needs. Both are written at validations, up to twenty in all,
    and a kill at any moment leaves the ones before. With a budget of steps, a run that was interrupted and resumed
    ends with the same bits as one that was not.

    Args:
        model: the feed gives its loss.
        feed: where the loss of every step comes from.
        validate: the held-out loss in nats, computed in evaluation mode; the least chooses the weights, with what a
            ``Validation`` counts beside it. With None nothing is held out: the last weights are those that stay, and
            no best.safetensors is written.
        config: budget, rates and clipping.
        folder: an existing folder.
        report: is told of the progress after every step, before the checkpoint of that step is written. What it raises
            stops the run as Ctrl-C does. A resumed run tells it of the step that it goes on from once more, unless
            that is ``recorded``.
        resume: go on from ``last`` in ``folder``, with the model, feed and options that began it.
        group: the processes that train together, each with a feed of its own and the same model.
        schedule: the share of the learning rate's way down that the budget goes through.
        last: the name of the file to resume from.

    Raises:
        DivergedError: the loss or a gradient became NaN or infinite; the best weights are kept on disk.
        KeyboardInterrupt: after Ctrl-C, when the step is finished and saved; a second Ctrl-C does not wait.
        RunFormatError: ``folder`` holds nothing to resume from.
        ProcessError: another process of the group has ended.

    >>> import tempfile
    >>> from chainrule.training import LabelledFeed
    >>> x, labels = torch.tensor([[1.0], [-1.0]]), torch.tensor([1, 0])
    >>> feed = LabelledFeed(examples=2, batch=2, batch_of=lambda index: ((x[index],), labels[index]), seed=0)
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Linear(1, 2)
    >>> validate = lambda: nn.functional.cross_entropy(model(x), labels).item()
    >>> config = TrainingConfig(steps=20, learning_rate=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     progress = train(model, feed, validate, config, Path(folder), report=lambda progress: None)
    >>> progress.step, progress.seen, progress.best < 0.3
    (20, 40, True)
    """
    trainer = _Trainer(model, feed, validate, config, folder, report, group, schedule, last)
    if resume:
        trainer.restore()
    with interrupts() as interrupted:
        trainer.run(interrupted)
    group.wait()  # until rank 0 has written them
    if validate is not None:
        weights, _ = load_tensors(folder / BEST)
        load_weights(model, weights)
    elif trainer.average is not None:
        trainer.average.put()
    model.eval()
    return trainer.progress


def saved_progress(path: Path) -> Progress:
    """How far the training is that left this checkpoint.

    Raises:
        RunFormatError: there is none, or it is broken.
    """
    _, about = load_tensors(path)
    try:
        return structured(Progress, about, "progress")
    except ArgumentError as error:
        raise _mixed_up(path, error) from error


def _mixed_up(path: Path, what: object) -> RunFormatError:
    return RunFormatError(
        f"{path} is not what training left to resume from ({what}). "
        "The run's files were mixed up; restore them from a copy, or fit again."
    )


class _Trainer:
    """One run of the loop: what ``train`` was given, and how far it is."""

    def __init__(
        self,
        model: nn.Module,
        feed: Feed,
        validate: Callable[[], float | Validation] | None,
        config: TrainingConfig,
        folder: Path,
        report: Report,
        group: Group,
        schedule: float,
        last: str,
    ) -> None:
        self.model = model
        self.feed = feed
        self.validate = validate
        self.config = config
        self.folder = folder
        self.report = report
        self.group = group
        self.schedule = schedule
        self.last = last
        self.progress = Progress()
        self.average = None if config.average is None else Average(model, config.average)
        self.validated_at = self.validation_seconds = 0.0  # by the clock
        matrices = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() <= 1]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))

    def run(self, interrupted: threading.Event) -> None:
        progress = self.progress
        config = self.config
        began = time.monotonic() - progress.seconds
        if progress.step == 0:
            self.check()
            self.save()
        elif progress.recorded < progress.spent:
            self.report(progress)  # once more, as it may have been cut short
        interrupts = self.group.sum([interrupted.is_set()])[0]
        while not config.done(progress) and not interrupts:
            spent_before = progress.spent
            self.step()
            # rank 0 has the clock
            seconds, interrupts = self.group.sum([self.leading(time.monotonic() - began), interrupted.is_set()])
            progress.seconds = seconds
            progress.spent = config.spent(progress.step, progress.seconds)
            checked = self.due(spent_before)
            if checked:
                self.check()
                (progress.seconds,) = self.group.sum([self.leading(time.monotonic() - began)])
            try:
                self.report(progress)  # before saving, so that all that a checkpoint goes on from is on record
            except BaseException:
                if self.group.size == 1:  # the others are in their next step by now, and would not help to save
                    self.save()
                raise
            if checked:
                self.save()
        if interrupts:
            # Without validating: that would take its time, and give a resumed run a choice that others do not have.
            self.save()
            raise KeyboardInterrupt

    def due(self, spent_before: float) -> bool:
        """Twenty validations in a budget; of minutes, fewer where they would take more than a tenth of the time."""
        spent = self.progress.spent
        if spent >= 1:
            return True
        if int(_VALIDATIONS * spent) == int(_VALIDATIONS * spent_before):
            return False
        if self.config.steps is not None:
            return True
        long_ago = self.leading(float(time.monotonic() - self.validated_at >= 9 * self.validation_seconds))
        return self.group.sum([long_ago]) == [1.0]

    def leading(self, number: float) -> float:
        """The number of rank 0; zero elsewhere, so that the sum over the group is rank 0's."""
        return number if self.group.leads else 0.0

    def step(self) -> None:
        progress = self.progress
        began = time.monotonic()
        self.optimiser.zero_grad(set_to_none=True)
        self.model.train()
        total = 0.0
        count = 0
        scale = 0.0
        for _ in range(self.config.accumulate):
            loss, steps = self.feed.backward(self.model)
            total = total + loss * steps
            count = count + steps
            scale = scale + self.feed.rate
        total, counted = self.group.sum([total, count])
        self.group.sum_gradients(self.model)
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        divide_all(gradients, counted)
        for group in self.optimiser.param_groups:
            rate = self.config.rate(progress.step, progress.spent * self.schedule)
            group["lr"] = rate * scale / self.config.accumulate
        if self.config.clip_value is not None:
            nn.utils.clip_grad_value_(self.model.parameters(), self.config.clip_value)
        total_norm = nn.utils.get_total_norm(gradients)
        progress.step += 1
        progress.seen += int(counted)
        progress.loss = total / counted
        losses, since = progress.unrecorded
        progress.unrecorded = losses + progress.loss, since + 1
        progress.gradient_norm = float(total_norm)
        progress.window = getattr(self.feed, "chosen_window", None)
        if not (math.isfinite(progress.loss) and math.isfinite(progress.gradient_norm)):
            raise self.diverged("loss", progress.loss, progress.gradient_norm)
        self.note_gradient()
        nn.utils.clip_grads_with_norm_(self.model.parameters(), self.config.clip, total_norm)
        self.optimiser.step()
        if self.average is not None:
            self.average.update()
        per_second = counted / max(time.monotonic() - began, 1e-9)
        before = progress.per_second or per_second
        progress.per_second = 0.95 * before + 0.05 * per_second

    def check(self) -> None:
        """Validate, and save the weights if they are the best."""
        if self.validate is None:
            return
        progress = self.progress
        began = time.monotonic()
        with self.averaged():
            held_out = self.validate() if self.group.leads else 0.0
            loss, beside = held_out if isinstance(held_out, Validation) else (held_out, 0.0)
            progress.validation, progress.beside = self.group.sum([loss, beside])
            progress.validated_step = progress.step
            self.keep_if_best()
        self.validated_at = time.monotonic()
        self.validation_seconds = self.validated_at - began

    def averaged(self) -> AbstractContextManager[None]:
        """A while in which the model has the weights that are to be kept: their average, where there is one."""
        return nullcontext() if self.average is None else self.average.in_place()

    def keep_if_best(self) -> None:
        """Save the weights, if they are the best so far; else lose patience."""
        progress = self.progress
        assert progress.validation is not None
        if not math.isfinite(progress.validation):
            raise self.diverged("held-out loss", progress.validation)
        worth = progress.validation + progress.beside
        if progress.best is None or worth < progress.best:
            progress.best = worth
            progress.best_step = progress.step
            progress.stale = 0
            if self.group.leads:
                save_tensors(self.folder / BEST, weights_of(self.model), asdict(progress))
        else:
            progress.stale += 1
        progress.stopped = self.config.lost_patience(progress)

    def save(self) -> None:
        """Save everything to resume from here."""
        tensors = {f"model.{name}": tensor for name, tensor in weights_of(self.model).items()}
        if self.average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.weights.items()}
        own = pack({**self.feed.state(), "random": torch.get_rng_state()})
        for rank, packed in enumerate(self.group.gather(own)):
            tensors[f"rank.{rank}"] = torch.frombuffer(bytearray(packed), dtype=torch.uint8)
        if not self.group.leads:
            return
        for i, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{name}": tensor for name, tensor in moments.items()}
        save_tensors(self.folder / self.last, tensors, asdict(self.progress))

    def restore(self) -> None:
        """Continue from what ``save`` left."""
        path = self.folder / self.last
        tensors, about = load_tensors(path)
        count = sum(name.startswith("rank.") for name in tensors)
        if count not in (0, self.group.size):
            raise ArgumentError(
                f"{path} was left by {count} processes that trained together, and this is "
                f"one of {self.group.size}. Start as many as before."
            )
        try:
            self._restore(tensors, about)
        except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            raise _mixed_up(path, error if isinstance(error, ChainruleError) else repr(error)) from error

    def _restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}, "rank": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        own = unpack(parts["rank"][str(self.group.rank)])
        load_weights(self.model, parts["model"])
        if self.average is not None:
            self.average.load(parts["average"])
        torch.set_rng_state(own.pop("random"))
        self.feed.restore(own)
        state = {**self.optimiser.state_dict(), "state": self._moments(parts["optimiser"])}
        self.optimiser.load_state_dict(state)
        self.progress = progress = structured(Progress, about, "progress")
        spent = self.config.spent(progress.step, progress.seconds)
        if progress.recorded == progress.spent:
            progress.recorded = spent
        elif progress.recorded > 0:  # a share of another budget, maybe
            progress.recorded *= spent / progress.spent
        progress.spent = spent
        progress.stopped = self.config.lost_patience(progress)

    def _moments(self, tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
        """What the optimiser keeps of each parameter, of the parameter's own shape."""
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            i, _, moment = name.partition(".")
            shape = () if moment == "step" else parameters[int(i)].shape
            if moment not in _MOMENTS or tensor.shape != shape or not tensor.is_floating_point():
                raise ValueError(f"optimiser.{name} is {tensor.dtype} of shape {tuple(tensor.shape)}")
            state.setdefault(int(i), {})[moment] = tensor
        if any(len(moments) < len(_MOMENTS) for moments in state.values()):
            raise ValueError(f"the optimiser's state lacks some of {', '.join(_MOMENTS)}")
        return state

    def note_gradient(self) -> None:
        """Remember the largest gradient so far, and the parameter with the largest share of it."""
        progress = self.progress
        if progress.gradient_norm > progress.largest_gradient:
            norms = {n: float(p.grad.norm()) for n, p in self.model.named_parameters() if p.grad is not None}
            progress.largest_gradient = progress.gradient_norm
            progress.largest_gradient_step = progress.step
            progress.largest_gradient_in = max(norms, key=norms.__getitem__)

    def diverged(self, what: str, value: float, norm: float | None = None) -> DivergedError:
        progress = self.progress
        gradient = f", the norm of its gradient {norm:g}" if norm is not None else ""
        largest = progress.largest_gradient_in and (
            f" The largest gradient before had norm {progress.largest_gradient:.3g}, at step "
            f"{progress.largest_gradient_step}, mostly in {progress.largest_gradient_in}."
        )
        kept = f" The best weights, of step {progress.best_step}, are kept in {self.folder / BEST}."
        return DivergedError(
            f"training diverged at step {progress.step}: the {what} is {value:g}{gradient}.{largest}"
            f"{kept if progress.best is not None else ''} Try a learning rate below "
            f"{self.config.learning_rate:g} or a clip below {self.config.clip:g}."
        )
