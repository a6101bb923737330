"""One folder for each family of ops, with the same files in each.

- op.py: the public functions
- checks.py: the checks of their arguments
- call.py: one checked call, as every backend takes it
- dispatch.py: the list of the backends, and which of them runs a call
- backends/: the definition (reference), the derivation (formula), C++ (cpu), torch's own, ...

The folder compiled holds what the C++ of all kernels shares.
"""
