"""Which products make up one number of a convolution, by its index equations alone (see convolution.py).

Arrays are x (B, C_in, \\*size), w (C_out, C_in / groups, \\*kernel) and dy (B, C_out, \\*output); each function returns
the indices of the two factors, (n, dimensions) each. An index of x may lie outside of it, in the padding.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule.ops.convolution.call import Geometry

__all__ = ["of_input_gradient", "of_kernel_gradient", "of_output", "take"]

_Ints = NDArray[np.int64]
_Sizes = tuple[int, ...]


def of_output(at: _Sizes, w: _Sizes, geometry: Geometry) -> tuple[_Ints, _Ints]:
    """y[b,o,j]: indices of w and x, over the channels of o's group and the kernel."""
    b, o, *j = at
    c, *i = _grid(w[1:])
    group = o // (w[0] // geometry.groups)
    return _columns(o, c, *i), _columns(b, c + group * w[1], *_read(j, i, geometry))


def of_input_gradient(at: _Sizes, w: _Sizes, output: _Sizes, geometry: Geometry) -> tuple[_Ints, _Ints]:
    """dx[b,c,h]: indices of w and dy, where an output lies that reads h."""
    b, c, *h = at
    outs = w[0] // geometry.groups
    o, *i = _grid((outs, *w[2:]))
    reach = [n + z - d * k for n, z, d, k in zip(h, geometry.before, geometry.dilation, i, strict=True)]
    j = [r // s for r, s in zip(reach, geometry.stride, strict=True)]
    there = np.ones(len(o), dtype=bool)
    for r, s, place, size in zip(reach, geometry.stride, j, output, strict=True):
        there &= (r % s == 0) & (place >= 0) & (place < size)
    o = o[there] + c // w[1] * outs
    i = [k[there] for k in i]
    j = [p[there] for p in j]
    return _columns(o, c % w[1], *i), _columns(b, o, *j)


def of_kernel_gradient(at: _Sizes, w: _Sizes, rows: int, output: _Sizes, geometry: Geometry) -> tuple[_Ints, _Ints]:
    """dw[o,c,i]: indices of dy and x, over the rows and the output positions."""
    o, c, *i = at
    b, *j = _grid((rows, *output))
    group = o // (w[0] // geometry.groups)
    return _columns(b, o, *j), _columns(b, c + group * w[1], *_read(j, i, geometry))


def take(array: NDArray[np.float64], index: _Ints) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The entries, 0 where the index lies outside, and where it lies inside."""
    inside: NDArray[np.bool_] = np.all((index >= 0) & (index < np.array(array.shape)), axis=1)
    values = np.zeros(len(index))
    values[inside] = array[tuple(index[inside].T)]
    return values, inside


def _read(j: Sequence[_Ints | int], i: Sequence[_Ints | int], geometry: Geometry) -> list[_Ints | int]:
    """The positions of x: stride*j + dilation*i - zeros before."""
    axes = zip(j, i, geometry.stride, geometry.dilation, geometry.before, strict=True)
    return [s * place + d * tap - z for place, tap, s, d, z in axes]


def _grid(sizes: _Sizes) -> list[_Ints]:
    """All indices of an array of these sizes, a vector for each dimension."""
    return [axis.ravel() for axis in np.indices(sizes)]


def _columns(*parts: _Ints | int) -> _Ints:
    return np.column_stack(np.broadcast_arrays(*parts))
