"""Compile the Triton kernels of convolution for a GPU that need not be there, with all options and with none."""

from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from chainrule.ops.convolution.backends.triton import kernels
from chainrule.ops.launching import COMPILED

NUMBERS = ("T", "B", "C", "P", "BEFORE", "dilation", "span")
OPTIONS = ("state", "bias", "since", "ends", "last", "dlast", "dstate", "dbias")
SUMS = {"*bf16": triton.language.float32, "*fp64": triton.language.float64}


def _compile(kernel: Any, numbers: str, optioned: bool) -> None:
    constants: dict[str, Any] = {"N": 4, "M": 256, "TAPS": 4, "SUM": SUMS[numbers]}
    constants |= {} if optioned else dict.fromkeys(OPTIONS)
    if kernel is not kernels.backward_weight:  # which has any number of taps
        constants["K"] = 4
    kinds = {"since": "*i32", "ends": "*i64", "K": "i32", **dict.fromkeys(NUMBERS, "i32")}
    if kernel is kernels.backward_weight and numbers == "*bf16":  # parts of sums
        kinds |= {"dweight": "*fp32", "dbias": "*fp32"}
    names = kernel.arg_names
    signature = {name: "constexpr" if name in constants else kinds.get(name, numbers) for name in names}
    places = {(place,): constants[name] for place, name in enumerate(names) if name in constants}
    compiled = triton.compile(ASTSource(kernel, signature, places), target=GPUTarget("cuda", 90, 32), options=COMPILED)
    assert "atom" not in compiled.asm["ptx"], "sums whose order varies"


def main() -> None:
    for kernel in (kernels.forward, kernels.backward_input, kernels.backward_weight):
        for numbers, optioned in (("*fp64", False), ("*bf16", True)):
            _compile(kernel, numbers, optioned)


if __name__ == "__main__":
    main()
