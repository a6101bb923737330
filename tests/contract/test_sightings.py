"""Single sightings: sizes beyond reason, foreign layouts, two processes."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule import nn
from chainrule.errors import ChainruleError
from chainrule.functional import causal_convolution, convolution, gru, lstm, rnn
from tests.contract.isolation import alone
from tests.contract.two_processes import check_gradients
from tests.processes import Started

X = torch.randn(2, 3, 20)
W = torch.randn(4, 3, 3)
SIZES = (2**31 - 1, 2**31, 2**61, 2**62, 2**63 - 1, 2**64)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("names", ["stride", "padding", "dilation", "padding dilation", "stride padding"])
def test_sizes_beyond_reason(names: str, size: int) -> None:
    """Torch's numbers where it has some, and else words; without a workspace that grows with them."""

    def run() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**35, 2**35))
        given: dict[str, Any] = dict.fromkeys(names.split(), size)
        try:
            y = convolution(X, W, **given)
        except ChainruleError:
            return
        torch.testing.assert_close(y, torch.nn.functional.conv1d(X, W, **given))

    alone(run)


def _check_far_apart(stride: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
    w = W.clone().requires_grad_()
    y = convolution(X, w, stride=stride)
    torch.testing.assert_close(y, torch.nn.functional.conv1d(X, W, stride=stride))
    y.sum().backward()
    far = convolution(X, W[..., :1], stride=stride, padding=0, dilation=stride)
    torch.testing.assert_close(far, torch.nn.functional.conv1d(X, W[..., :1], stride=stride))


@pytest.mark.parametrize("stride", [2**20, 2**30])
def test_a_workspace_is_as_large_as_what_is_read(stride: int) -> None:
    """In a process that is no fork of this one, in which torch's builds for GPUs may refuse a backward pass."""
    process = Started(_check_far_apart, stride)
    _, error = process.communicate(60)
    assert process.returncode == 0, error


FOREIGN: dict[str, Callable[[Tensor], Tensor]] = {
    "sparse": lambda t: t.to_sparse(),
    "compressed": lambda t: t.to_sparse_csr() if t.dim() == 2 else t.to_sparse(),
    "nested": lambda t: torch.nested.nested_tensor(list(t)),
    "jagged": lambda t: torch.nested.nested_tensor(list(t.view(len(t), -1)), layout=torch.jagged),
    "quantised": lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
    "mkldnn": lambda t: t.to_mkldnn(),
}
U = torch.randn(2, 5, 3)
W_IH = torch.randn(12, 3)
W_HH = torch.randn(12, 4)
H_0 = torch.randn(2, 4)
CALLS: dict[str, tuple[Callable[..., Any], list[Tensor]]] = {
    "convolution": (convolution, [X, W, torch.randn(4)]),
    "causal_convolution": (lambda x, w, s: causal_convolution(x, w, state=s), [X, W, torch.randn(2, 3, 2)]),
    "rnn": (rnn, [U, H_0, W_IH[:4], W_HH[:4]]),
    "gru": (gru, [U, H_0, W_IH, W_HH]),
    "lstm": (lambda x, h, w, v: lstm(x, (h, h), w, v), [U, H_0, torch.randn(16, 3), torch.randn(16, 4)]),
    "Conv1d": (nn.Conv1d(3, 4, 3), [X]),
    "CausalConv1d": (nn.CausalConv1d(3, 4, 3), [X, torch.randn(2, 3, 2)]),
    "GRU": (nn.GRU(3, 4, batch_first=True), [U, H_0[None]]),
    "Stream": (lambda x: nn.GRU(3, 4, batch_first=True).stream(2)(x), [U]),
    "Stream out": (lambda out: nn.GRU(3, 4, batch_first=True).stream(2)(U, out), [torch.empty(2, 5, 4)]),
    "Stream state": (lambda h: nn.GRU(3, 4).stream(2).load_state_dict({"h": h}), [H_0[None]]),
    "ConvolutionStream": (lambda x: nn.CausalConv1d(3, 4, 3).stream(2)(x), [X]),
    "ConvolutionStream step": (lambda x: nn.CausalConv1d(3, 4, 3).stream(2)(x), [X[..., 0]]),
    "ConvolutionStream state": (
        lambda s: nn.CausalConv1d(3, 4, 3).stream(2).load_state_dict({"x": s}),
        [torch.randn(2, 3, 2)],
    ),
}


@pytest.mark.sampled(1)
@pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype", "ignore:.*[Ss]parse", "ignore:.*quantize")
@pytest.mark.parametrize("layout", FOREIGN)
@pytest.mark.parametrize("call", CALLS)
def test_foreign_layouts_are_refused_in_words(call: str, layout: str) -> None:
    function, tensors = CALLS[call]
    FOREIGN[layout](tensors[0])  # loads what torch loads for its first one, once for all forks

    def run() -> None:
        for k, tensor in enumerate(tensors):
            given = [*tensors[:k], FOREIGN[layout](tensor), *tensors[k + 1 :]]
            with pytest.raises(ChainruleError, match=r"nested|sparse|quantised|dense|mkldnn"):
                function(*given)

    alone(run)


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    """Each has half of the rows."""
    both = [Started(check_gradients, str(tmp_path / "meeting"), rank) for rank in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(errors)
