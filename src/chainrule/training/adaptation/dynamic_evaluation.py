"""Weights that go on learning from what they have scored."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

__all__ = ["DynamicEvaluation"]

_RATE = 8e-4
_DECAY = 1e-3
_FLOOR = 0.1  # of an entry's RMS, as a share of the mean RMS in its tensor


class DynamicEvaluation:
    """The gradient g of a chunk's mean loss changes the weights, which are drawn back to where they began, theta_0:

        theta  <-  theta - rate g / (RMS + floor)        theta  <-  theta + decay (theta_0 - theta)

    Krause, Kahembwe, Murray & Renals (2017), "Dynamic evaluation of neural sequence models". RMS is the root of
    each entry's mean square, as theirs, but of the gradients until now instead of the training data's: it needs no data
    but what is scored, and where that is unlike what was trained on, gradients are large and the steps are not.

    >>> weight = torch.tensor([1.0, 1.0])
    >>> dynamic = DynamicEvaluation([weight])
    >>> dynamic.step([torch.tensor([0.5, -50.0])])
    >>> weight
    tensor([0.9999, 1.0008])
    """

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self.weights = list(weights)
        self._trained = [weight.detach().clone() for weight in self.weights]
        self._squares = [torch.zeros_like(weight) for weight in self._trained]
        self._steps = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """Change the weights in place; one without a gradient had no part in the loss.

        Of one with a sparse gradient, an embedding's, only the rows that the chunk has read change.
        """
        self._steps += 1
        for weight, trained, squares, gradient in zip(
            self.weights, self._trained, self._squares, gradients, strict=True
        ):
            if gradient is None:
                continue
            if not gradient.is_sparse:
                self._change(weight, trained, squares, gradient)
                continue
            gradient = gradient.coalesce()
            (rows,) = gradient.indices()
            of_weight = weight[rows]
            of_squares = squares[rows]
            self._change(of_weight, trained[rows], of_squares, gradient.values())
            weight[rows] = of_weight
            squares[rows] = of_squares

    def _change(self, weight: Tensor, trained: Tensor, squares: Tensor, gradient: Tensor) -> None:
        squares.addcmul_(gradient, gradient)
        rms = (squares / self._steps).sqrt_()
        rms += _FLOOR * rms.mean() + torch.finfo(rms.dtype).tiny
        weight.addcdiv_(gradient, rms, value=-_RATE)
        weight.lerp_(trained, _DECAY)
