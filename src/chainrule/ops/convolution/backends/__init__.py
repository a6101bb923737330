"""What computes a convolution: the definition, the formula, compiled code, the FFT, and torch."""
