"""chainrule beside torch on a GPU: both in this process, timed by CUDA's events, taking turns.

cases.py         one comparison: what both compute, and the check that they compute it
timing.py        turns, between events on the GPU
recurrent.py     what is compared of recurrent layers
convolution.py   the same of convolutions
report.py        the tables printed, and the numbers as JSON
"""
