"""The one table of tolerances: how far two ways of computing the same thing may differ.

`close` scales the absolute part by the largest magnitude expected, so that one relative bound serves
outputs, states and gradients alike. The same numbers hold locally and in CI.

| compared                          | dtype   | relative bound                                 |
|-----------------------------------|---------|------------------------------------------------|
| formula with reference, torch;    | float64 | 1e-10 (sums in another order, nothing else)    |
| Fourier transform with torch      | float32 | 2e-4                                           |
| kernels with reference (float64)  | float64 | 1e-10                                          |
| kernels with reference (float64)  | float32 | 1e-6 (T + sqrt(H)): an error of the size of a  |
|                                   |         | rounding is made at each step, and weights of  |
|                                   |         | spectral radius about 1 do not let it grow;    |
|                                   |         | 50 times that with layer normalisation, whose  |
|                                   |         | backward step divides by s, of few and nearly  |
|                                   |         | equal numbers a small one, and cancels         |
| the same with products of         | float32 | 2^-6 sqrt(T): every factor is off by up to     |
| bfloat16 (float64)                |         | 2^-9, and so is what it makes; 4 times that    |
|                                   |         | with layer normalisation, where more than one  |
|                                   |         | input and five units are normalised            |
| products of bfloat16, kernels     | float32 | 1e-6 (T + sqrt(H)), where no factor lies so    |
| with formula                      |         | near to a half that the two round it apart     |
| Triton's kernels, exact products  | float32 | as the kernels on the CPU; of bfloat16 too     |
| convolution's kernels with the    | both    | 1e-10 in float64; 1e-6 sqrt(n) in float32, for |
| formula (float64)                 |         | sums of n terms                                |
| the same with products of         | bfloat16| 2^-8 of each number, which is rounded in the   |
| bfloat16 (float64), from tensors  |         | end, and 1e-6 sqrt(n) for the sum              |
| that are rounded                  |         |                                                |
| sigmoid, tanh of the kernels      | both    | 3 units in the last place                      |
| least squares with statsmodels    | float64 | 1e-8                                           |
"""

import torch

RELATIVE = {torch.float64: 1e-10, torch.float32: 2e-4}
LEAST_SQUARES = 1e-8
GATE_ULPS = 3


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Assert that two tensors agree within the table, relative to the largest expected magnitude."""
    assert actual.shape == expected.shape, f"shapes differ: {tuple(actual.shape)}, {tuple(expected.shape)}"
    assert actual.dtype == expected.dtype, f"dtypes differ: {actual.dtype}, {expected.dtype}"
    if expected.numel() == 0:
        return
    if not expected.is_floating_point():
        assert torch.equal(actual, expected)
        return
    bound = RELATIVE[expected.dtype]
    scale = max(1.0, expected.detach().abs().max().item())
    torch.testing.assert_close(actual, expected, rtol=bound, atol=bound * scale)


def close_scan(actual: torch.Tensor, expected: torch.Tensor, steps: int, hidden: int, normalised: bool = False) -> None:
    """Assert that a scan of either dtype agrees with one of float64 within the table."""
    if actual.dtype == torch.float64:
        return close(actual, expected)
    bound = (50e-6 if normalised else 1e-6) * (steps + hidden**0.5)
    scale = max(1.0, expected.detach().abs().max().item()) if expected.numel() else 1.0
    torch.testing.assert_close(actual.double(), expected, rtol=bound, atol=bound * scale)
    return None


def close_rounded(actual: torch.Tensor, expected: torch.Tensor, steps: int, normalised: bool = False) -> None:
    """Assert that a scan with products of bfloat16 agrees with one of float64 within the table."""
    bound = (4 if normalised else 1) * 2**-6 * steps**0.5
    scale = max(1.0, expected.detach().abs().max().item()) if expected.numel() else 1.0
    torch.testing.assert_close(actual.double(), expected, rtol=bound, atol=bound * scale)


def close_sums(actual: torch.Tensor, expected: torch.Tensor, terms: int) -> None:
    """Assert that sums of so many products, in float32, agree with those of float64 within the table."""
    bound = 1e-6 * terms**0.5
    scale = max(1.0, expected.detach().abs().max().item())
    torch.testing.assert_close(actual.double(), expected, rtol=bound, atol=bound * scale)


def close_rounded_sums(actual: torch.Tensor, expected: torch.Tensor, terms: int) -> None:
    """Assert that sums of so many products of bfloat16, rounded to it, agree with those of float64 within the table."""
    bound = 1e-6 * terms**0.5
    scale = max(1.0, expected.detach().abs().max().item()) if expected.numel() else 1.0
    torch.testing.assert_close(actual.double(), expected.double(), rtol=2**-8, atol=bound * scale)
