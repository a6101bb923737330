"""How a scan is cut up: into groups of programs, each with some rows of the batch, and their units."""

from functools import cache
from typing import NamedTuple

__all__ = ["Processors", "Tiling", "tile", "whole"]

_LEAST = 16  # rows, units and terms of a product on the matrix units
_MOST_SUMS = 8192  # that a program makes, in its registers
_MOST_EXACT = 128  # terms of a product without the matrix units: a thread's registers hold no more
_PART_BYTES = 64 * 1024  # of W_hh: what is read again at every step
_STAGES = 3  # tiles that there is room for in a loop over weights that are not resident
_WARPS = 8


class Processors(NamedTuple):
    """What a GPU has: programs that run at the same time, one a processor, and each one's shared memory in bytes."""

    number: int
    memory: int


class Tiling(NamedTuple):
    """What the kernels take as constants; the programs are ``groups`` by ``parts``."""

    groups: int
    parts: int
    rows: int  # of a program
    units: int
    terms: int  # of the sums at a time: all of them where the weights are resident
    split: int  # sums side by side that make up one
    is_resident: bool
    warps: int = _WARPS


@cache
def tile(
    gates: int, B: int, H: int, *, itemsize: int, processors: Processors, backward: bool, exact: bool = False
) -> Tiling | None:
    """A tiling whose programs all run at the same time, for factors of so many bytes; None if there is none.

    With few units a program has little to multiply between two steps, and its part of W_hh stays in its processor's
    memory; with many there are few programs that must hear of each other. So it has as many as leave the part small.

    >>> tile(4, 32, 128, itemsize=4, processors=Processors(132, 227 * 1024), backward=False)
    Tiling(groups=2, parts=4, rows=16, units=32, terms=128, split=1, is_resident=True, warps=8)
    """
    a_unit = 1 if backward or gates == 1 else 4  # columns, of which three gates leave one empty
    terms = _power_of_two(gates * H if backward else H)
    split = min(_WARPS, max(1, terms // _LEAST)) if backward and not exact else 1
    terms = max(terms, _LEAST * split)
    widths = [N for N in (16, 32, 64, 128, 256) if N < 2 * H or N == _LEAST]
    small = [N for N in reversed(widths) if terms * a_unit * N * itemsize <= _PART_BYTES]
    for N in [*small, *(N for N in widths if N not in small)]:
        for M in (16, 32, 64):
            groups = -(-B // M)
            parts = -(-H // N)
            a_term = a_unit * N * itemsize + M * 4
            fitting = [k * split for k in (16, 32, 64) if _STAGES * k * split * a_term <= processors.memory]
            if groups * parts > processors.number or M * N * a_unit > _MOST_SUMS or not fitting:
                continue
            is_resident = terms * a_term <= 0.85 * processors.memory and not (exact and terms > _MOST_EXACT)
            return Tiling(groups, parts, M, N, terms if is_resident else fitting[-1], split, is_resident)
    return None


def whole(gates: int, B: int, H: int, *, backward: bool) -> Tiling:
    """A tiling whose programs have all units, and wait for nobody: they may run one after the other."""
    terms = _power_of_two(gates * H if backward else H)
    split = min(_WARPS, terms // _LEAST) if backward else 1
    return Tiling(-(-B // _LEAST), 1, _LEAST, _power_of_two(H), terms, split, is_resident=True)


def _power_of_two(n: int) -> int:
    """The least one that is not less than n, nor than the least product."""
    return max(_LEAST, 1 << (n - 1).bit_length())
