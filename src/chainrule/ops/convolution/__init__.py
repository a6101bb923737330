"""Convolution in one, two and three dimensions, and its backward pass."""

from chainrule.ops.convolution.op import causal_convolution, convolution

__all__ = ["causal_convolution", "convolution"]
