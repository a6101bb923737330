"""The loop: AdamW under a budget of steps or minutes, best checkpoint kept, stoppable and resumable at any step."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from chainrule.errors import DivergedError
from chainrule.training.checkpoint import load_tensors, load_weights, save_tensors, weights_of
from chainrule.training.config import Progress, Report, TrainingConfig
from chainrule.training.feeds import Feed

__all__ = ["BEST", "LAST", "train"]

BEST, LAST = "best.safetensors", "last.safetensors"
_VALIDATIONS = 20  # in a budget


def train(
    model: nn.Module,
    feed: Feed,
    validate: Callable[[], float],
    config: TrainingConfig,
    folder: Path,
    report: Report,
    *,
    resume: bool = False,
) -> Progress:
    """Train ``model`` in place until the budget is spent, and leave it with the weights that validated best.

    ``folder`` gets best.safetensors (weights) and last.safetensors (everything that resuming needs).

    Raises:
        DivergedError: the loss or a gradient became NaN or infinite; the best weights are kept on disk.
        KeyboardInterrupt: after Ctrl-C, when the step is finished and saved.
    """
    trainer = _Trainer(model, feed, validate, config, folder, report)
    if resume:
        trainer.restore()
    with _interrupts() as interrupted:
        trainer.run(interrupted)
    weights, _ = load_tensors(folder / BEST)
    load_weights(model, weights)
    return trainer.progress


class _Trainer:
    """One run of the loop: what ``train`` was given, and how far it is."""

    def __init__(
        self,
        model: nn.Module,
        feed: Feed,
        validate: Callable[[], float],
        config: TrainingConfig,
        folder: Path,
        report: Report,
    ) -> None:
        self.model, self.feed, self.validate = model, feed, validate
        self.config, self.folder, self.report = config, folder, report
        self.progress = Progress()
        matrices = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() <= 1]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))

    def run(self, interrupted: threading.Event) -> None:
        progress, config = self.progress, self.config
        began = time.monotonic() - progress.seconds
        validated_at, validation_seconds = progress.spent, 0.0
        if progress.step == 0:
            self.check()
        self.model.train()
        while progress.spent < 1 and not interrupted.is_set():
            self.step()
            progress.seconds = time.monotonic() - began
            progress.spent = config.spent(progress.step, progress.seconds)
            # Twenty validations, or fewer where they would take more than a tenth of the time.
            due = progress.spent - validated_at >= 1 / _VALIDATIONS
            if config.steps is None:
                due = due and (progress.spent - validated_at) * 600 * config.minutes >= 10 * validation_seconds
            if due or progress.spent >= 1 or interrupted.is_set():
                before = time.monotonic()
                self.check()
                validation_seconds = time.monotonic() - before
                validated_at = progress.spent
                progress.seconds = time.monotonic() - began
            self.report(progress)
        if interrupted.is_set():
            raise KeyboardInterrupt

    def step(self) -> None:
        progress, began = self.progress, time.monotonic()
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate(progress.step, progress.spent)
        self.optimiser.zero_grad(set_to_none=True)
        loss, count = self.feed.loss(self.model)
        loss.backward()
        norm = float(nn.utils.get_total_norm(p.grad for p in self.model.parameters() if p.grad is not None))
        if not (math.isfinite(norm) and math.isfinite(loss.item())):
            raise self.diverged("loss", loss.item(), norm)
        self.note_gradient(norm)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimiser.step()
        progress.step += 1
        progress.seen += count
        progress.loss = loss.item()
        progress.gradient_norm = norm
        rate = count / max(time.monotonic() - began, 1e-9)
        progress.per_second = 0.95 * progress.per_second + 0.05 * rate if progress.per_second else rate

    def check(self) -> None:
        """Validate, and save: the best weights if these are, and everything to resume from here."""
        progress = self.progress
        progress.validation, progress.validated_step = self.validate(), progress.step
        if not math.isfinite(progress.validation):
            raise self.diverged("held-out loss", progress.validation)
        if progress.best is None or progress.validation < progress.best:
            progress.best, progress.best_step = progress.validation, progress.step
            save_tensors(self.folder / BEST, weights_of(self.model), asdict(progress))
        tensors = {f"model.{name}": tensor for name, tensor in weights_of(self.model).items()}
        tensors |= {f"feed.{name}": tensor for name, tensor in self.feed.state().items()}
        for i, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{name}": tensor for name, tensor in moments.items()}
        tensors["random"] = torch.get_rng_state()
        save_tensors(self.folder / LAST, tensors, asdict(progress))

    def restore(self) -> None:
        """Continue where ``check`` last saved."""
        tensors, about = load_tensors(self.folder / LAST)
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "feed": {}, "optimiser": {}}
        for name, tensor in tensors.items():
            if name != "random":
                part, _, rest = name.partition(".")
                parts[part][rest] = tensor
        load_weights(self.model, parts["model"])
        self.feed.restore(parts["feed"])
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimiser"].items():
            i, _, moment = name.partition(".")
            state.setdefault(int(i), {})[moment] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
        torch.set_rng_state(tensors["random"])
        self.progress = Progress(**about)
        self.progress.spent = self.config.spent(self.progress.step, self.progress.seconds)

    def note_gradient(self, norm: float) -> None:
        """Remember the largest gradient so far, and the parameter with the largest share of it."""
        if norm > self.progress.largest_gradient:
            norms = {n: float(p.grad.norm()) for n, p in self.model.named_parameters() if p.grad is not None}
            self.progress.largest_gradient = norm
            self.progress.largest_gradient_step = self.progress.step
            self.progress.largest_gradient_in = max(norms, key=norms.__getitem__)

    def diverged(self, what: str, value: float, norm: float | None = None) -> DivergedError:
        progress = self.progress
        gradient = f", the norm of its gradient {norm:g}" if norm is not None else ""
        largest = progress.largest_gradient_in and (
            f" The largest gradient before had norm {progress.largest_gradient:.3g}, at step "
            f"{progress.largest_gradient_step}, mostly in {progress.largest_gradient_in}."
        )
        kept = f" The best weights, of step {progress.best_step}, are kept in {self.folder / BEST}."
        return DivergedError(
            f"training diverged at step {progress.step + 1}: the {what} is {value:g}{gradient}.{largest}"
            f"{kept if progress.best is not None else ''} Try a learning rate below "
            f"{self.config.learning_rate:g} or a clip below {self.config.clip:g}."
        )


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets, so that a step is never cut in half; the second one interrupts at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # signals reach the main thread alone
        return
    before = signal.getsignal(signal.SIGINT)

    def on_signal(number: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    signal.signal(signal.SIGINT, on_signal)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
