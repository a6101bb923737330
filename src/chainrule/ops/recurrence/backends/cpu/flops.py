"""How many operations the registered recurrences are, for torch.utils.flop_counter: those of their products.

torch counts so for its own, whose products are ops each. Left out are biases, gates and masks, as there, and what a
backward pass computes anew with save="states".
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

from chainrule.ops.recurrence.backends.cpu import ops as _ops  # noqa: F401  # which defines them

__all__: list[str] = []

_Shape = Sequence[int]


@register_flop_formula(torch.ops.chainrule.recurrence)
def _forward(
    cell: str, x: _Shape, h_0: _Shape, c_0: _Shape | None, W_ih: _Shape, W_hh: _Shape, *_: Any, **__: Any
) -> int:
    """W_ih x_t and W_hh h_{t-1}."""
    return 2 * x[0] * x[1] * (prod(W_ih) + prod(W_hh))


@register_flop_formula(torch.ops.chainrule.recurrence_backward)
def _backward(
    cell: str,
    dy: _Shape,
    dh_n: _Shape,
    dc_n: _Shape | None,
    x: _Shape,
    W_ih: _Shape,
    W_hh: _Shape,
    *rest: Any,
    **_: Any,
) -> int:
    """W_hh^T da_t always, that towards h_0 included; W_ih^T da_t, da_t x_t^T and da_t h_{t-1}^T where asked for."""
    needs_dx, needs_dW_ih, needs_dW_hh, *_b = rest[-3]
    products: int = prod(W_hh) * (1 + needs_dW_hh) + prod(W_ih) * (needs_dx + needs_dW_ih)
    return 2 * x[0] * x[1] * products
