"""What the training loop expects of a feed."""

from typing import Protocol

from torch import Tensor, nn

__all__ = ["Feed"]


class Feed(Protocol):
    """Gives the gradient of one batch after another, epoch after epoch."""

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        """Add the gradient of the next batch's summed loss to ``.grad``: its mean, and the count it is the mean of.

        ``spent`` is the share of the training that is over, which what is scheduled follows.
        """

    @property
    def rate(self) -> float:
        """What the learning rate is multiplied by for the batch that was given last."""

    def state(self) -> dict[str, Tensor]:
        """Tensors from which ``restore`` continues exactly here."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from what ``state`` returned."""
