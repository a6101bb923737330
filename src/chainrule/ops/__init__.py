"""One folder an op family; in each: reference (the definition), formula (the derivation), kernels, op (the entrance).

compiled holds what the C++ of all kernels shares.
"""
