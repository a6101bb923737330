"""Inside a convolution: its sizes, its sums of products, its gradients and feature maps."""
