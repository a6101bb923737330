"""The compiled rung: the scan and the scan in reverse in C++, between large products that torch makes.

- ops.py: chainrule::recurrence and chainrule::recurrence_backward, for autograd, torch.compile and opcheck
- native.py: what the extension module _scan is called with
- level.cpp and what it includes: the code, compiled for several instruction levels; module.cpp binds it

The README of the folder above has a section on each.
"""

from chainrule.ops.recurrence.kernels.ops import obstacle, scan

__all__ = ["obstacle", "scan"]
