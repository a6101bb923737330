"""How fits went, from the records that they left: one by itself, what was seen of its gradients, several together."""
