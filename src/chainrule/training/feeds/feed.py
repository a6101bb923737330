"""What the training loop expects of a feed."""

from typing import Protocol

from torch import Tensor, nn

__all__ = ["Feed"]


class Feed(Protocol):
    """Gives the gradient of one batch after another, epoch after epoch."""

    def backward(self, model: nn.Module) -> tuple[float, int]:
        """Add the gradient of the next batch's summed loss to ``.grad``: its mean, and the count it is the mean of."""

    @property
    def rate(self) -> float:
        """What the learning rate is multiplied by for the batch that was given last."""

    def state(self) -> dict[str, Tensor]:
        """Tensors from which ``restore`` continues exactly here."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from what ``state`` returned."""
