"""How a scan is cut up: into groups of programs, each with some rows of the batch, and their units."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

__all__ = ["Processors", "StepProduct", "Tiling", "products", "tile", "whole"]

_LEAST = 16  # rows, units and terms of a product on the matrix units
_MOST_SUMS = 8192  # that a program makes, in its registers
_MOST_EXACT = 128  # terms of a product without the matrix units: a thread's registers hold no more
_PART_BYTES = 64 * 1024  # of the weights: what is read again at every step
_STAGES = 3  # tiles that there is room for in a loop over weights that are not resident
_WARPS = 8


class Processors(NamedTuple):
    """What a GPU has: programs that run at the same time, one a processor, and each one's shared memory in bytes."""

    number: int
    memory: int


class StepProduct(NamedTuple):
    """What a step multiplies by weights: how many terms a sum has, and how many sums are made for each unit."""

    terms: int
    sums: int


class Tiling(NamedTuple):
    """What the kernels take as constants; the programs are ``groups`` by ``parts``."""

    groups: int
    parts: int
    rows: int  # of a program
    units: int
    terms: tuple[int, ...]  # of each product's sums at a time: all of them where the weights are resident
    split: tuple[int, ...]  # sums side by side that make up one, of each product
    is_resident: bool
    warps: int = _WARPS


def products(cell: str, H: int, P: int, *, backward: bool) -> tuple[StepProduct, ...]:
    """The products of a step, of H units with an h of P entries, in the order of the weights.

    Of three gates a fourth is left empty, as the columns of a product are a power of two.

    >>> products("lstm", 64, 16, backward=False)
    (StepProduct(terms=16, sums=4), StepProduct(terms=64, sums=1))
    """
    if cell.startswith("rnn"):
        return (StepProduct(H, 1),)
    if cell == "gru_reset_before":
        return (StepProduct(2 * H, 1), StepProduct(H, 1)) if backward else (StepProduct(H, 2), StepProduct(H, 1))
    if cell == "gru":
        return (StepProduct(3 * H, 1) if backward else StepProduct(H, 4),)
    gates = StepProduct(4 * H, 1) if backward else StepProduct(P, 4)
    if P == H:
        return (gates,)
    return gates, StepProduct(P if backward else H, 1)


@cache
def tile(
    each: tuple[StepProduct, ...],
    B: int,
    H: int,
    *,
    itemsize: int,
    processors: Processors,
    backward: bool,
    exact: bool = False,
) -> Tiling | None:
    """A tiling whose programs all run at the same time, for factors of so many bytes; None if there is none.

    Programs that have all units, with their weights, wait for nobody: of these there may be more than processors. With
    few units a program has little to multiply between two steps, and its part of the weights stays in its processor's
    memory; with many there are few programs that must hear of each other. So it has as many as leave the part small.

    >>> tile((StepProduct(128, 4),), 32, 128, itemsize=4, processors=Processors(132, 227 * 1024), backward=False)
    Tiling(groups=2, parts=4, rows=16, units=32, terms=(128,), split=(1,), is_resident=True, warps=8)
    """
    found = list(_tilings(each, B, H, itemsize, processors.memory, backward, exact))
    at_once = [tiling for tiling in found if tiling.groups * tiling.parts <= processors.number]
    alone = [tiling for tiling in found if tiling.parts == 1 and tiling.is_resident]
    return next(iter(at_once or reversed(alone)), None)  # of those alone the one with the most rows


def _tilings(
    each: tuple[StepProduct, ...], B: int, H: int, itemsize: int, memory: int, backward: bool, exact: bool
) -> Iterator[Tiling]:
    """Those whose programs find room on a processor, the best first."""
    terms = [_power_of_two(product.terms) for product in each]
    split = [min(_WARPS, k // _LEAST) if backward and not exact else 1 for k in terms]
    sums = max(product.sums for product in each)
    a_unit = itemsize * sum(k * product.sums for k, product in zip(terms, each, strict=True))
    widths = [N for N in (16, 32, 64, 128, 256) if N < 2 * H or N == _LEAST]
    small = [N for N in reversed(widths) if a_unit * N <= _PART_BYTES]
    for N in [*small, *(N for N in widths if N not in small)]:
        for M in (16, 32, 64):
            a_term = sums * N * itemsize + M * 4
            fitting = [k for k in (16, 32, 64) if _STAGES * k * max(split) * a_term <= memory]
            if M * N * sums > _MOST_SUMS or not fitting:
                continue
            held = a_unit * N + max(terms) * M * 4
            is_resident = held <= 0.85 * memory and not (exact and sum(terms) > _MOST_EXACT)
            taken = terms if is_resident else [fitting[-1] * part for part in split]
            yield Tiling(-(-B // M), -(-H // N), M, N, tuple(taken), tuple(split), is_resident)


def whole(each: tuple[StepProduct, ...], B: int, H: int, *, backward: bool) -> Tiling:
    """A tiling whose programs have all units, and wait for nobody: they may run one after the other."""
    terms = [_power_of_two(product.terms) for product in each]
    split = [min(_WARPS, k // _LEAST) if backward else 1 for k in terms]
    return Tiling(-(-B // _LEAST), 1, _LEAST, _power_of_two(H), tuple(terms), tuple(split), is_resident=True)


def _power_of_two(n: int) -> int:
    """The least one that is not less than n, nor than the least product."""
    return max(_LEAST, 1 << (n - 1).bit_length())
