"""The same convolution in every engine."""
