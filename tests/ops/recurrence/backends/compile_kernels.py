"""Compile the scans' Triton kernels for a GPU that need not be there, with all options and with none."""

from itertools import product
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from chainrule.ops.launching import COMPILED
from chainrule.ops.recurrence.backends.triton.kernels import gru, gru_reset_before, lstm, rnn
from chainrule.ops.recurrence.backends.triton.tiling import Processors, Tiling, products, tile

H100 = Processors(132, 227 * 1024)
KERNELS = {"rnn_tanh": rnn, "gru": gru, "gru_reset_before": gru_reset_before, "lstm": lstm}
OPTIONS = (
    *("W_hr", "b_hh", "g_hh", "g_c", "b_c", "p", "du_all", "dgh", "m_all", "dh_made_all"),
    *("normal", "inverse", "normal_n", "inverse_n", "normal_c", "inverse_c"),
    *("resets", "padding", "mask_h", "mask_c", "dh_all", "dc_all"),
)
NUMBERS = ("T", "B", "H", "P")
BYTES = ("resets", "padding", "mask_h", "mask_c")


def _compile(kernel: Any, tiling: Tiling, optioned: bool, rounds: bool, precision: str) -> None:
    constants: dict[str, Any] = {
        "M": tiling.rows,
        "N": tiling.units,
        "K": tiling.terms[0],
        "SPLIT": tiling.split[0],
        "K_2": tiling.terms[-1],
        "SPLIT_2": tiling.split[-1],
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
    options = {"num_warps": tiling.warps, **COMPILED}
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    assert compiled.metadata.shared <= H100.memory, (tiling, compiled.metadata.shared)
    # what the programs of a group tell each other is read from where all of them see it, and not ahead of time
    assert "cp.async" not in compiled.asm["ptx"], tiling
    assert ("ld.acquire.gpu" in compiled.asm["ptx"]) == (tiling.parts > 1), tiling


def main() -> None:
    for (cell, kernel), direction in product(KERNELS.items(), ("forward", "backward")):
        is_backward = direction == "backward"
        ways = [(128, True, False, "tf32"), (1001, False, True, "tf32"), (40, False, False, "ieee")]
        fewer = ways if cell == "rnn_tanh" else ways[:2]  # each takes seconds
        for H, optioned, rounds, precision in fewer:
            P = H // 2 if optioned and cell == "lstm" else H
            tiling = tile(
                products(cell, H, P, backward=is_backward),
                32,
                H,
                itemsize=2 if rounds else 4,
                processors=H100,
                backward=is_backward,
                exact=precision == "ieee",
            )
            assert tiling is not None
            _compile(getattr(kernel, direction), tiling, optioned, rounds, precision)


if __name__ == "__main__":
    main()
