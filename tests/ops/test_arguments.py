"""What every op asks of its arguments alike: wrong kinds are named, and what stands for an integer is one."""

import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from chainrule import functional
from chainrule.errors import ArgumentError, BackendError, ShapeError
from chainrule.functional import causal_convolution, convolution, gru, lstm
from chainrule.ops.arguments import as_int, as_lengths, occurs

X = torch.randn(2, 4, 9)
W = torch.randn(6, 4, 3)
U = torch.randn(2, 5, 3)
W_IH = torch.randn(12, 3)
W_HH = torch.randn(12, 4)
# the calls below are wrong on purpose, so these take anything
_Any = Callable[..., object]
conv, causal, gru_, lstm_ = (cast(_Any, op) for op in (convolution, causal_convolution, gru, lstm))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv(X.numpy(), W), "x is numpy.ndarray; expected a torch.Tensor"),
        (lambda: conv(None, W), "x is None; expected a torch.Tensor"),
        (lambda: conv(X, W.tolist()), "weight is list; expected a torch.Tensor"),
        (lambda: conv(X, W, bias=0.5), "bias is float; expected a torch.Tensor"),
        (lambda: conv(X, W, groups="a"), "groups is 'a'; expected a positive int"),
        (lambda: conv(X, W, groups=True), "groups is True; expected a positive int"),
        (lambda: conv(X, W, groups=1.0), "groups is 1.0; expected a positive int"),
        (lambda: conv(X, W, stride=True), "stride is True; expected a positive int"),
        (lambda: conv(X, W, stride="a"), "stride is 'a'; expected a positive int"),
        (lambda: conv(X, W, dilation=torch.tensor(True)), "dilation is tensor(True); expected"),
        (lambda: conv(X, W, dilation=None), "dilation is None; expected a positive int"),
        (lambda: conv(X, W, padding=True), "padding is True; expected"),
        (lambda: conv(X, W, padding=np.array([1, 2])), "padding is array([1, 2]); expected"),
        (lambda: causal(X, W, state=0), "state is int; expected a torch.Tensor"),
        (lambda: causal(X, W, resets=[[True] * 9] * 2), "resets is list; expected a torch.Tensor"),
        (lambda: causal(X, W, lengths=np.array([1, 2])), "lengths is numpy.ndarray; expected an integer"),
        (lambda: causal(X, W, lengths="ab"), "lengths is str; expected an integer tensor"),
        (lambda: causal(X, W, lengths=[1.0, 2.0]), "lengths holds 1.0; expected an integer tensor"),
        (lambda: gru_(U.numpy(), None, W_IH, W_HH), "x is numpy.ndarray; expected a torch.Tensor"),
        (lambda: gru_(U, 0.0, W_IH, W_HH), "h_0 is float; expected a torch.Tensor"),
        (lambda: gru_(U, None, W_IH.tolist(), W_HH), "weight_ih is list; expected a torch.Tensor"),
        (lambda: gru_(U, None, W_IH, W_HH, 0.5, 0.5), "bias_ih is float; expected a torch.Tensor"),
        (lambda: gru_(U, None, W_IH, W_HH, resets=[[True] * 5] * 2), "resets is list; expected a torch.Tensor"),
        (lambda: gru_(U, None, W_IH, W_HH, lengths=np.array([1, 2])), "lengths is numpy.ndarray; expected an integer"),
        (lambda: gru_(U, None, W_IH, W_HH, lengths=[1, True]), "lengths holds True; expected an integer"),
        (lambda: lstm_(U, (0.0, None), W_IH, W_HH), "h_0 is float; expected a torch.Tensor"),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("two", [np.int64(2), np.uint8(2), np.array(2), torch.tensor(2)], ids=repr)
def test_integers_of_other_libraries_are_integers(two: int) -> None:
    expected = convolution(X, W[:, :2], stride=2, padding=2, dilation=2, groups=2)
    assert torch.equal(convolution(X, W[:, :2], stride=two, padding=two, dilation=two, groups=two), expected)
    pairs = convolution(X, W[:, :2], stride=[two], padding=[(two, two)], dilation=[two], groups=two)
    assert torch.equal(pairs, expected)
    first, second = (causal_convolution(X, W, lengths=lengths)[0] for lengths in ([two, 5], torch.tensor([2, 5])))
    assert torch.equal(first, second)


def test_as_int() -> None:
    assert [as_int(value) for value in (3, np.int32(-1), torch.tensor([4]))] == [3, -1, 4]
    for value in (True, np.True_, torch.tensor(True), 2.0, torch.tensor(2.0), torch.tensor([1, 2]), "2", None):
        assert as_int(value) is None


def test_lengths_become_a_tensor_of_integers() -> None:
    given = torch.tensor([1, 2], dtype=torch.int32)
    assert as_lengths(given) is given
    for lengths, expected in (((1, 2), [1, 2]), ([], []), (range(3), [0, 1, 2]), (3, 3)):
        tensor = as_lengths(lengths)
        assert tensor.dtype == torch.int64
        assert tensor.tolist() == expected


def test_an_error_that_has_nothing_to_do_with_vmap_passes_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="Mkldnn") as raised:
        occurs(torch.ones(2).to_mkldnn(), "lengths")
    assert not isinstance(raised.value, BackendError)


_ODD: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "sparse": (lambda t: t.to_sparse(), "sparse .*to_dense"),
    "rows": (lambda t: t.flatten(1).to_sparse_csr() if t.dim() > 1 else t.to_sparse(), "sparse|must|takes|expected"),
    "quantised": (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "qint8|quantised"),
    "meta": (lambda t: t.to("meta"), "meta"),
    "complex": (lambda t: t.to(torch.complex64), "complex64"),
    "nested": (lambda t: torch.nested.nested_tensor([t.flatten(), t.flatten()[:1]]), "nested|must"),
    "large": (lambda t: t.sum().expand(*t.shape[:-1], 2**42), "numbers, more than|must|takes|memory|larger"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", _ODD)
@pytest.mark.parametrize("name", ["x", "weight", "bias"])
def test_a_convolution_names_the_tensor_it_cannot_compute_with(name: str, kind: str) -> None:
    arguments: dict[str, Any] = {"x": torch.ones(2, 3, 8), "weight": torch.ones(4, 3, 2), "bias": torch.ones(4)}
    odd, message = _ODD[kind]
    arguments[name] = odd(arguments[name])
    with pytest.raises(ShapeError, match=message):
        functional.convolution(**arguments)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", _ODD)
@pytest.mark.parametrize("name", ["x", "h_0", "weight_ih", "weight_hh", "bias_ih"])
def test_a_recurrence_names_the_tensor_it_cannot_compute_with(name: str, kind: str) -> None:
    arguments: dict[str, Any] = {
        "x": torch.ones(2, 5, 3),
        "h_0": torch.ones(2, 4),
        "weight_ih": torch.ones(12, 3),
        "weight_hh": torch.ones(12, 4),
        "bias_ih": torch.ones(12),
        "bias_hh": torch.ones(12),
    }
    odd, message = _ODD[kind]
    arguments[name] = odd(arguments[name])
    with pytest.raises(ShapeError, match=message):
        functional.gru(**arguments)


def test_all_on_the_device_meta_is_computed_there() -> None:
    x, w, v = (torch.ones(*shape, device="meta") for shape in ((2, 5, 3), (12, 3), (12, 4)))
    resets = torch.zeros(2, 5, dtype=torch.bool, device="meta")
    for masks in (
        {},
        {"resets": resets},
        {"lengths": [2, 3]},
        {"lengths": torch.ones(2, dtype=torch.int64, device="meta")},
    ):
        assert functional.gru(x, None, w, v, **masks)[0].shape == (2, 5, 4)
    assert functional.convolution(x, torch.ones(4, 5, 2, device="meta")).shape == (2, 4, 2)


@pytest.mark.parametrize(
    ("op", "G", "options"),
    [(functional.rnn, 1, {}), (gru_, 3, {}), (gru_, 3, {"reset_after": False}), (functional.lstm, 4, {})],
)
@pytest.mark.parametrize("backend", ["auto", "cpu", "formula", "reference"])
def test_no_rows_have_a_trace_too(op: Any, G: int, options: dict[str, bool], backend: str) -> None:
    weights = torch.ones(4 * G, 2), torch.ones(4 * G, 4)
    y, _, trace = op(torch.ones(0, 3, 2), None, *weights, backend=backend, return_all=True, **options)
    assert y.shape == trace.h.shape == (0, 3, 4)


@pytest.mark.parametrize("backend", ["auto", "cpu", "formula", "reference"])
def test_no_steps_are_convolved(backend: str) -> None:
    x = torch.ones(2, 256, 0)
    wide = torch.ones(256, 256, 1)
    assert functional.causal_convolution(x, wide, backend=backend)[0].shape == (2, 256, 0)
    padded = functional.convolution(torch.ones(2, 4, 6, 0), torch.ones(3, 4, 1, 1), padding=1, backend=backend)
    assert padded.shape == (2, 3, 8, 2)


@pytest.mark.parametrize("flag", [1, "yes", torch.ones(2), None])
def test_flags_are_true_or_false(flag: Any) -> None:
    with pytest.raises(ArgumentError, match=r"reverse is .*expected True or False"):
        functional.rnn(torch.ones(1, 2, 1), None, torch.ones(1, 1), torch.ones(1, 1), reverse=flag)
    with pytest.raises(ArgumentError, match=r"flip is .*expected True or False"):
        functional.convolution(torch.ones(1, 1, 3), torch.ones(1, 1, 1), flip=flag)
