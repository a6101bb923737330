"""chainrule.functional."""

import torch
from torch import Tensor

from benchmarks.engines import Built
from benchmarks.engines.convolution.torch import built
from benchmarks.peers.convolutions import LAYERS, ConvolutionPoint, inputs, weights
from chainrule.functional import convolution
from chainrule.nn import CausalConv1d
from chainrule.ops import blocks

__all__ = ["build"]


def build(point: ConvolutionPoint, threads: int) -> Built:
    s = point.shape

    def causal(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
        return convolution(x, weight, bias, padding="causal", dilation=dilation)

    def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return convolution(x, weight, bias, padding=s.padding, dilation=s.dilation, groups=s.groups)

    if point.task == "stream":
        return _stream(point, threads)
    return built(point, threads, convolve, causal, blocks.release)


def _stream(point: ConvolutionPoint, threads: int) -> Built:
    torch.set_num_threads(threads)
    s = point.shape
    layers = [CausalConv1d(s.C, s.O, s.K, dilation=2**n) for n in range(LAYERS)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(torch.from_numpy(weights(point)[0]))
            if layer.bias is not None:
                layer.bias.zero_()
    torch.inference_mode().__enter__()
    streams = [layer.stream(s.B) for layer in layers]
    x_t = torch.from_numpy(inputs(point)[0])[..., 0]

    def step() -> Tensor:
        y = x_t
        for stream in streams:
            y = y + torch.relu(stream(y))
        return y

    return Built({"stream": step})
