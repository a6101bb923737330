"""Every number of a forward and backward pass, on one's own layer and data: computed once, shown anywhere."""

from chainrule.lens.convolving import Convolution, convolution
from chainrule.lens.sizes import ConvolutionSizes, sizes
from chainrule.lens.sums import Sum

__all__ = ["Convolution", "ConvolutionSizes", "Sum", "convolution", "sizes"]
