"""One rule for every layer, op and stream, however it is called: what torch.nn gives, or an error in words.

- subjects.py: what is called, each beside torch's namesake with the same weights
- ways/: how it is called
- rule.py: what has to come of it
- test_contract.py: every subject by every way
- the other tests: torch's and ONNX's own cases, and single sightings
"""
