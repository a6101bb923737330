"""The kernels: a file each for depthwise convolution and the rest, and what they share. Triton reads their source."""
