"""One thread a test process: two of them on two cores are quicker than four threads, and leave the machine usable."""

from collections.abc import Iterator

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made, but neither laid out nor written, which takes longer than all else in a small fit.

    For tests of other things: tests/runs/fitting/test_fit.py and tests/runs/test_figures.py look at what is drawn.
    """
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, file, **options: None)
