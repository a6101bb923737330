"""chainrule.functional."""

from torch import Tensor

from benchmarks.convolutions import ConvolutionPoint
from benchmarks.engines import Built
from benchmarks.engines.convolution.torch import built
from chainrule.functional import convolution
from chainrule.ops import blocks

__all__ = ["build"]


def build(point: ConvolutionPoint, threads: int) -> Built:
    s = point.shape

    def causal(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
        return convolution(x, weight, bias, padding="causal", dilation=dilation)

    def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return convolution(x, weight, bias, padding=s.padding, dilation=s.dilation, groups=s.groups)

    return built(point, threads, convolve, causal, blocks.release)
