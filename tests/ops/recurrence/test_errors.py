"""Wrong arguments: the kind of error, and that its message names the argument, what was got and expected."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.functional import gru, lstm, rnn

B = 2
T = 4
I = 3
H = 5


def _gru(**changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "x": torch.zeros(B, T, I),
        "h_0": torch.zeros(B, H),
        "weight_ih": torch.zeros(3 * H, I),
        "weight_hh": torch.zeros(3 * H, H),
        "bias_ih": torch.zeros(3 * H),
        "bias_hh": torch.zeros(3 * H),
    }
    return arguments | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": torch.zeros(T, I)}, r"x must be \(batch, time, input\).*got \(4, 3\)"),
        ({"x": torch.zeros(B, T, I, dtype=torch.long)}, "x must be .* floating dtype, got .*int64"),
        ({"x": torch.zeros(B, T, I + 1)}, r"x has 4 features, weight_ih \(15, 3\) is made for 3: .*got \(2, 4, 4\)"),
        ({"x": torch.zeros(B, T, I, dtype=torch.float64)}, "x must be .*float32.* weight_ih .*got .*float64"),
        ({"h_0": torch.zeros(1, B, H)}, r"h_0 must be \(2, 5\).*got \(1, 2, 5\)"),
        ({"h_0": torch.zeros(B, H, device="meta")}, "h_0 must be .* on cpu.*on meta"),
        ({"weight_ih": torch.zeros(3 * H + 1, I)}, r"weight_ih must be \(3 \* hidden, input\)"),
        ({"weight_ih": torch.zeros(3 * H, I, dtype=torch.long)}, "weight_ih must be .*floating dtype, got .*int64"),
        ({"weight_ih": torch.zeros(3 * H)}, r"weight_ih must be \(3 \* hidden, input\)"),
        ({"weight_hh": torch.zeros(3 * H, H + 1)}, r"weight_hh must be \(15, 5\).*got \(15, 6\)"),
        ({"bias_ih": torch.zeros(H)}, r"bias_ih must be \(15,\).*got \(5,\)"),
        ({"bias_hh": torch.zeros(H)}, r"bias_hh must be \(15,\).*got \(5,\)"),
        ({"weight_ln_ih": torch.ones(H), "weight_ln_hh": torch.ones(H)}, r"weight_ln_ih must be \(15,\).*got \(5,\)"),
        ({"zoneout": torch.zeros(B, T, H)}, r"zoneout must be bool, .*\(2, 4, 5\).*got .*float32"),
        ({"zoneout": torch.zeros(T, B, H, dtype=torch.bool)}, r"zoneout must be bool.*\(2, 4, 5\).*got \(4, 2, 5\)"),
        ({"resets": torch.zeros(B, T)}, "resets must be bool"),
        ({"resets": torch.zeros(T, B, dtype=torch.bool)}, r"resets must be bool.*\(2, 4\).*got \(4, 2\)"),
        ({"lengths": torch.zeros(T, dtype=torch.long)}, r"lengths must be integers.*got \(4,\)"),
        ({"lengths": torch.zeros(B)}, "lengths must be integers.*got .*float32"),
    ],
)
def test_shape_dtype_device(changes: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        gru(**_gru(**changes))


@pytest.mark.parametrize("wrong", [-1, T + 1])
def test_length_out_of_range(wrong: int) -> None:
    with pytest.raises(ArgumentError, match=f"between 0 and T = 4, got {wrong} for row 1"):
        gru(**_gru(), lengths=[T, wrong])


def test_one_bias_of_two() -> None:
    with pytest.raises(ArgumentError, match="both or neither"):
        gru(**_gru(bias_hh=None))


@pytest.mark.parametrize("op", [rnn, gru, lstm])
def test_unknown_backend(op: Callable[..., object]) -> None:
    with pytest.raises(ArgumentError, match="'cuda': expected one of auto, cpu, triton, torch, formula, reference"):
        op(torch.zeros(B, T, I), None, torch.zeros(4 * H, I), torch.zeros(4 * H, H), backend="cuda")


def test_unknown_nonlinearity() -> None:
    with pytest.raises(ArgumentError, match="'sin': expected 'tanh' or 'relu'"):
        rnn(torch.zeros(B, T, I), None, torch.zeros(H, I), torch.zeros(H, H), nonlinearity="sin")


def test_lstm_state_is_a_pair() -> None:
    x = torch.zeros(B, T, I)
    weights = (torch.zeros(4 * H, I), torch.zeros(4 * H, H))
    with pytest.raises(ArgumentError, match=r"pair \(h_0, c_0\) or None, got Tensor"):
        lstm(x, torch.zeros(B, H), *weights)  # type: ignore[call-overload]
    with pytest.raises(ShapeError, match=r"c_0 must be \(2, 5\).*got \(2, 4\)"):
        lstm(x, (torch.zeros(B, H), torch.zeros(B, H - 1)), *weights)


def test_projection_of_the_wrong_shape() -> None:
    x = torch.zeros(B, T, I)
    weights = (torch.zeros(4 * H, I), torch.zeros(4 * H, 2))
    with pytest.raises(ShapeError, match=r"weight_hr must be \(2, 5\).*got \(2, 4\)"):
        lstm(x, None, *weights, weight_hr=torch.zeros(2, H - 1))


@pytest.mark.parametrize("wrong", [-0.1, 1.0, 1.5, float("nan"), True, "0.5"])
def test_zoneout_out_of_range(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="a rate from 0 to below 1, got"):
        gru(**_gru(zoneout=wrong))


def test_zoneout_of_the_lstm() -> None:
    call = torch.zeros(B, T, I), None, torch.zeros(4 * H, I), torch.zeros(4 * H, H)
    for wrong in ((0.1, 0.2, 0.3), torch.zeros(B, T, H, dtype=torch.bool)):
        with pytest.raises(ArgumentError, match="must be a rate, or a pair for h and c"):
            lstm(*call, zoneout=wrong)  # type: ignore[arg-type]


def test_gains_come_together() -> None:
    with pytest.raises(ArgumentError, match="needs weight_ln_ih, weight_ln_hh together; missing: weight_ln_hh"):
        gru(**_gru(weight_ln_ih=torch.ones(3 * H)))
    gains = {"weight_ln_ih": torch.ones(4 * H), "weight_ln_hh": torch.ones(4 * H)}
    with pytest.raises(ArgumentError, match="missing: weight_ln_c, bias_ln_c"):
        lstm(torch.zeros(B, T, I), None, torch.zeros(4 * H, I), torch.zeros(4 * H, H), **gains)  # type: ignore[call-overload]


def test_peepholes_of_the_wrong_shape() -> None:
    with pytest.raises(ShapeError, match=r"weight_peep must be \(15,\).*got \(5,\)"):
        lstm(torch.zeros(B, T, I), None, torch.zeros(4 * H, I), torch.zeros(4 * H, H), weight_peep=torch.zeros(H))
