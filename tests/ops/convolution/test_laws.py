"""What convolution is in mathematics: equivariant under translation, commutative, its own derivative."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import pad

from chainrule.ops.convolution import convolution
from tests.ops.convolution.cases import random
from tests.tolerances import close

seeds = st.integers(0, 2**31)


def signal(length: int) -> Tensor:
    return torch.randn(length, dtype=torch.float64)


def full(f: Tensor, g: Tensor) -> Tensor:
    """f * g of two finite signals, zero elsewhere: every position where they overlap."""
    return convolution(f[None], g[None, None], padding=len(g) - 1, flip=True)[0]


def difference(f: Tensor) -> Tensor:
    """f'(t) = f(t) - f(t - 1), from where f begins to one step after it ends."""
    return torch.diff(pad(f, (1, 1)))


@given(seeds, st.integers(1, 3), st.integers(1, 2), st.tuples(st.integers(0, 3), st.integers(0, 3)))
@settings(deadline=None, max_examples=40)
def test_shifting_the_input_shifts_the_output(seed: int, stride: int, dilation: int, shift: tuple[int, int]) -> None:
    torch.manual_seed(seed)
    x = random(2, 3, 17, 15)
    weight = random(4, 3, 3, 2)
    bias = random(4)
    y = convolution(x, weight, bias, stride=stride, dilation=dilation)
    vertical, horizontal = (stride * n for n in shift)
    shifted = convolution(x[..., vertical:, horizontal:], weight, bias, stride=stride, dilation=dilation)
    close(shifted, y[..., shift[0] :, shift[1] :])


@given(seeds, st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=40)
def test_convolution_commutes_and_is_numpys(seed: int, n: int, m: int) -> None:
    torch.manual_seed(seed)
    f = signal(n)
    g = signal(m)
    close(full(f, g), full(g, f))
    close(full(f, g), torch.from_numpy(np.convolve(f.numpy(), g.numpy())))


@given(seeds, st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=40)
def test_the_derivative_may_be_taken_of_either_factor(seed: int, n: int, m: int) -> None:
    torch.manual_seed(seed)
    f = signal(n)
    g = signal(m)
    close(difference(full(f, g)), full(difference(f), g))
    close(difference(full(f, g)), full(f, difference(g)))


@given(seeds, st.integers(1, 4), st.integers(1, 4))
@settings(deadline=None, max_examples=20)
def test_both_gradients_are_convolutions_again(seed: int, K: int, more: int) -> None:
    """dx convolves dy, padded fully, with the kernel; dw correlates x with dy."""
    torch.manual_seed(seed)
    x = random(2, 3, K + more, K + 1)
    weight = random(4, 3, K, K)
    y = convolution(x, weight)
    dy = torch.randn_like(y)
    dx, dw = torch.autograd.grad(y, (x, weight), dy)
    close(dx, convolution(dy, weight.transpose(0, 1), padding=K - 1, flip=True))
    close(dw, convolution(x.transpose(0, 1), dy.transpose(0, 1)).transpose(0, 1))
