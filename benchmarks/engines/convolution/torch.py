"""torch.nn.functional; the model's causal padding is written out, as torch has none."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.engines import Built, Call
from benchmarks.peers.convolutions import LAYERS, ConvolutionPoint, inputs, weights

__all__ = ["build", "built"]

_Convolve = Callable[[Tensor, Tensor, Tensor], Tensor]


def build(point: ConvolutionPoint, threads: int) -> Built:
    s = point.shape
    op = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[len(s.size)]

    def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y: Tensor = op(x, weight, bias, padding=s.padding, dilation=s.dilation, groups=s.groups)
        return y

    def causal(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
        return functional.conv1d(functional.pad(x, (dilation * (s.K - 1), 0)), weight, bias, dilation=dilation)

    if point.task == "stream":
        return _stream(point, threads, causal)
    return built(point, threads, convolve, causal)


def _stream(point: ConvolutionPoint, threads: int, causal: Callable[[Tensor, Tensor, Tensor, int], Tensor]) -> Built:
    """The last output of the window that it depends on, computed whole at every step."""
    torch.set_num_threads(threads)
    torch.inference_mode().__enter__()
    s = point.shape
    weight = torch.from_numpy(weights(point)[0])
    bias = torch.zeros(s.O)  # or layers of zeros would not stand for the time before the first step
    x_t = torch.from_numpy(inputs(point)[0])
    window = torch.zeros(s.B, s.C, 1 + sum((s.K - 1) * 2**n for n in range(LAYERS)))

    def step() -> Tensor:
        nonlocal window
        window = torch.cat([window[..., 1:], x_t], dim=-1)
        y = window
        for n in range(LAYERS):
            y = y + functional.relu(causal(y, weight, bias, 2**n))
        return y[..., -1]

    return Built({"window": step})


def built(
    point: ConvolutionPoint,
    threads: int,
    convolve: _Convolve,
    causal: Callable[[Tensor, Tensor, Tensor, int], Tensor],
    release: Call | None = None,
) -> Built:
    """The point made of these convolutions."""
    torch.set_num_threads(threads)
    x, dy = map(torch.from_numpy, inputs(point))
    weight, bias = map(torch.from_numpy, weights(point))
    if point.task == "forward":
        torch.inference_mode().__enter__()
        return Built({"layer": lambda: convolve(x, weight, bias)}, release=release)
    layers = LAYERS if point.task == "model" else 1
    parameters = [(weight.clone().requires_grad_(), bias.clone().requires_grad_()) for _ in range(layers)]
    leaves = [x.requires_grad_(), *(each for pair in parameters for each in pair)]

    def step() -> list[Tensor]:
        y: Tensor = x
        if point.task == "model":
            for n, pair in enumerate(parameters):
                y = y + functional.relu(causal(y, *pair, 2**n))
        else:
            y = convolve(x, *parameters[0])
        return [y, *torch.autograd.grad(y, leaves, dy)]

    if point.task == "bfloat16":
        low = _within_a_net(x, dy, parameters[0], convolve)
        return Built({"float32": step, "bfloat16": low}, release=release)
    return Built({"layer": step}, release=release)


def _within_a_net(x: Tensor, dy: Tensor, parameters: tuple[Tensor, Tensor], convolve: _Convolve) -> Call:
    """A step under autocast: the layers before and after hand over bfloat16, and the weights are float32."""
    x_low = x.detach().bfloat16().requires_grad_()
    dy_low = dy.bfloat16()

    def step() -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            y = convolve(x_low, *parameters)
        return [y, *torch.autograd.grad(y, [x_low, *parameters], dy_low)]

    return step
