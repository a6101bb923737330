"""How far a mean over forecasts may be off by chance."""

import math

import numpy as np
import pytest
import torch

from chainrule.models.panels import standard_error
from tests.models.panels.cases import dated_panel, tensors_of

ROWS = tensors_of(dated_panel((600, 600)))


def test_of_independent_errors_it_is_the_usual_one() -> None:
    values = torch.from_numpy(np.random.default_rng(0).normal(size=1200))
    found = standard_error(values, ROWS, torch.arange(1200), horizon=1)
    assert found == pytest.approx(float(values.std()) / math.sqrt(1200), rel=1e-3)


def test_errors_of_one_horizon_count_as_one() -> None:
    values = torch.from_numpy(np.random.default_rng(0).normal(size=120)).repeat_interleave(10)
    found = standard_error(values, ROWS, torch.arange(1200), horizon=10)
    assert found == pytest.approx(float(values[::10].std()) / math.sqrt(120), rel=1e-2)


def test_series_do_not_hang_together_and_the_order_of_rows_does_not_matter() -> None:
    values = torch.randn(1200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    order = torch.randperm(1200, generator=torch.Generator().manual_seed(1))
    found = standard_error(values, ROWS, torch.arange(1200), horizon=1000)
    assert found == pytest.approx(standard_error(values[order], ROWS, order, horizon=1000))
    assert found > 0


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_single_block_tells_nothing(count: int) -> None:
    assert standard_error(torch.arange(count).double(), ROWS, torch.arange(count), horizon=10) == 0.0
