"""Compile every Triton kernel for a GPU that need not be there, with all options and with none."""

from itertools import product
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from chainrule.ops.recurrence.backends.triton.kernels import gru, lstm, rnn
from chainrule.ops.recurrence.backends.triton.tiling import Processors, Tiling, tile

H100 = Processors(132, 227 * 1024)
OPTIONS = (
    *("b_hh", "g_hh", "g_c", "b_c", "p", "normal", "inverse", "normal_c", "inverse_c", "du_all", "dgh"),
    *("resets", "padding", "mask_h", "mask_c", "dh_all", "dc_all"),
)
NUMBERS = ("T", "B", "H")
BYTES = ("resets", "padding", "mask_h", "mask_c")


def _compile(kernel: Any, tiling: Tiling, optioned: bool, rounds: bool, precision: str) -> None:
    constants: dict[str, Any] = {
        "M": tiling.rows,
        "N": tiling.units,
        "K": tiling.terms,
        "SPLIT": tiling.split,
        "RESIDENT": tiling.is_resident,
        "PARTS": tiling.parts,
        "ALL": triton.next_power_of_2(tiling.parts),
        "REVERSE": False,
        "RELU": False,
        "ROUNDS": rounds,
        "PRECISION": precision,
        "rate_h": None,
        "rate_c": None,
        **({} if optioned else dict.fromkeys(OPTIONS)),
    }
    signature = {}
    places = {}
    for place, name in enumerate(kernel.arg_names):
        if name in constants:
            places[place,] = constants[name]
            signature[name] = "constexpr"
        elif name in NUMBERS:
            signature[name] = "i32"
        elif name == "counters":
            signature[name] = "*i32"
        else:
            signature[name] = "*u8" if name in BYTES else "*fp32"
    source = ASTSource(kernel, signature, places)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": tiling.warps})
    assert compiled.metadata.shared <= H100.memory, (tiling, compiled.metadata.shared)
    # what the programs of a group tell each other is read from where all of them see it, and not ahead of time
    assert "cp.async" not in compiled.asm["ptx"], tiling
    assert ("ld.acquire.gpu" in compiled.asm["ptx"]) == (tiling.parts > 1), tiling


def main() -> None:
    for (cell, gates), direction in product(((rnn, 1), (gru, 3), (lstm, 4)), ("forward", "backward")):
        ways = [(128, True, False, "tf32"), (1001, False, True, "tf32"), (40, False, False, "ieee")]
        for H, optioned, rounds, precision in ways:
            tiling = tile(
                gates,
                32,
                H,
                itemsize=2 if rounds else 4,
                processors=H100,
                backward=direction == "backward",
                exact=precision == "ieee",
            )
            assert tiling is not None
            _compile(getattr(cell, direction), tiling, optioned, rounds, precision)


if __name__ == "__main__":
    main()
