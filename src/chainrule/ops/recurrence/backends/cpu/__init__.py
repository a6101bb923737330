"""The compiled code: the whole layer in C++, both passes, one call each.

- choice.py: which calls it takes
- autograd.py: the call, and its gradient
- direct.py: the calls that are made most, checked and run in one go
- ops.py: chainrule::recurrence and chainrule::recurrence_backward, for torch.compile and opcheck
- flops.py: what they count as, for torch's FLOP counter
- native.py: the calls into the extension module _scan
- streaming.py: weights prepared once for chainrule.nn's streams
- level.cpp and what it includes: the code, compiled for several instruction levels; module.cpp binds it

The README of the folder above has a section on them.
"""

from chainrule.ops.recurrence.backends.cpu import flops as _flops  # noqa: F401  # registered by being imported
from chainrule.ops.recurrence.backends.cpu.autograd import run
from chainrule.ops.recurrence.backends.cpu.choice import cannot, describe, is_single_step, obstacle
from chainrule.ops.recurrence.backends.cpu.direct import infer
from chainrule.ops.recurrence.backends.cpu.direct import run as run_directly
from chainrule.ops.recurrence.backends.cpu.native import LEVELS, multiplies_bfloat16
from chainrule.ops.recurrence.backends.cpu.streaming import StreamedLayers, address

__all__ = [
    "LEVELS",
    "StreamedLayers",
    "address",
    "cannot",
    "describe",
    "infer",
    "is_single_step",
    "multiplies_bfloat16",
    "obstacle",
    "run",
    "run_directly",
]
