"""The compiled rung: the scan and the scan in reverse in C++, between large products that torch makes.

- ops.py: chainrule::recurrence and chainrule::recurrence_backward, for autograd, torch.compile and opcheck
- native.py: the calls into the extension module _scan
- products.py: the large products
- level.cpp and what it includes: the code, compiled for several instruction levels; module.cpp binds it

The README of the folder above has a section on them.
"""

from chainrule.ops.recurrence.kernels.native import LEVELS
from chainrule.ops.recurrence.kernels.ops import obstacle, scan

__all__ = ["LEVELS", "obstacle", "scan"]
