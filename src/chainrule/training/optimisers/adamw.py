"""torch's AdamW, without torch's compiler."""

from inspect import unwrap

import torch
from torch.optim import Optimizer

__all__ = ["AdamW", "Uncompiled"]


class Uncompiled(Optimizer):
    """An optimiser that loads no compiler: torch has its own leave these methods alone, and imports it to say so.

    That takes seconds at the start of every fit, which compiles nothing.
    """

    add_param_group = unwrap(Optimizer.add_param_group)
    state_dict = unwrap(Optimizer.state_dict)
    load_state_dict = unwrap(Optimizer.load_state_dict)
    zero_grad = unwrap(Optimizer.zero_grad)


class AdamW(Uncompiled, torch.optim.AdamW):
    """The same steps, to the bit."""

    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))
