"""The compiled backend: direct convolution in C++, both passes.

- backend.py: which calls it can run, and how it runs one
- autograd.py: the gradient
- ops.py: chainrule::convolution and chainrule::convolution_backward, for torch.compile and opcheck
- flops.py: what they count as, for torch's FLOP counter
- native.py: the calls into the extension module _convolution
- streaming.py: a causal convolution prepared for chainrule.nn's streams
- level.cpp and what it includes: the code, compiled for several instruction levels; module.cpp binds it

The README of the folder above has a section on them.
"""

from chainrule.ops.convolution.backends.cpu import flops as _flops  # noqa: F401  # registered by being imported
from chainrule.ops.convolution.backends.cpu.backend import (
    describe,
    merit,
    obstacle,
    obstacle_of,
    obstacle_to_streaming,
    run,
)
from chainrule.ops.convolution.backends.cpu.native import LEVELS, lanes, multiplies_bfloat16
from chainrule.ops.convolution.backends.cpu.streaming import ConvolutionSteps

__all__ = [
    "LEVELS",
    "ConvolutionSteps",
    "describe",
    "lanes",
    "merit",
    "multiplies_bfloat16",
    "obstacle",
    "obstacle_of",
    "obstacle_to_streaming",
    "run",
]
