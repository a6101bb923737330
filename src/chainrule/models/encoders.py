"""Encoders: causal layers with state, ``features, state = encoder(x, state)``.

Window encoders (AR, MLP, Conv) see the last ``tau`` inputs; their state is the inputs still in view.
Latent encoders (RNN, GRU, LSTM) fold the whole past into h_t; their state is h_t (and c_t).
One law holds for all: feeding a sequence in pieces and carrying the state gives what the whole gives.

Shapes are batch first: x (B, T, in_features) -> features (B, T, out_features). A state is a flat tuple of
tensors whose first dimension is the batch; ``None`` starts afresh. ``resets[b, t]`` starts row b afresh before step t.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule.nn import GRU, LSTM, RNN, CausalConv1d, ConvolutionStream

__all__ = ["AREncoder", "ConvEncoder", "Encode", "Encoder", "LatentEncoder", "MLPEncoder", "State"]

_CELLS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}

State = tuple[Tensor, ...]


class Encode(Protocol):
    """``features, state = encode(x, state)``."""

    def __call__(
        self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None
    ) -> tuple[Tensor, State]: ...


class Encoder(Encode, Protocol):
    """What every encoder offers. ``receptive_field`` is None where the whole past is in view."""

    @property
    def out_features(self) -> int: ...
    @property
    def receptive_field(self) -> int | None: ...

    def streamed(self, state: State | None, rows: int) -> Encode:
        """The encoder as it goes on from ``state``, one step (rows, 1, in_features) at a time, without gradients.

        A window encoder so keeps what it saw to itself, in streams that do not copy it at every step, and the state it
        is given and returns is empty.
        """


class _Streams:
    """Convolutions fed one step at a time, from their pasts on."""

    def __init__(self, layers: Sequence[nn.Module], pasts: State | None, rows: int) -> None:
        self.of = [ConvolutionStream(layer, rows) for layer in layers if isinstance(layer, CausalConv1d)]
        for stream, past in zip(self.of, pasts or (), strict=pasts is not None):
            stream.state = past

    def reset(self, resets: Tensor | None) -> None:
        if resets is not None and resets.any():
            for stream in self.of:
                stream.reset(resets[:, 0])

    def step(self, layer: int, x: Tensor) -> Tensor:
        """x (B, 1, C) -> (B, 1, O)."""
        return self.of[layer](x[:, 0])[:, None]


class AREncoder(nn.Module):
    """Linear AR(tau): y_t = b + sum_{k=0}^{tau-1} A_k x_{t-k}, one causal convolution with a kernel of length tau.

    A model feeds it the x before the one that it predicts, so that x_t is predicted from x_{t-1}..x_{t-tau}.

    >>> encoder = AREncoder(in_features=2, out_features=3, tau=5)
    >>> features, state = encoder(torch.zeros(4, 7, 2))
    >>> features.shape, state[0].shape
    (torch.Size([4, 7, 3]), torch.Size([4, 2, 4]))
    """

    def __init__(self, in_features: int, out_features: int, tau: int) -> None:
        super().__init__()
        self.out_features = out_features
        self.receptive_field: int | None = tau
        self.window = CausalConv1d(in_features, out_features, tau)

    @torch.no_grad()
    def set_coefficients(self, intercept: Tensor, coefficients: Tensor) -> None:
        """Take b (out,) and A_1..A_tau (tau, out, in); a convolution's kernel runs from the oldest input on."""
        self.window.weight.copy_(coefficients.flip(0).permute(1, 2, 0))
        assert self.window.bias is not None
        self.window.bias.copy_(intercept)

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        y, past = self.window(x.transpose(1, 2), None if state is None else state[0], resets=resets)
        return y.transpose(1, 2), (past,)

    def streamed(self, state: State | None, rows: int) -> Encode:
        streams = _Streams([self.window], state, rows)

        def encode(x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
            streams.reset(resets)
            return streams.step(0, x), ()

        return encode


class MLPEncoder(nn.Module):
    """Nonlinear AR(tau): a multilayer perceptron over the window of the last tau inputs.

    The first of the ``layers`` is a linear AR(tau) to ``hidden`` features; a GELU follows each.

    >>> MLPEncoder(in_features=2, hidden=8, tau=5, layers=2)(torch.zeros(4, 7, 2))[0].shape
    torch.Size([4, 7, 8])
    """

    def __init__(self, in_features: int, hidden: int, tau: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.out_features = hidden
        self.receptive_field: int | None = tau
        self.window = AREncoder(in_features, hidden, tau)
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        y, state = self.window(x, state, resets=resets)
        return self._features(y), state

    def streamed(self, state: State | None, rows: int) -> Encode:
        window = self.window.streamed(state, rows)

        def encode(x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
            y, state = window(x, resets=resets)
            return self._features(y), state

        return encode

    def _features(self, y: Tensor) -> Tensor:
        y = F.gelu(y)
        for layer in self.layers:
            y = F.gelu(layer(self.dropout(y)))
        dropped: Tensor = self.dropout(y)
        return dropped


class ConvEncoder(nn.Module):
    """A residual stack of dilated causal convolutions; layer l has dilation 2^l.

    x <- x + W gelu(causal_convolution(norm(x))). The receptive field is 1 + sum_l (K - 1) 2^l.
    After van den Oord et al. 2016, WaveNet, section 2.1, and Bai et al. 2018, section 3.

    >>> ConvEncoder(in_features=2, hidden=8, layers=4).receptive_field
    16
    """

    def __init__(self, in_features: int, hidden: int, layers: int, kernel: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.out_features = hidden
        dilations = [2**layer for layer in range(layers)]
        self.receptive_field: int | None = 1 + sum((kernel - 1) * d for d in dilations)
        self.inputs = nn.Linear(in_features, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in dilations)
        self.convolutions = nn.ModuleList(CausalConv1d(hidden, hidden, kernel, dilation=d) for d in dilations)
        self.outputs = nn.ModuleList(nn.Linear(hidden, hidden) for _ in dilations)
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def layers_for(receptive_field: int, kernel: int = 2) -> int:
        """The fewest layers whose receptive field reaches ``receptive_field`` steps.

        >>> ConvEncoder.layers_for(64)
        6
        """
        layers = 1
        while 1 + (kernel - 1) * (2**layers - 1) < receptive_field:
            layers += 1
        return layers

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        pasts = [None for _ in self.convolutions] if state is None else list(state)

        def convolve(layer: int, x: Tensor) -> Tensor:
            y: Tensor
            y, pasts[layer] = self.convolutions[layer](x.transpose(1, 2), pasts[layer], resets=resets)
            return y.transpose(1, 2)

        return self._features(x, convolve), tuple(past for past in pasts if past is not None)

    def streamed(self, state: State | None, rows: int) -> Encode:
        streams = _Streams(list(self.convolutions), state, rows)

        def encode(x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
            streams.reset(resets)
            return self._features(x, streams.step), ()

        return encode

    def _features(self, x: Tensor, convolve: Callable[[int, Tensor], Tensor]) -> Tensor:
        """The stack, whose layers convolve with ``convolve(layer, x)``."""
        y: Tensor = self.inputs(x)
        for layer, (norm, output) in enumerate(zip(self.norms, self.outputs, strict=True)):
            y = y + self.dropout(output(F.gelu(convolve(layer, norm(y)))))
        return y


class LatentEncoder(nn.Module):
    """RNN, GRU or LSTM ("rnn", "gru", "lstm"): the whole past folded into h_t (and c_t).

    Dropout of the features takes the same ones at all steps of a call (Gal & Ghahramani 2016, section 4).
    With ``learned_start`` a sequence, and what follows a reset, starts from a state that is learned instead of zeros;
    with ``layer_norm`` what enters the gates is normalised (Ba et al. 2016).

    >>> features, state = LatentEncoder("lstm", in_features=2, hidden=8, layers=3)(torch.zeros(4, 7, 2))
    >>> features.shape, [s.shape for s in state]
    (torch.Size([4, 7, 8]), [torch.Size([4, 3, 8]), torch.Size([4, 3, 8])])
    """

    def __init__(
        self,
        cell: str,
        in_features: int,
        hidden: int,
        layers: int = 1,
        dropout: float = 0.0,
        *,
        learned_start: bool = False,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.out_features = hidden
        self.receptive_field: int | None = None
        between = dropout if layers > 1 else 0.0  # torch warns of dropout with nothing to drop between
        self.cell = _CELLS[cell](in_features, hidden, layers, dropout=between, batch_first=True, layer_norm=layer_norm)
        self.dropout = nn.Dropout1d(dropout)
        parts = (2 if cell == "lstm" else 1) if learned_start else 0
        self.start = nn.ParameterList(torch.zeros(layers, hidden) for _ in range(parts))

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        if len(self.start) == 0:
            y, state = self._run(x, state, resets=resets)
        else:
            start = tuple(s.expand(len(x), *s.shape) for s in self.start)
            state = start if state is None else state
            split = resets is not None and bool(resets.any())
            y, state = self._run_split(x, state, start, resets) if split else self._run(x, state)  # type: ignore[arg-type]
        return self.dropout(y.transpose(1, 2)).transpose(1, 2), state

    def _run(self, x: Tensor, state: State | None, **where: Tensor | None) -> tuple[Tensor, State]:
        # The layer keeps its state as torch does, (layers, B, H); ours has the batch first.
        hx = None if state is None else tuple(s.transpose(0, 1).contiguous() for s in state)
        is_lstm = isinstance(self.cell, LSTM)
        y, h = self.cell(x, hx if hx is None or is_lstm else hx[0], **where)
        return y, tuple(s.transpose(0, 1) for s in (h if is_lstm else (h,)))

    def _run_split(self, x: Tensor, state: State, start: State, resets: Tensor) -> tuple[Tensor, State]:
        """Every stretch between two resets as a row of its own, since resets inside the layer are to zeros.

        Those less than twice as long as another are run together, so that filling them up takes little.
        """
        B, T = resets.shape
        begins = resets.clone()
        begins[:, 0] = True
        row, t = begins.nonzero(as_tuple=True)
        is_last = torch.cat([row[1:] != row[:-1], row.new_ones(1, dtype=torch.bool)])
        lengths = torch.where(is_last, T, t.roll(-1)) - t
        fresh = resets[row, t][:, None, None]
        states = tuple(torch.where(fresh, s[row], old[row]) for s, old in zip(start, state, strict=True))
        outputs = []
        steps = []
        ends = []
        chosen = []
        sizes = torch.tensor([int(length).bit_length() for length in lengths])
        for size in sizes.unique():
            some = (sizes == size).nonzero()[:, 0]
            inside = torch.arange(int(lengths[some].max())) < lengths[some, None]
            at = (t[some, None] + torch.arange(inside.shape[1])).clamp(max=T - 1)
            y, last = self._run(x[row[some, None], at], tuple(s[some] for s in states), lengths=lengths[some])
            outputs.append(y[inside])
            steps.append((row[some, None] * T + at)[inside])
            ends.append(last)
            chosen.append(some)
        y = torch.cat(outputs)[torch.cat(steps).argsort()].view(B, T, -1)
        order = torch.cat(chosen).argsort()[is_last]
        return y, tuple(torch.cat(parts)[order] for parts in zip(*ends, strict=True))

    def streamed(self, state: State | None, rows: int) -> Encode:
        return self
