"""What the layers of a network read and give, and the gradients that come back to them."""
