"""Two ways of computing the same numbers compared: how far they differ, or an error if it is more than rounding."""

from dataclasses import dataclass

import torch
from torch import Tensor

from chainrule.errors import DisagreementError

__all__ = ["ALONG", "Agreement", "compare"]

LIMIT = 1e-9  # of float64, whose rounding is 1e-16, in sums of many terms
ALONG = 1e-5  # along a whole sequence, where a chaotic network makes its rounding grow


@dataclass(frozen=True)
class Agreement:
    """The largest difference found, relative to the largest number compared with."""

    error: float

    def __str__(self) -> str:
        if self.error == 0:
            return "agrees with autograd to the last bit"
        return f"agrees with autograd to {self.error:.0e}"

    def __and__(self, other: "Agreement") -> "Agreement":
        return Agreement(max(self.error, other.error))


def compare(
    name: str,
    ours: Tensor,
    autograd: Tensor,
    scale: float | None = None,
    limit: float = LIMIT,
    least: float = 0.0,
) -> Agreement:
    """The difference of two tensors, relative to the largest magnitude of the second or to ``scale``.

    ``least`` is the least that it is relative to, for numbers that are small where much larger ones are rounded.

    What overflows in one has to overflow in the other; the rest is compared.

    Raises:
        DisagreementError: they differ by more than ``limit``.

    >>> print(compare("x", torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])))
    agrees with autograd to the last bit
    """
    finite = torch.isfinite(autograd)
    if ours.shape != autograd.shape or not torch.equal(finite, torch.isfinite(ours)):
        raise DisagreementError(_message(name, f"shapes {tuple(ours.shape)} and {tuple(autograd.shape)}, or overflow"))
    expected = autograd[finite]
    if not expected.numel():
        return Agreement(0.0)
    if scale is None:
        scale = float(expected.abs().max())
    error = float((ours[finite] - expected).abs().max()) / (max(scale, least) or 1.0)
    if error > limit:
        raise DisagreementError(_message(name, f"by {error:.1e} of the largest value"))
    return Agreement(error)


def _message(name: str, how: str) -> str:
    return (
        f"{name} as derived by hand and as found by autograd differ ({how}), so neither is shown. This is a bug in "
        "chainrule, unless the layer computes something other than its class says: please report it with the layer's "
        "options and shapes."
    )
