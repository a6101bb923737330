"""The one table of tolerances: how far two ways of computing the same thing may differ.

`close` scales the absolute part by the largest magnitude expected, so that one relative bound serves
outputs, states and gradients alike. The same numbers hold locally and in CI.

| compared                          | dtype   | relative bound                                 |
|-----------------------------------|---------|------------------------------------------------|
| formula with reference, torch     | float64 | 1e-10 (sums in another order, nothing else)    |
| formula with reference, torch     | float32 | 2e-4                                           |
| least squares with statsmodels    | float64 | 1e-8                                           |
"""

import torch

RELATIVE = {torch.float64: 1e-10, torch.float32: 2e-4}
LEAST_SQUARES = 1e-8


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Assert that two tensors agree within the table, relative to the largest expected magnitude."""
    assert actual.shape == expected.shape, f"shapes differ: {tuple(actual.shape)}, {tuple(expected.shape)}"
    assert actual.dtype == expected.dtype, f"dtypes differ: {actual.dtype}, {expected.dtype}"
    if expected.numel() == 0:
        return
    bound = RELATIVE[expected.dtype]
    scale = max(1.0, expected.detach().abs().max().item())
    torch.testing.assert_close(actual, expected, rtol=bound, atol=bound * scale)
