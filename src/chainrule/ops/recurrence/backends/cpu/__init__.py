"""The compiled rung: the whole layer in C++, both passes, one call each.

- autograd.py: the rung's entrance, and its gradient
- ops.py: chainrule::recurrence and chainrule::recurrence_backward, for torch.compile and opcheck
- flops.py: what they count as, for torch's FLOP counter
- native.py: the calls into the extension module _scan
- streaming.py: weights prepared once for chainrule.nn's streams
- level.cpp and what it includes: the code, compiled for several instruction levels; module.cpp binds it

The README of the folder above has a section on them.
"""

from chainrule.ops.recurrence.backends.cpu import flops as _flops  # noqa: F401  # registered by being imported
from chainrule.ops.recurrence.backends.cpu.autograd import obstacle, scan
from chainrule.ops.recurrence.backends.cpu.native import LEVELS, threads
from chainrule.ops.recurrence.backends.cpu.streaming import Steps, address

__all__ = ["LEVELS", "Steps", "address", "obstacle", "scan", "threads"]
