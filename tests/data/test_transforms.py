"""Transforms: undone exactly, the same in pieces as whole, and with the log-determinant of their Jacobian."""

import json

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule._schema import structured
from chainrule.data import Transform
from chainrule.errors import ArgumentError, ShapeError, TooShortError, TransformError
from tests.tolerances import close

NAMES = ["standardise", "none", "difference", "log-return"]

series = st.tuples(st.integers(4, 9), st.integers(1, 3)).flatmap(
    lambda shape: npst.arrays(np.float64, shape, elements=st.floats(0.5, 50), unique=True)
)


def fitted(name: str, values: np.ndarray) -> tuple[Transform, Tensor, Tensor]:
    """A transform fitted to the values, the value before the first step, and the steps after it."""
    x = torch.from_numpy(values)
    # a drawn series may by chance change evenly; squaring time into it makes it vary under every transform
    x = x * torch.arange(1, len(x) + 1, dtype=torch.float64).unsqueeze(-1) ** 2
    return Transform.fit(name, x.numpy()), x[0], x[1:]


@pytest.mark.parametrize("name", NAMES)
@given(values=series)
@settings(deadline=None, max_examples=25)
def test_undo_is_the_inverse_of_apply(name: str, values: np.ndarray) -> None:
    transform, previous, x = fitted(name, values)
    close(transform.undo(transform.apply(x, previous), previous), x)
    batch = torch.stack([x, x + 1])
    before = torch.stack([previous, previous + 1])
    close(transform.undo(transform.apply(batch, before), before), batch)


@pytest.mark.parametrize("name", NAMES)
@given(values=series, data=st.data())
@settings(deadline=None, max_examples=25)
def test_pieces_equal_the_whole(name: str, values: np.ndarray, data: st.DataObject) -> None:
    transform, previous, x = fitted(name, values)
    cut = data.draw(st.integers(1, len(x) - 1))
    z = transform.apply(x, previous)
    pieces = torch.cat([transform.apply(x[:cut], previous), transform.apply(x[cut:], x[cut - 1])])
    assert torch.equal(pieces, z)
    close(torch.cat([transform.undo(z[:cut], previous), transform.undo(z[cut:], x[cut - 1])]), x)


@pytest.mark.parametrize("name", NAMES)
@given(values=series)
@settings(deadline=None, max_examples=25)
def test_log_jacobian_is_the_log_determinant(name: str, values: np.ndarray) -> None:
    transform, previous, x = fitted(name, values)
    jacobian = torch.autograd.functional.jacobian(lambda x: transform.apply(x, previous), x)
    assert isinstance(jacobian, Tensor)
    _, expected = torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel()))
    close(transform.log_jacobian(x).sum(), expected)
    for t in range(len(x)):  # and each step's own: the Jacobian is triangular in time
        close(transform.log_jacobian(x)[t], torch.linalg.slogdet(jacobian[t, :, t])[1])


@pytest.mark.parametrize("name", ["standardise", "difference", "log-return"])
@given(values=series)
@settings(deadline=None, max_examples=25)
def test_training_values_become_standard(name: str, values: np.ndarray) -> None:
    transform, previous, x = fitted(name, values)
    z = transform.apply(torch.cat([previous.unsqueeze(0), x]))
    assert len(z) == len(x) + 1 - transform.lag
    close(z.mean(dim=0), torch.zeros(z.shape[1], dtype=torch.float64))
    close(z.std(dim=0, correction=0), torch.ones(z.shape[1], dtype=torch.float64))


def test_none_changes_nothing() -> None:
    transform, _, x = fitted("none", np.array([[1.0], [2.0], [7.0]]))
    assert torch.equal(transform.apply(x), x)
    assert torch.equal(transform.undo(x), x)


@pytest.mark.parametrize("name", NAMES)
def test_the_dtype_of_the_values_is_kept(name: str) -> None:
    transform, previous, x = fitted(name, np.array([[1.0], [2.0], [7.0], [9.0]]))
    assert transform.apply(x.float(), previous.float()).dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_a_transform_survives_json(name: str) -> None:
    transform, _, _ = fitted(name, np.random.default_rng(0).uniform(1, 2, (6, 2)))
    assert structured(Transform, json.loads(json.dumps(transform.to_dict())), "it") == transform


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("standardise", [0.1] * 9, r"column 1 .* values over the training steps are all 0.1"),
        ("difference", np.arange(9) * 0.1, r"column 1 .* changes over the training steps are all 0.1"),
        ("log-return", 2.0 ** np.arange(9), r"column 1 .* changes over the training steps are all 0.693"),
    ],
)
def test_a_column_without_variation_is_refused(name: str, values: list[float], message: str) -> None:
    with pytest.raises(TransformError, match=message):
        Transform.fit(name, np.asarray(values, dtype=np.float64)[:, None])


def test_values_that_are_not_positive_are_refused_under_log_return() -> None:
    with pytest.raises(TransformError, match=r"needs positive values; got -37.63, 0 at step 2, 4"):
        Transform.fit("log-return", np.array([[18.3], [-37.63], [10.0], [0.0]]))


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(TooShortError, match="difference needs at least 3 steps to fit; got 2"):
        Transform.fit("difference", np.ones((2, 1)))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"`transform` is 'log'; .*log-return"):
        Transform.fit("log", np.ones((5, 1)))


def test_columns_must_be_those_fitted() -> None:
    transform, _, _ = fitted("standardise", np.array([[1.0], [2.0], [7.0]]))
    with pytest.raises(ShapeError, match="values have 2 columns; the transform has 1"):
        transform.apply(torch.ones(3, 2, dtype=torch.float64))


@pytest.mark.parametrize("name", ["difference", "log-return"])
def test_undoing_changes_needs_the_value_before(name: str) -> None:
    transform, previous, x = fitted(name, np.array([[1.0], [2.0], [7.0], [9.0]]))
    with pytest.raises(ArgumentError, match=f"undoing {name} needs `previous`"):
        transform.undo(transform.apply(x, previous))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e-299, 1e299])
def test_values_whose_squares_leave_float64_are_refused(name: str, size: float) -> None:
    values = size * np.array([[1.0, 1.0], [2.0, 3.0], [4.0, 5.0], [5.0, 2.0]])
    with pytest.raises(
        TransformError, match=rf"largest absolute value of column 'a' of x.csv is .*; under {name} .*Scale"
    ):
        Transform.fit(name, values, ("a", "b"), "x.csv")


@pytest.mark.parametrize("name", ["standardise", "difference", "log-return"])
@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_values_of_other_sizes_become_standard(name: str, size: float) -> None:
    values = np.array([[1.0], [2.0], [4.0], [5.0]])
    z = Transform.fit(name, size * values).apply(torch.from_numpy(size * values))
    close(z, Transform.fit(name, values).apply(torch.from_numpy(values)))


def test_a_constant_column_is_named_and_only_what_can_work_recommended() -> None:
    with pytest.raises(TransformError, match=r"column 'b' of x.csv .* are all 7. Choose a column that varies\.$"):
        Transform.fit("standardise", np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]]), ("a", "b"), "x.csv")
    with pytest.raises(TransformError, match=r"column 1 of the data .* changes .* all 0. Choose a column that varies"):
        Transform.fit("difference", np.full((5, 1), 7.0))
    with pytest.raises(TransformError, match=r'changes .* all 2. Use `transform="standardise"`'):
        Transform.fit("difference", np.arange(0, 10, 2.0)[:, None])
