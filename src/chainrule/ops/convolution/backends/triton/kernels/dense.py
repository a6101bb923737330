"""Causal convolution of channels that mix and its gradients, in the symbols of the README, as products of matrices.

A sum over a group's input channels c and taps k is one over r = c K + k, in the order in which the weights lie in
memory: so no tile of it is filled up with zeros but the last, however few the channels. What it multiplies by is read
from x at each tap's own place; nothing is laid out anew.
"""

import triton
import triton.language as tl

from chainrule.ops.convolution.backends.triton.kernels.reading import (
    end_of,
    first_of,
    keep,
    kept_gradient,
    last_of,
    seen,
)
from chainrule.ops.launching import is_interpreted

__all__ = ["backward_input", "backward_weight", "forward"]

# Triton's interpreter has no products of bfloat16: there all are of numbers as their sums are.
_WIDENS = tl.constexpr(is_interpreted())


@triton.jit
def _place(T, channels, G, N: tl.constexpr, M: tl.constexpr):
    """A program's row of the batch, its group, the part of N of the group's channels, and M steps, (1, M).

    Those that read the same steps are neighbours.
    """
    pid = tl.program_id(0)
    parts = tl.cdiv(channels, N)
    blocks = tl.cdiv(T, M)
    steps = (pid // parts % blocks) * M + tl.arange(0, M)
    group = (pid // parts // blocks) % G
    b = (pid // parts // blocks // G).to(tl.int64)
    return b, group, pid % parts, steps[None, :]


@triton.jit
def _added(sums, a, b, PRECISION: tl.constexpr):
    """sums + a b."""
    if _WIDENS:
        a = a.to(sums.dtype)
        b = b.to(sums.dtype)
    return tl.dot(a, b, acc=sums, input_precision=PRECISION, out_dtype=sums.dtype)


@triton.jit
def _sums(
    values, state, row, steps, first, before, weight, places, is_place, terms, apart, shift, T, P,
    K: tl.constexpr, N: tl.constexpr, M: tl.constexpr, R: tl.constexpr, SUM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """sum_{c, k} weight[places, c, k] values[row + c, t - shift (K - 1 - k)], (N, M), of what lies in [first, before).

    The weights of neighbouring c lie ``apart``.
    """
    sums = tl.zeros((N, M), SUM)
    for start in range(0, terms, R):
        r = start + tl.arange(0, R)
        c = r // K
        k = r % K
        read = steps - (shift * (K - 1 - k))[:, None]
        inside = (r < terms)[:, None] & (read >= first) & (read < before)
        is_weight = is_place & (r < terms)[None, :]
        w = tl.load(weight + places[:, None] + (c * apart + k)[None, :], mask=is_weight, other=0.0)
        v = seen(values, state, row + c[:, None], read, inside, T, P)
        sums = _added(sums, w, v, PRECISION)
    return sums


@triton.jit
def forward(
    x, state, weight, bias, since, ends, y, last, T, C, O, G, P, dilation,
    K: tl.constexpr, N: tl.constexpr, M: tl.constexpr, R: tl.constexpr, SUM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """y[b, o, t] = bias[o] + sum_{c, k} weight[o, c, k] x[b, c, t - dilation (K - 1 - k)], and the inputs before."""
    b, group, part, steps = _place(T, O, G, N, M)
    outs = part * N + tl.arange(0, N)
    row = (b * G + group) * C
    is_out = (outs < O)[:, None]
    end, first_of_last = end_of(ends, since, b, T, P)
    places = (group * O + outs).to(tl.int64) * C * K
    sums = _sums(
        x, state, row, steps, first_of(since, b, steps, T, P), end, weight, places, is_out, C * K, K, dilation, T, P,
        K, N, M, R, SUM, PRECISION,
    )  # fmt: skip
    if bias is not None:
        sums += tl.load(bias + group * O + outs, mask=outs < O, other=0.0).to(SUM)[:, None]
    sums = tl.where(steps < end, sums, 0.0)
    tl.store(y + ((b * G + group) * O + outs)[:, None] * T + steps, sums, mask=is_out & (steps < T))
    if last is not None and tl.program_id(0) // tl.cdiv(O, N) % tl.cdiv(T, M) == 0:
        for start in range(part * N, C, tl.cdiv(O, N) * N):
            channels = start + tl.arange(0, N)[:, None]
            keep(x, state, last, row + channels, channels < C, end, first_of_last, T, P, M)


@triton.jit
def backward_input(
    dy, dlast, weight, since, until, ends, dx, dstate, T, C, O, G, P, BEFORE, dilation,
    K: tl.constexpr, N: tl.constexpr, M: tl.constexpr, R: tl.constexpr, SUM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dx[b, c, u] = sum_{o, k} weight[o, c, k] dy[b, o, u + dilation (K - 1 - k)] from -BEFORE on, and that of last."""
    b, group, part, steps = _place(BEFORE + T, C, G, N, M)
    steps -= BEFORE
    channels = part * N + tl.arange(0, N)
    row = ((b * G + group) * C + channels)[:, None]
    is_channel = (channels < C)[:, None]
    end, first_of_last = end_of(ends, since, b, T, P)
    sums = _sums(
        dy, None, (b * G + group) * O, steps, 0, last_of(until, b, steps, end, T),
        weight + group.to(tl.int64) * O * C * K, channels * K, is_channel, O * K, C * K, -dilation, T, P,
        K, N, M, R, SUM, PRECISION,
    )  # fmt: skip
    if dlast is not None:
        sums += kept_gradient(dlast, row, is_channel, steps, end, first_of_last, P)
    tl.store(dx + row * T + steps, sums, mask=is_channel & (steps >= 0) & (steps < T))
    if dstate is not None:
        tl.store(dstate + row * P + (P + steps), sums, mask=is_channel & (steps < 0))


@triton.jit
def backward_weight(
    x, state, dy, since, ends, dweight, dbias, span, B, T, C, O, G, P, dilation,
    K: tl.constexpr, N: tl.constexpr, M: tl.constexpr, R: tl.constexpr, SUM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dweight[o, c, k] = sum_{b, t} dy[b, o, t] x[b, c, t - dilation (K - 1 - k)] over a part of (b, t).

    Each part has its own sums, of ``span`` steps: (parts, G O, C, K), and of dbias (parts, G O).
    """
    pid = tl.program_id(0)
    part = tl.program_id(1)
    columns = tl.cdiv(C * K, R)
    rows = tl.cdiv(O, N)
    r = pid % columns * R + tl.arange(0, R)
    outs = pid // columns % rows * N + tl.arange(0, N)
    group = pid // columns // rows
    shift = (dilation * (K - 1 - r % K))[:, None]
    sums = tl.zeros((N, R), SUM)
    total = tl.zeros((N,), SUM)
    for start in range(0, span, M):
        n = part * span + start + tl.arange(0, M)
        b = (n // T).to(tl.int64)
        t = n % T
        inside = n < B * T
        if ends is not None:
            inside &= t < tl.load(ends + b, mask=inside, other=0)
        first = tl.full((M,), -P, tl.int32)
        if since is not None:
            first = tl.load(since + n, mask=inside, other=0)
        row = ((b * G + group) * O)[None, :] + outs[:, None]
        d = tl.load(dy + row * T + t[None, :], mask=(outs < O)[:, None] & inside[None, :], other=0.0)
        read = t[None, :] - shift
        is_seen = (r < C * K)[:, None] & inside[None, :] & (read >= first[None, :])
        v = seen(x, state, ((b * G + group) * C)[None, :] + (r // K)[:, None], read, is_seen, T, P)
        sums = _added(sums, d, tl.trans(v), PRECISION)
        if dbias is not None:
            total += tl.sum(d.to(SUM), 1)
    places = part.to(tl.int64) * G * O + group * O + outs
    tl.store(dweight + places[:, None] * (C * K) + r[None, :], sums, mask=(outs < O)[:, None] & (r < C * K)[None, :])
    if dbias is not None and pid % columns == 0:
        tl.store(dbias + places, total, mask=outs < O)
