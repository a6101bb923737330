"""What the modules of compiled kernels have in common: one table of levels and dtypes, and no silent default."""

from types import ModuleType

import pytest
import torch

from chainrule.ops.convolution.backends.cpu import _convolution
from chainrule.ops.convolution.backends.cpu import native as convolution
from chainrule.ops.recurrence.backends.cpu import _scan
from chainrule.ops.recurrence.backends.cpu import native as recurrence

MODULES = pytest.mark.parametrize("module", [_convolution, _scan], ids=lambda module: module.__name__.split(".")[-1])


@MODULES
def test_dtypes_are_torchs(module: ModuleType) -> None:
    assert [getattr(torch, name) for name in module.dtypes()] == [torch.float32, torch.float64, torch.bfloat16]
    assert list(convolution.DTYPES) == list(recurrence.DTYPES) == [torch.float32, torch.float64, torch.bfloat16]


def _convolve(level: int, dtype: int) -> None:
    axes = [[1, 1, 1, 1, 1, 0]] * 3
    call = _convolution.Call(B=1, G=1, C=1, O=1, threads=1, axes=axes, x_strides=[1, 1, 0, 0])
    _convolution.forward_workspace(level, dtype, call, 0, 0)


def _scan_with(level: int, dtype: int, cell: int = 0) -> None:
    _scan.packed_layer_size(level, dtype, cell, 3, 4)


@pytest.mark.parametrize("run", [_convolve, _scan_with])
@pytest.mark.parametrize(("level", "dtype"), [(-1, 0), (99, 0), (0, -1), (0, 99)])
def test_unknown_levels_and_dtypes_raise(run: object, level: int, dtype: int) -> None:
    assert callable(run)
    run(0, 0)
    with pytest.raises(ValueError, match="unknown instruction level" if level else "not compiled for dtype"):
        run(level, dtype)


@pytest.mark.parametrize("cell", [-1, len(recurrence.CELLS), 99])
def test_unknown_cells_raise(cell: int) -> None:
    with pytest.raises(ValueError, match="no cell of this number"):
        _scan_with(0, 0, cell)
