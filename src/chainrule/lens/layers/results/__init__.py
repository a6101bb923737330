"""What is shown of a pass: layers, maps, kernels, sums, gradients."""
