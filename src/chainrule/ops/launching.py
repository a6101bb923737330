"""Whether Triton's kernels can be started here; Triton itself is imported by what runs them."""

import os
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from chainrule._optional import installing

__all__ = ["COMPILED", "float32_products", "is_interpreted", "why_not_on", "why_not_started"]

COMPILED = {"enable_fp_fusion": True}
"""How kernels are compiled: a b + c rounds once, whatever a version of Triton does where it is not told."""
_CAPABILITY = (8, 0)  # the first with products of TF32 and bfloat16


def is_interpreted() -> bool:
    """Whether Triton's kernels run in its interpreter, on the CPU."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def float32_products(settings: Any) -> str:
    """How products of float32 are made: as torch has cuDNN make them, in "tf32", or exactly, as "ieee".

    settings: torch.backends.cudnn.rnn or torch.backends.cudnn.conv, which ``torch.backends.cudnn.allow_tf32`` sets too.
    """
    return "tf32" if settings.fp32_precision == "tf32" and torch.version.hip is None else "ieee"


def why_not_on(x: Tensor, asked_for: bool) -> str | None:
    """Why the kernels cannot run where x is; None if they can: on a GPU, or asked for by name in the interpreter."""
    if x.is_cuda or (asked_for and x.is_cpu and is_interpreted()):
        return None
    return f"the Triton kernels run on a GPU, and x is on {x.device}"


def why_not_started(x: Tensor) -> str | None:
    """Why Triton cannot start a kernel where x is; None if it can."""
    if not _is_installed():
        return f"Triton is not installed. Install it with: {installing('triton')}"
    return _why_not_on_gpu(x.device) if x.is_cuda else None


@cache
def _is_installed() -> bool:
    return find_spec("triton") is not None


@cache
def _why_not_on_gpu(device: torch.device) -> str | None:
    if is_interpreted():
        return "TRITON_INTERPRET is 1, so Triton's kernels are interpreted, on the CPU alone"
    if torch.version.hip is None and torch.cuda.get_device_capability(device) < _CAPABILITY:
        return "the Triton kernels need a GPU of compute capability 8.0, as of 2020, or higher"
    import triton

    try:
        _ = triton.runtime.driver.active.utils  # which is compiled when first asked for
    except Exception as error:  # whatever a missing compiler, header or driver leads to
        return f"Triton does not start here ({type(error).__name__}: {str(error).strip().partition(chr(10))[0]})"
    return None
