"""What the engines of torch and chainrule share."""

import gc

import torch
from benchmarks.engines import layers


def test_a_worker_stays_in_inference_mode() -> None:
    assert not torch.is_inference_mode_enabled()
    layers.infer_from_here()
    layers.infer_from_here()
    gc.collect()
    try:
        assert torch.is_inference_mode_enabled()
        assert not torch.is_grad_enabled()
    finally:
        layers._INFERENCE.__exit__(None, None, None)
    assert not torch.is_inference_mode_enabled()
