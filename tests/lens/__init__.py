"""The lens, claim by claim.

| claim | shown by |
|---|---|
| every sum of a convolution | tables written by hand; laws over drawn shapes against torch's own op |
| every number of a recurrence | a scalar linear network in closed form; the reference backend under autograd |
| the map of all pairs of steps | T separate passes of autograd over torch's loop |
| what steps add to dL/dW | their sum is the fused gradient, for every option of the layers |
| a term of the double sum | autograd, with the weights of one step alone as a leaf |
| truncation | the layer run in chunks; a loop that detaches |
| horizon and verdict | recurrent weights of a known spectral radius: 1, 0.9, 1.1 |
| nothing is shown that autograd does not find | a formula made wrong raises |
"""
