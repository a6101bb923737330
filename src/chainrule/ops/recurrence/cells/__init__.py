"""The cells: a file each with its definition, its passes by hand and its CellSpec, and the table of all of them."""

import copyreg
import difflib
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.ops.recurrence.cells.by_autograd import ByAutograd
from chainrule.ops.recurrence.cells.derivation import Derivation
from chainrule.ops.recurrence.cells.gru import GRU, GRU_RESET_BEFORE
from chainrule.ops.recurrence.cells.lstm import LSTM
from chainrule.ops.recurrence.cells.mingru import MINGRU
from chainrule.ops.recurrence.cells.rnn import RNN_RELU, RNN_TANH
from chainrule.ops.recurrence.cells.slstm import SLSTM
from chainrule.ops.recurrence.cells.spec import CellSpec

__all__ = [
    "BUILT_IN",
    "GRU",
    "GRU_RESET_BEFORE",
    "LSTM",
    "RNN_RELU",
    "RNN_TANH",
    "cells",
    "derive",
    "find_cell",
    "register_cell",
]

BUILT_IN = (RNN_TANH, RNN_RELU, GRU, GRU_RESET_BEFORE, LSTM, MINGRU, SLSTM)
"""The library's own cells."""

_own = {spec.name: spec for spec in BUILT_IN}
_cells = dict(_own)


def cells() -> tuple[CellSpec, ...]:
    """All cells that are known, the library's own first."""
    return tuple(_cells.values())


def find_cell(cell: str | CellSpec) -> CellSpec:
    """The cell of this name; a CellSpec is its own.

    Raises:
        ArgumentError: there is none, or a CellSpec has the name of one of the library's own cells.

    >>> find_cell("gru").state
    ('h',)
    """
    if isinstance(cell, CellSpec):
        _check_name(cell)
        return cell
    found = _cells.get(cell) if isinstance(cell, str) else None
    if found is None:
        close = difflib.get_close_matches(str(cell), _cells, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ArgumentError(
            f"unknown cell {cell!r}; the known ones are {', '.join(_cells)}.{hint} "
            "chainrule.nn.register_cell adds one of your own."
        )
    return found


def register_cell(spec: CellSpec) -> CellSpec:
    """Make a cell of your own known by its name, and return it.

    A cell may be registered again under its name, as a notebook does that runs a second time; the library's own cannot
    be replaced.

    Raises:
        ArgumentError: it is no CellSpec, or it has the name of one of the library's own cells.
    """
    if not isinstance(spec, CellSpec):
        raise ArgumentError(f"register_cell takes a CellSpec, got {type(spec).__name__}.")
    _check_name(spec)
    _cells[spec.name] = spec
    return spec


def _check_name(spec: CellSpec) -> None:
    """Backends know the library's own cells by their names."""
    if _own.get(spec.name, spec) is not spec:
        raise ArgumentError(f"{spec.name} is one of the library's own cells; give yours another name.")


def _reduced(spec: CellSpec) -> tuple[object, ...]:
    """What is unpickled is the cell that has this name there: functions are not pickled."""
    return find_cell, (spec.name,)


copyreg.pickle(CellSpec, _reduced)  # type: ignore[arg-type]


def derive(spec: CellSpec, weights: Any, rounds: bool = False) -> Derivation:
    """The passes of a cell with these weights: by hand, or by autograd where it has no formula.

    With ``rounds`` the factors of the products are rounded to bfloat16; it has to be one of the library's own.
    """
    if spec.formula is None:
        return ByAutograd(spec, weights)
    by_hand: Derivation = spec.formula(weights, rounds=True) if rounds else spec.formula(weights)
    return by_hand
