"""Depthwise causal convolution and its gradients, in the symbols of the README.

Steps are counted from the first of x, so that the state, (B, C, P), lies at -P to -1. ``since``, (B, T), holds the
first step that each step may see: that of the row's last reset, -P before any.
"""

import triton
import triton.language as tl

__all__ = ["backward_input", "backward_weight", "forward"]


@triton.jit
def _seen(past, state, row, steps, inside, T, P):
    """Of a channel's inputs those at these steps; beyond ``inside`` zero. ``row`` counts channels of all rows."""
    seen = tl.load(past + row * T + steps, mask=inside & (steps >= 0), other=0.0)
    if state is not None:
        before = tl.load(state + row * P + (P + steps), mask=inside & (steps < 0), other=0.0)
        seen = tl.where(steps < 0, before, seen)
    return seen


@triton.jit
def _end(ends, since, b, T, P):
    """Where row b ends, and the first step that is seen from its last one."""
    end = T
    if ends is not None:
        end = tl.load(ends + b).to(tl.int32)
    first = -P
    if since is not None:
        first = tl.load(since + b * T + end - 1, mask=end > 0, other=-P)
    return end, first


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
    end, first_of_last = _end(ends, since, b, T, P)
    first = -P
    if since is not None:
        first = tl.load(since + b * T + steps, mask=steps < T, other=0)
    total = tl.zeros((N, M), SUM)
    if bias is not None:
        total += tl.load(bias + channels, mask=channels < C, other=0.0)[:, None]
    for i in range(K):
        read = steps - dilation * (K - 1 - i)
        w = tl.load(weight + channels * K + i, mask=channels < C, other=0.0)[:, None]
        total += w.to(SUM) * _seen(x, state, row, read, is_channel & (steps < end) & (read >= first), T, P)
    total = tl.where(steps < end, total, 0.0)
    tl.store(y + row * T + steps, total, mask=is_channel & (steps < T))
    if last is not None and tl.program_id(0) % tl.cdiv(T, M) == 0:
        for start in range(0, P, M):
            places = start + tl.arange(0, M)[None, :]
            read = end - P + places
            inside = is_channel & (places < P) & (read >= first_of_last)
            tl.store(last + row * P + places, _seen(x, state, row, read, inside, T, P), mask=is_channel & (places < P))


@triton.jit
def backward_input(
    dy, dlast, weight, since, ends, dx, dstate, T, C, P, BEFORE, dilation,
    K: tl.constexpr, N: tl.constexpr, M: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """dx[b, c, u] = sum_i weight[c, i] dy[b, c, u + dilation (K - 1 - i)], from step -BEFORE on, and that of last."""
    b, channels, places = _place(BEFORE + T, C, N, M)
    steps = places - BEFORE
    row = (b * C + channels)[:, None]
    is_channel = (channels < C)[:, None]
    end, first_of_last = _end(ends, since, b, T, P)
    total = tl.zeros((N, M), SUM)
    for i in range(K):
        by = steps + dilation * (K - 1 - i)
        reads = (by >= 0) & (by < end)
        if since is not None:
            reads &= steps >= tl.load(since + b * T + by, mask=reads, other=0)
        w = tl.load(weight + channels * K + i, mask=channels < C, other=0.0)[:, None]
        total += w.to(SUM) * tl.load(dy + row * T + by, mask=is_channel & reads, other=0.0)
    if dlast is not None:
        place = steps - end + P
        kept = is_channel & (place >= 0) & (place < P) & (steps >= first_of_last)
        total += tl.load(dlast + row * P + place, mask=kept, other=0.0)
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
        seen = is_tap & inside[None, :] & (read >= -P)
        if since is not None:
            seen &= read >= tl.load(since + n, mask=inside, other=0)[None, :]
        sums += d[None, :] * _seen(x, state, row[None, :], read, seen, T, P)
        total += d
    tl.store(dweight + (part * C + c) * K + taps, tl.sum(sums, 1), mask=taps < K)
    if dbias is not None and tl.program_id(2) == 0:
        tl.store(dbias + part * C + c, tl.sum(total, 0))
