"""The laws of convolution against NumPy's and SciPy's own, in one to three dimensions."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import convolve

from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens import convolution, convolution_laws

SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((7,), (3,)),
    ((2,), (5,)),
    ((1,), (1,)),
    ((6, 5), (3, 2)),
    ((4, 5, 3), (2, 3, 3)),
]


def arrays(*shapes: tuple[int, ...]) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("shapes", SHAPES)
def test_both_sides_are_what_they_say(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    f, g = arrays(*shapes)
    found = convolution_laws(f, g, shift=2)
    full = convolve(f, g, method="direct")
    np.testing.assert_allclose(found.full, full, atol=1e-12)
    commutative, *derivatives, equivariant = found.laws
    np.testing.assert_allclose(commutative.sides[1], full, atol=1e-12)
    for dimension, law in enumerate(derivatives):
        step = np.array([1.0, -1.0]).reshape([2 if k == dimension else 1 for k in range(f.ndim)])
        for side in law.sides:
            np.testing.assert_allclose(side, convolve(full, step, method="direct"), atol=1e-12)
    for side in equivariant.sides:
        np.testing.assert_allclose(side, np.pad(full, [(2, 0)] * f.ndim), atol=1e-12)
    assert len(derivatives) == f.ndim
    assert max(law.difference for law in found.laws) < 1e-14


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_positions_are_counted_as_the_formula_says(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    f, g = arrays(*shapes)
    found = convolution_laws(f, g)
    assert found.valid.shape == tuple(max(0, h - k + 1) for h, k in zip(*shapes, strict=True))
    assert found.full.shape == tuple(h + k - 1 for h, k in zip(*shapes, strict=True))
    if found.valid.size:
        y = convolution(g[None, None], f[None], flip=True).y[0]
        np.testing.assert_allclose(found.valid, y, atol=1e-12)


def test_the_tables_have_the_numbers() -> None:
    found = convolution_laws([1.0, 0.0, -1.0, 2.0], [1.0, 2.0])
    assert "4 - 2 + 1 = 3" in str(found)
    sides = found.tables()[1]
    assert sides.columns == ("n", "f*g", "g*f", "(f*g)'", "f*g'", "Sf*g", "S(f*g)")
    assert sides.rows[0] == ("0", 1.0, 1.0, 1.0, 1.0, 0.0, 0.0)
    assert sides.rows[5] == ("5", None, None, -4.0, -4.0, 4.0, 4.0)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["laws"][0]["law"] == "commutative"
    assert [label.get_text() for label in found.plot().axes[0].get_yticklabels()][:3] == ["f", "g", "f*g"]


@pytest.mark.parametrize(
    ("f", "g", "error", "message"),
    [
        ([1.0], [[1.0]], ShapeError, "f has 1 dimension and g 2"),
        ([], [1.0], ShapeError, r"f has shape \(0,\)"),
        ([1.0], [np.nan], ArgumentError, "g contains NaN"),
        (np.ones(20_000), np.ones(20_000), ArgumentError, "too many"),
    ],
)
def test_bad_calls(f: Any, g: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        convolution_laws(f, g)
