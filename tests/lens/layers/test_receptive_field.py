"""What a cell can see: index equations against the gradients of networks in which nothing cancels."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError, DisagreementError
from chainrule.lens import ReceptiveField, through_layers
from chainrule.models import SequenceClassifier
from tests.lens.layers.cases import CASES, looked, network


def positive(network: nn.Module) -> nn.Module:
    """Weights above zero: no path cancels another, and no ReLU is closed."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.1)
    return network


NETWORKS = {
    "strides": lambda: nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(2, 2, (3, 1))),
    "dilation": lambda: nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2), nn.ReLU(), nn.Conv2d(2, 2, 2, padding=1)),
    "pools": lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(3, stride=2, padding=1), nn.Conv2d(2, 2, 2)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_field_is_where_gradients_can_be(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(*NETWORKS[name](), nn.Flatten(), nn.LazyLinear(3))
    x = torch.rand(1, 1, 17, 14) + 0.1
    network(x)
    positive(network)
    look = through_layers(network, x)
    size = look.maps(2).y.shape
    for at in ((0, 0, 0), (1, size[1] - 1, size[2] - 1), (0, size[1] // 2, size[2] // 2)):
        field = look.receptive_field(2, *at)
        seen = np.argwhere(field.gradient.sum(0))
        assert tuple(zip(seen.min(0).tolist(), seen.max(0).tolist(), strict=True)) == field.spans


AT_BORDERS: dict[
    str, tuple[list[nn.Module], tuple[int, ...]]
] = {  # with taps in the padding, which a cell does not see, beside others that it does
    "dilation": ([nn.Conv1d(1, 1, 3, dilation=3, padding=3)], (9,)),
    "two dilations": ([nn.Conv1d(1, 1, 3, dilation=3, padding=3), nn.Conv1d(1, 1, 3, dilation=4, padding=4)], (9,)),
    "stride": ([nn.Conv1d(1, 2, 3, stride=2, dilation=2, padding=3), nn.Conv1d(2, 1, 3, dilation=2, padding=2)], (11,)),
    "2-D": ([nn.Conv2d(1, 1, (3, 2), dilation=(3, 2), padding=(3, 1)), nn.AvgPool2d(3, 2, 1)], (7, 8)),
    "3-D": ([nn.Conv3d(1, 1, 2, dilation=3, padding=2), nn.AvgPool3d(2, padding=1)], (4, 5, 4)),
    "ends of a pool": ([nn.AvgPool2d(3, stride=2, ceil_mode=True)], (8, 6)),
    "adaptive": ([nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d((2, 3))], (8, 7)),
    "adaptive, 1-D": ([nn.AdaptiveAvgPool1d(4), nn.Conv1d(1, 1, 3, dilation=2, padding=2)], (9,)),
    "adaptive, 3-D": ([nn.AdaptiveAvgPool3d((2, None, 3))], (3, 4, 5)),
}


@pytest.mark.parametrize("name", AT_BORDERS)
def test_every_cell_sees_from_its_first_tap_within_the_input_to_its_last(name: str) -> None:
    torch.manual_seed(0)
    layers, sizes = AT_BORDERS[name]
    network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3))
    x = torch.rand(1, 1, *sizes) + 0.1
    network(x)
    look = through_layers(positive(network), x)
    last = len(layers) - 1
    for at in np.ndindex(look.maps(last).y.shape):
        field = look.receptive_field(last, *at)
        seen = np.argwhere(field.gradient.sum(0))
        assert field.is_known
        assert tuple(zip(seen.min(0).tolist(), seen.max(0).tolist(), strict=True)) == field.spans


def test_a_cell_wholly_in_the_padding_sees_nothing() -> None:
    network = nn.Sequential(nn.Conv1d(1, 1, 1, padding=2), nn.Flatten(), nn.Linear(8, 2))
    field = through_layers(network, torch.ones(1, 1, 4)).receptive_field(0, 0, 1)
    assert (field.spans, field.size, field.share) == (((0, -1),), (0,), 0.0)
    assert "none" in str(field)
    field.plot()


@pytest.mark.parametrize(
    ("layer", "is_known"),
    [
        (nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular"), False),
        (nn.Upsample(8), False),
        (nn.GroupNorm(1, 1), True),
    ],
)
def test_a_layer_of_which_it_is_unknown_what_it_reads_is_said_to_be(layer: nn.Module, is_known: bool) -> None:
    network = nn.Sequential(nn.Conv1d(1, 1, 1), layer, nn.Flatten(), nn.Linear(8, 2))
    look = through_layers(network, torch.rand(1, 1, 8))
    field = look.receptive_field(1, 0, 4)
    assert field.spans == ((0, 7),)
    assert field.is_known == is_known
    assert ("at most" in str(look.layers())) != is_known
    assert not look.layers().rows[-1].sees_at_most  # a layer that reads all of them


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", [name for name in CASES if name != "shared"])
def test_gradients_stay_within_the_field_in_every_layer(name: str) -> None:
    look = looked(name)
    for row in look.layers().rows:
        if len(row.output) == 1:
            continue
        for place in ("first", "last"):
            at = [0 if place == "first" else size - 1 for size in row.output]
            field = look.receptive_field(row.number, *at)  # which raises if they do not
            assert 0 <= field.share <= 1
            assert len(field.to_frame()) == sum(len(spans) for _, spans in field.steps)


def test_causal_convolutions_see_what_the_encoder_says() -> None:
    model, _ = network("sound, conv")
    assert isinstance(model, SequenceClassifier)
    last = [row.name for row in looked("sound, conv").layers().rows if row.name.startswith("encoder.convolutions")][-1]
    assert looked("sound, conv").receptive_field(last, 0, 8).size == (model.encoder.receptive_field,)
    assert looked("sound, gru").receptive_field(0, 0, 5).spans == ((0, 5),)


def test_a_gradient_outside_of_the_field_is_found() -> None:
    """A layer that reads more than its class says."""

    class Reversed(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input + input.flip(2))

    field = looked("images").receptive_field(0, 0, 0, 0)
    with pytest.raises(DisagreementError, match="the gradient of the input"):
        through_layers(nn.Sequential(Reversed(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)), torch.rand(1, 1, 8, 8))
    with pytest.raises(DisagreementError, match="it is not zero outside"):
        ReceptiveField.checked(
            of=field.of,
            name=field.name,
            steps=((field.of, ((0, 0), (0, 0))),),
            gradient=field.gradient,
            agreement=field.agreement,
        )


def test_layers_that_do_not_follow_one_another_have_no_field() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left = nn.Conv2d(1, 2, 3, stride=2)
            self.right = nn.Conv2d(1, 2, 3, stride=2)
            self.out = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.out((self.left(x) + self.right(x)).mean((2, 3)))
            return scores

    look = through_layers(Branches(), torch.rand(1, 1, 9, 9))
    with pytest.raises(ArgumentError, match="do not follow one another"):
        look.receptive_field("right", 0, 1, 1)
    assert [row.sees for row in look.layers().rows] == [None] * 3
    assert len(look.parts()) == 7
