"""Depthwise causal convolution and its gradients, in the symbols of the README."""

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

__all__ = ["backward_input", "backward_weight", "forward"]


@triton.jit
def _place(T, C, N: tl.constexpr, M: tl.constexpr):
    """A program's row of the batch, N channels and M steps, (1, M)."""
    pid = tl.program_id(0)
    blocks = tl.cdiv(T, M)
    parts = tl.cdiv(C, N)
    steps = (pid % blocks) * M + tl.arange(0, M)
    channels = (pid // blocks % parts) * N + tl.arange(0, N)
    return (pid // blocks // parts).to(tl.int64), channels, steps[None, :]


@triton.jit
def forward(
    x, state, weight, bias, since, ends, y, last, T, C, P, dilation,
    K: tl.constexpr, N: tl.constexpr, M: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """y[b, c, t] = bias[c] + sum_i weight[c, i] x[b, c, t - dilation (K - 1 - i)], and the inputs before the next."""
    b, channels, steps = _place(T, C, N, M)
    row = (b * C + channels)[:, None]
    is_channel = (channels < C)[:, None]
    end, first_of_last = end_of(ends, since, b, T, P)
    first = first_of(since, b, steps, T, P)
    total = tl.zeros((N, M), SUM)
    if bias is not None:
        total += tl.load(bias + channels, mask=channels < C, other=0.0)[:, None]
    for i in range(K):
        read = steps - dilation * (K - 1 - i)
        w = tl.load(weight + channels * K + i, mask=channels < C, other=0.0)[:, None]
        total += w.to(SUM) * seen(x, state, row, read, is_channel & (steps < end) & (read >= first), T, P)
    total = tl.where(steps < end, total, 0.0)
    tl.store(y + row * T + steps, total, mask=is_channel & (steps < T))
    if last is not None and tl.program_id(0) % tl.cdiv(T, M) == 0:
        keep(x, state, last, row, is_channel, end, first_of_last, T, P, M)


@triton.jit
def backward_input(
    dy, dlast, weight, since, until, ends, dx, dstate, T, C, P, BEFORE, dilation,
    K: tl.constexpr, N: tl.constexpr, M: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """dx[b, c, u] = sum_i weight[c, i] dy[b, c, u + dilation (K - 1 - i)], from step -BEFORE on, and that of last."""
    b, channels, places = _place(BEFORE + T, C, N, M)
    steps = places - BEFORE
    row = (b * C + channels)[:, None]
    is_channel = (channels < C)[:, None]
    end, first_of_last = end_of(ends, since, b, T, P)
    before = last_of(until, b, steps, end, T)
    total = tl.zeros((N, M), SUM)
    for i in range(K):
        by = steps + dilation * (K - 1 - i)
        w = tl.load(weight + channels * K + i, mask=channels < C, other=0.0)[:, None]
        total += w.to(SUM) * tl.load(dy + row * T + by, mask=is_channel & (by >= 0) & (by < before), other=0.0)
    if dlast is not None:
        total += kept_gradient(dlast, row, is_channel, steps, end, first_of_last, P)
    tl.store(dx + row * T + steps, total, mask=is_channel & (steps >= 0) & (steps < T))
    if dstate is not None:
        tl.store(dstate + row * P + (P + steps), total, mask=is_channel & (steps < 0))


@triton.jit
def backward_weight(
    x, state, dy, since, ends, dweight, dbias, span, B, T, C, P, dilation, K,
    TAPS: tl.constexpr, M: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """A channel's dweight[c, i] = sum_{b, t} dy[b, c, t] x[b, c, t - dilation (K - 1 - i)] over a part of (b, t).

    Each part has its own sums, of ``span`` steps: (parts, C, K), and of dbias (parts, C).
    """
    c = tl.program_id(0)
    part = tl.program_id(1)
    taps = tl.program_id(2) * TAPS + tl.arange(0, TAPS)
    is_tap = (taps < K)[:, None]
    sums = tl.zeros((TAPS, M), SUM)
    total = tl.zeros((M,), SUM)
    for start in range(0, span, M):
        n = part * span + start + tl.arange(0, M)
        b = (n // T).to(tl.int64)
        t = n % T
        inside = n < B * T
        if ends is not None:
            inside &= t < tl.load(ends + b, mask=inside, other=0)
        row = b * C + c
        d = tl.load(dy + row * T + t, mask=inside, other=0.0).to(SUM)
        read = t[None, :] - dilation * (K - 1 - taps)[:, None]
        is_seen = is_tap & inside[None, :] & (read >= -P)
        if since is not None:
            is_seen &= read >= tl.load(since + n, mask=inside, other=0)[None, :]
        sums += d[None, :] * seen(x, state, row[None, :], read, is_seen, T, P)
        total += d
    tl.store(dweight + (part * C + c) * K + taps, tl.sum(sums, 1), mask=taps < K)
    if dbias is not None and tl.program_id(2) == 0:
        tl.store(dbias + part * C + c, tl.sum(total, 0))
