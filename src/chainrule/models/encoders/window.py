"""Window encoders: linear, multilayer perceptron and dilated convolutions over the last steps."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule.models.encoders.encoder import Encode, State
from chainrule.nn import CausalConv1d, ConvolutionStream

__all__ = ["AREncoder", "ConvEncoder", "MLPEncoder"]


class _Streams:
    """Convolutions that are fed one step at a time, and continue from their pasts."""

    def __init__(self, layers: Sequence[nn.Module], pasts: State | None, rows: int) -> None:
        self.of = [ConvolutionStream(layer, rows) for layer in layers if isinstance(layer, CausalConv1d)]
        if pasts is not None:
            for stream, past in zip(self.of, pasts, strict=True):
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
        past = None if state is None else state[0]
        y, past = self.window(x.transpose(1, 2), past, resets=resets)
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
        pasts = [None] * len(self.convolutions) if state is None else list(state)

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
