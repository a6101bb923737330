"""The compiled rung: the whole layer in C++, both passes, one call each.

- ops.py: chainrule::recurrence and chainrule::recurrence_backward, for autograd, torch.compile and opcheck
- native.py: the calls into the extension module _scan
- level.cpp and what it includes: the code, compiled for several instruction levels; module.cpp binds it

The README of the folder above has a section on them.
"""

from chainrule.ops.recurrence.kernels.native import LEVELS
from chainrule.ops.recurrence.kernels.ops import obstacle, scan

__all__ = ["LEVELS", "obstacle", "scan"]
