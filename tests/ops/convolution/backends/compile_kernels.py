"""Compile the Triton kernels of convolution for a GPU that need not be there, with all options and with none."""

from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from chainrule.ops.convolution.backends.triton.dense import Tile, largest
from chainrule.ops.convolution.backends.triton.kernels import dense, depthwise
from chainrule.ops.launching import COMPILED

NUMBERS = ("T", "B", "C", "O", "G", "P", "BEFORE", "dilation", "span")
OPTIONS = ("state", "bias", "since", "until", "ends", "last", "dlast", "dstate", "dbias")
SUMS = {"*fp32": triton.language.float32, "*bf16": triton.language.float32, "*fp64": triton.language.float64}
MEMORY = 99 * 1024  # of a processor, the least of the GPUs that the kernels run on
SMALLEST = Tile(16, 16, 16, 16)


def _compile(kernel: Any, numbers: str, optioned: bool, num_warps: int = 4, **sizes: Any) -> Any:
    constants: dict[str, Any] = {"SUM": SUMS[numbers], **sizes}
    constants |= {} if optioned else dict.fromkeys(OPTIONS)
    kinds = {"since": "*i32", "until": "*i32", "ends": "*i64", "K": "i32", **dict.fromkeys(NUMBERS, "i32")}
    if "dweight" in kernel.arg_names and numbers == "*bf16":  # parts of sums
        kinds |= {"dweight": "*fp32", "dbias": "*fp32"}
    names = kernel.arg_names
    signature = {name: "constexpr" if name in constants else kinds.get(name, numbers) for name in names}
    places = {(place,): constants[name] for place, name in enumerate(names) if name in constants}
    options = {"num_warps": num_warps, **COMPILED}
    compiled = triton.compile(ASTSource(kernel, signature, places), target=GPUTarget("cuda", 90, 32), options=options)
    assert "atom" not in compiled.asm["ptx"], "sums whose order varies"
    assert compiled.metadata.shared <= MEMORY, compiled.metadata.shared
    return compiled


def main() -> None:
    for numbers, optioned in (("*fp64", False), ("*bf16", True)):
        for kernel in (depthwise.forward, depthwise.backward_input):
            _compile(kernel, numbers, optioned, K=4, N=4, M=256)
        _compile(depthwise.backward_weight, numbers, optioned, TAPS=4, M=256)
    for kernel in (dense.forward, dense.backward_input, dense.backward_weight):
        _compile_products(kernel, "*bf16", True, "ieee", SMALLEST)
    for kernel in (dense.backward_input, dense.backward_weight):
        _compile_products(kernel, "*fp64", False, "ieee", SMALLEST)
    _compile_products(dense.forward, "*fp32", False, "tf32", largest(torch.float32, "tf32"))  # for its memory


def _compile_products(kernel: Any, numbers: str, optioned: bool, precision: str, tile: Tile) -> None:
    of_weight = kernel is dense.backward_weight
    sizes = {"M": tile.terms, "R": tile.columns} if of_weight else {"M": tile.steps, "R": tile.terms}
    constants = {"K": 3, "N": tile.channels, "PRECISION": precision, **sizes}
    compiled = _compile(kernel, numbers, optioned, num_warps=8, **constants)
    assert "mma" in compiled.asm["ptx"], "products without the matrix units"


if __name__ == "__main__":
    main()
