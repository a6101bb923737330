"""Training that diverges: what is remembered of the gradients, and what is said of it."""

from pathlib import Path

from torch import nn

from chainrule.errors import DivergedError
from chainrule.training.settings import Progress, TrainingConfig

__all__ = ["divergence", "note_gradient"]


def note_gradient(model: nn.Module, progress: Progress) -> None:
    """Remember the largest gradient so far, and the parameter with the largest share of it."""
    if progress.gradient_norm <= progress.largest_gradient:
        return
    norms = {name: float(p.grad.norm()) for name, p in model.named_parameters() if p.grad is not None}
    progress.largest_gradient = progress.gradient_norm
    progress.largest_gradient_step = progress.step
    progress.largest_gradient_in = max(norms, key=norms.__getitem__)


def divergence(
    what: str, value: float, progress: Progress, config: TrainingConfig, best: Path, *, norm: float | None = None
) -> DivergedError:
    """The error that says what became NaN or infinite, what was so before, and what to try.

    Args:
        what: has the value.
        value: is not finite.
        progress, config: of the training.
        best: where the best weights are, if there are any.
        norm: of the gradient, where it is known.
    """
    message = f"training diverged at step {progress.step}: the {what} is {value:g}"
    if norm is not None:
        message += f", the norm of its gradient {norm:g}"
    message += "."
    if progress.largest_gradient_in:
        message += (
            f" The largest gradient before had norm {progress.largest_gradient:.3g}, at step "
            f"{progress.largest_gradient_step}, mostly in {progress.largest_gradient_in}."
        )
    if progress.best is not None:
        message += f" The best weights, of step {progress.best_step}, are kept in {best}."
    message += f" Try a `learning_rate` below {config.learning_rate:g} or a `clip` below {config.clip:g}."
    return DivergedError(message)
