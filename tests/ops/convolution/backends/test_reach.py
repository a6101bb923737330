"""What a number does not read cannot change it, not even in its last bit: the future, NaN, infinity, huge numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import pad

from chainrule.nn import CausalConv1d
from chainrule.ops.convolution import causal_convolution, convolution
from chainrule.ops.convolution.backends import fft
from tests.ops.convolution.cases import TORCH, Case, cases

BACKENDS = ("auto", "cpu", "fft", "torch", "formula", "reference")
FILLERS = (torch.nan, torch.inf, -torch.inf, 1e30, 1e5, 0.0)

by_backend = pytest.mark.parametrize("backend", BACKENDS)
fillers = st.sampled_from(FILLERS)


@contextmanager
def short_segments(taps: int) -> Iterator[None]:
    """Transforms of kernels that are short enough for a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fft, "_ENDS", taps)
        yield


def random(data: st.DataObject, *shape: int) -> Tensor:
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    torch.manual_seed(data.draw(st.integers(0, 2**31)))
    return torch.randn(shape, dtype=dtype)


@pytest.mark.sampled(0)
@by_backend
@given(data=st.data(), filler=fillers, ends=st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_outputs_depend_on_no_later_input_and_gradients_on_no_earlier_one(
    backend: str, data: st.DataObject, filler: float, ends: int
) -> None:
    largest = (12, 4) if backend == "reference" else (90, 40)
    T = data.draw(st.integers(2, largest[0]))
    K = data.draw(st.integers(1, largest[1]))
    B, G, c_in, c_out, d = data.draw(
        st.tuples(*(st.integers(1, n) for n in (3, 2, 3, 5, 1 if backend == "fft" else 3)))
    )
    t = data.draw(st.integers(1, T - 1))
    x = random(data, B, G * c_in, T)
    weight = torch.randn(G * c_out, c_in, K).to(x)
    bias = torch.randn(G * c_out).to(x)
    state = torch.randn(B, G * c_in, d * (K - 1)).to(x)
    dy = torch.randn(B, G * c_out, T).to(x)
    options = {"dilation": d, "groups": G, "backend": backend}

    def outcome(x: Tensor, dy: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        x = x.clone().requires_grad_()
        for y in (
            causal_convolution(x, weight, bias, state=state, **options)[0],
            convolution(x, weight, bias, padding="causal", **options),
        ):
            yield y, torch.autograd.grad(y, x, dy)[0]

    future = torch.arange(T) >= t
    with short_segments(ends):
        expected = outcome(x, dy)
        changed = outcome(x.masked_fill(future, filler), dy.masked_fill(~future, filler))
        for (y, dx), (changed_y, changed_dx) in zip(expected, changed, strict=True):
            assert torch.equal(changed_y[..., :t], y[..., :t])
            assert torch.equal(changed_dx[..., t:], dx[..., t:])


def is_for_transforms(case: Case) -> bool:
    plain = {1} == {*case.options["stride"], *case.options["dilation"]}
    return plain and case.weight.ndim == 3


def readers(case: Case, dy: Tensor, *, of_x: Tensor | None = None, of_dy: Tensor | None = None) -> list[Tensor]:
    """Which numbers of y, dx and dw read one of those marked in x, or in dy."""
    x = torch.ones_like(case.x) if of_x is None else of_x.to(case.x)
    leaves = x.detach().requires_grad_(), torch.ones_like(case.weight).requires_grad_()
    options = {name: case.options[name] for name in ("stride", "dilation", "groups")}
    pads = [amount for pair in reversed(case.pairs) for amount in pair]
    y = TORCH[leaves[1].ndim - 2](pad(leaves[0], pads), leaves[1], None, **options)
    grads = torch.autograd.grad(y, leaves, torch.ones_like(dy) if of_dy is None else of_dy.to(dy))
    marks = [each > 0.5 for each in (y, *grads)]
    if case.options["flip"]:
        marks[2] = marks[2].flip(*range(2, case.weight.ndim))
    return marks


@pytest.mark.sampled(0)
@by_backend
@given(case=cases(), data=st.data(), filler=st.sampled_from(FILLERS[:3]))
@settings(deadline=None, max_examples=40)
def test_a_number_that_is_not_finite_reaches_what_reads_it(
    backend: str, case: Case, data: st.DataObject, filler: float
) -> None:
    if backend == "fft" and not is_for_transforms(case):
        return
    with short_segments(1):
        y = case.chainrule(backend)
        torch.manual_seed(0)
        dy = torch.randn_like(y)
        leaves = case.x, case.weight
        grads = torch.autograd.grad(y, leaves, dy)
        at_x, at_y = (torch.zeros(t.numel(), dtype=torch.bool) for t in (case.x, dy))
        at_x[data.draw(st.integers(0, len(at_x) - 1))] = True
        at_y[data.draw(st.integers(0, len(at_y) - 1))] = True
        at_x = at_x.view(case.x.shape)
        at_y = at_y.view(dy.shape)
        # clones, as they keep the order in memory, which auto goes by
        poisoned = replace(case, x=case.x.detach().clone().masked_fill_(at_x, filler).requires_grad_())
        bad = poisoned.chainrule(backend)
        _, bad_dw = torch.autograd.grad(bad, (poisoned.x, case.weight), dy)
        bad_dx = torch.autograd.grad(case.chainrule(backend), case.x, dy.clone().masked_fill_(at_y, filler))[0]
    reads = readers(case, dy, of_x=at_x)
    for found, clean, marks in (
        (bad, y, reads[0]),
        (bad_dw, grads[1], reads[2]),
        (bad_dx, grads[0], readers(case, dy, of_dy=at_y)[1]),
    ):
        assert not found[marks].isfinite().any()
        assert torch.equal(found[~marks], clean[~marks])


@pytest.mark.parametrize("filler", FILLERS)
def test_a_layer_of_a_thousand_taps_sees_no_future(filler: float) -> None:
    torch.manual_seed(0)
    layer = CausalConv1d(1, 2, 1024)
    x = torch.randn(1, 1, 20_000)
    future = torch.arange(20_000) >= 12_345
    (y, _), (changed, _) = layer(x), layer(x.masked_fill(future, filler))
    assert torch.equal(changed[..., :12_345], y[..., :12_345])
    one = torch.arange(20_000) == 12_345
    assert torch.equal(*(layer(x.masked_fill(one, f))[0][..., 12_345 + 1024 :] for f in (0.0, filler)))
    assert layer(x.masked_fill(one, torch.nan))[0].isnan().sum() == 2 * 1024
    stream = layer.stream()
    chunk = stream(x[..., :15_000])
    stream.reset()
    assert torch.equal(stream(x.masked_fill(future, filler)[..., :15_000])[..., :12_345], chunk[..., :12_345])
