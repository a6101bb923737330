"""What every backend of the convolution is told: how output positions relate to inputs."""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Geometry", "output_shape"]


class Geometry(NamedTuple):
    """A number for each spatial dimension, and the groups: output j reads x at stride j + dilation i - before."""

    stride: Sequence[int]
    before: Sequence[int]  # zeros before x
    after: Sequence[int]
    dilation: Sequence[int]
    groups: int

    @property
    def pads(self) -> list[int]:
        """The zeros as torch.nn.functional.pad takes them."""
        pairs = zip(reversed(self.before), reversed(self.after), strict=True)
        return [amount for pair in pairs for amount in pair]


def output_shape(x: Sequence[int], weight: Sequence[int], geometry: Geometry) -> tuple[int, ...]:
    """Of y, for the shapes of x and weight."""
    sizes = zip(x[2:], weight[2:], *geometry[:4], strict=True)
    return (x[0], weight[0], *((h + b + a - d * (k - 1) - 1) // s + 1 for h, k, s, b, a, d in sizes))
