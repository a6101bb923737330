"""Pages of what is as small, as large or as irregular as can be: their numbers are shown, and nothing complains."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from chainrule import lens
from chainrule.display import Shown
from tests.display.interactive.conftest import Open


class Skipping(nn.Module):
    """Of whose cells nobody knows what they see: its layers do not follow one another."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.linear = nn.Linear(9, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear((x + self.conv(x)).flatten(1))
        return y


def through_time(steps: int, units: int, size: float = 1.0) -> Shown:
    torch.manual_seed(0)
    layer = nn.RNN(1, units, nonlinearity="relu", batch_first=True).double()
    return lens.through_time(layer, torch.full((1, steps, 1), size, dtype=torch.float64))


def layers(net: nn.Module, *shape: int, size: float = 1.0) -> Shown:
    torch.manual_seed(0)
    return lens.through_layers(net.double(), torch.full(shape, size, dtype=torch.float64))


CASES: dict[str, Callable[[], Shown]] = {
    "one pixel": lambda: lens.convolution([[2.0]], [[3.0]]),
    "zeros": lambda: lens.convolution([0.0, 0.0], [0.0, 0.0, 0.0]),
    "too large": lambda: lens.convolution([1e200, 2.0], [1e200, -1e-300, 5e99]),
    "one step": lambda: through_time(1, 2),
    "one unit": lambda: through_time(5, 1),
    "large states": lambda: through_time(6, 2, size=1e150),
    "a map of one pixel": lambda: layers(
        nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(1, 2)), 1, 1, 1, 1, size=1e150
    ),
    "a layer that is skipped": lambda: layers(Skipping(), 1, 1, 3, 3, size=0.0),
}


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", CASES)
def test_odd_inputs_are_shown(name: str, open_page: Open) -> None:
    page = open_page(CASES[name]())
    for stop in page.locator(".view [role=grid] [role=gridcell][tabindex='0']:visible").all():
        stop.press("ArrowDown")
        page.locator(":focus").press("ArrowRight")
    for slider in page.locator(".view input[type=range]:visible").all():
        slider.press("End")
    text = page.locator(".view").inner_text()
    labels = page.locator(".view [aria-label]").evaluate_all("all => all.map(({ ariaLabel }) => ariaLabel).join()")
    assert not any(word in text + labels for word in ("NaN", "undefined", "null", "differ from"))
