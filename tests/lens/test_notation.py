"""Tables in the notation of lectures: from 1, x_3 and d_2; arrays and arguments stay as they are."""

import numpy as np
import pytest
import torch

from chainrule.lens import convolution, convolution_laws, one_based
from chainrule.lens.notation import entry
from tests.lens.cases import linear_rnn, look


@pytest.mark.parametrize(
    ("name", "index", "shape", "code", "lecture"),
    [
        ("x", (0, 2), (1, 5), "x[0,2]", "x_3"),
        ("dy", (0, 9), (1, 10), "dy[0,9]", "d_10"),
        ("w", (0, 0, 1), (1, 1, 3), "w[0,0,1]", "w_2"),
        ("w", (1, 0, 1), (2, 1, 3), "w[1,0,1]", "w_{2,1,2}"),
        ("x", (0, 1, 2), (1, 4, 4), "x[0,1,2]", "x_{2,3}"),
        ("x", (0, 0), (1, 1), "x[0,0]", "x_1"),
    ],
)
def test_an_entry_in_both_notations(
    name: str, index: tuple[int, ...], shape: tuple[int, ...], code: str, lecture: str
) -> None:
    assert entry(name, index, shape) == code
    with one_based():
        assert entry(name, index, shape) == lecture
    with one_based(False):
        assert entry(name, index, shape) == code


def test_the_gradient_of_an_input_reads_as_in_the_lecture() -> None:
    found = convolution([1.0, 2.0, 3.0], x=[1.0, 0.0, -1.0, 2.0, 4.0], dy=[1.0, 10.0, 100.0])
    with one_based():
        table = found.input_gradient(2).table()
    assert table.title == "dx_3 = 123"
    assert [row[0] for row in table.rows] == ["w_1 * d_3", "w_2 * d_2", "w_3 * d_1"]
    assert found.input_gradient(2).table().title == "dx[0,2] = 123"


def test_every_table_with_steps_counts_from_one() -> None:
    found = look(linear_rnn(0.5), torch.ones(1, 4, 1))
    with one_based():
        firsts = {
            "steps": found.steps().table().rows[0][0],
            "term": found.term(3, 1).table().rows[0][0],
            "unrolled": found.unrolled().table().rows[0][0],
            "terms": found.unrolled().tables()[2].columns[1],
            "convolution": convolution([1.0, 2.0], x=[1.0, 2.0, 3.0]).table().rows[0][0],
            "laws": convolution_laws([1.0, 2.0], [1.0]).tables()[1].rows[0][0],
        }
        assert "from step 4 back to 2" in found.term(3, 1).table().title
    assert firsts == {"steps": 1, "term": 4, "unrolled": 1, "terms": "1", "convolution": "y_1", "laws": "1"}
    np.testing.assert_array_equal(found.steps().h[0], [1.0])
