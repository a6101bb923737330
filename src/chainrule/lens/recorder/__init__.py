"""Gates and gradients recorded while a network learns."""
