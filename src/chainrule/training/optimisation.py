"""Steps of AdamW and Muon: accumulated batches, clipped gradients, and a learning rate that follows the budget."""

import math
import time

from torch import Tensor, nn

from chainrule._torch import divide_all
from chainrule.training.averaging import Average
from chainrule.training.checkpoint import weights_of
from chainrule.training.divergence import note_gradient
from chainrule.training.feeds.feed import Feed
from chainrule.training.group import Group
from chainrule.training.optimisers.choice import SCALES, optimisers_of
from chainrule.training.settings import Progress, TrainingConfig

__all__ = ["Optimisation"]

_SMOOTHING = 0.95  # of the speed that is shown


class Optimisation:
    """What changes the weights of a model, step by step.

    Parameters:
        model: the feed gives its loss.
        feed: where gradients come from.
        config: rates and clipping.
        group: the processes that train together.
        schedule: the share of the learning rate's way down that the budget goes through.

    Attributes:
        optimisers: AdamW, and Muon where the config asks for it, by their names.
        average: the moving average of the weights; None without one.
    """

    def __init__(self, model: nn.Module, feed: Feed, config: TrainingConfig, *, group: Group, schedule: float) -> None:
        self.model = model
        self.feed = feed
        self.config = config
        self.group = group
        self.schedule = schedule
        self.average = None if config.average is None else Average(model, config.average)
        self.optimisers = optimisers_of(model, config)

    def begin_again(self) -> None:
        """Go on from the weights that the model was given meanwhile, which an average also begins again from.

        The optimisers' moments are forgotten: they are those of gradients at other weights, and after these were
        learned by heart so small that the next steps would be too large.
        """
        for optimiser in self.optimisers.values():
            optimiser.state.clear()
        if self.average is not None:
            self.average.begin_from(weights_of(self.model))

    def step(self, progress: Progress) -> bool:
        """Take one step and write it into ``progress``.

        False where the loss or the gradient is not finite: then the weights stay as they are.
        """
        began = time.monotonic()
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        self.model.train()
        spent = progress.place * self.schedule
        loss, count, rate = self._backward(spent)
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        divide_all(gradients, count)
        self._set_rate(progress.step, spent, rate)
        norm = self._norm(gradients)
        progress.step += 1
        progress.seen += int(count)
        progress.loss = loss
        progress.gradient_norm = float(norm)
        progress.window = getattr(self.feed, "chosen_window", None)
        unrecorded_sum, unrecorded_count = progress.unrecorded
        progress.unrecorded = (unrecorded_sum + loss, unrecorded_count + 1)
        if not (math.isfinite(loss) and math.isfinite(progress.gradient_norm)):
            return False
        note_gradient(self.model, progress)
        nn.utils.clip_grads_with_norm_(self.model.parameters(), self.config.clip, norm)
        for optimiser in self.optimisers.values():
            optimiser.step()
        if self.average is not None:
            self.average.update()
        per_second = count / max(time.monotonic() - began, 1e-9)
        before = progress.per_second or per_second
        progress.per_second = _SMOOTHING * before + (1 - _SMOOTHING) * per_second
        return True

    def _backward(self, spent: float) -> tuple[float, float, float]:
        """Sum the gradients of one step's batches; the mean loss, its count, and the factor of the learning rate."""
        total = 0.0
        count = 0
        rate = 0.0
        for _ in range(self.config.accumulate):
            loss, steps = self.feed.backward(self.model, spent)
            total += loss * steps
            count += steps
            rate += self.feed.rate
        total_of_all, count_of_all = self.group.sum([total, count])
        self.group.sum_gradients(self.model)
        return total_of_all / count_of_all, count_of_all, rate / self.config.accumulate

    def _set_rate(self, step: int, spent: float, factor: float) -> None:
        rate = self.config.rate(step, spent)
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = rate * factor * SCALES[name]

    def _norm(self, gradients: list[Tensor]) -> Tensor:
        """The norm of the gradient, after large entries are cut if the config says so."""
        if self.config.clip_value is not None:
            nn.utils.clip_grad_value_(self.model.parameters(), self.config.clip_value)
        return nn.utils.get_total_norm(gradients)
