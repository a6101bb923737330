"""RNN, GRU and LSTM in the place of torch.nn's: the same parameters, and more arguments to the call.

Each is a subclass of its torch.nn namesake without any state of its own but what an option asks for, so that weights
load both ways and an existing layer becomes chainrule's by changing its class (see :func:`chainrule.nn.swap`).

Beyond torch.nn, the call takes

- ``resets``: a bool tensor, (batch, time) whatever ``batch_first`` says, (time,) for unbatched input. resets[b, t]
  puts a boundary before step t of row b that no state crosses: one row can hold many documents end to end.
- ``lengths``: integers, a tensor or a sequence of ints, (batch,); a scalar for unbatched input. Row b ends
  after lengths[b] steps: outputs beyond are zero, h_n is the state after the row's own last step, and
  padding, NaN included, reaches nothing. It does what a PackedSequence does, without packing.

- ``return_all``: return as a third value a :class:`~chainrule.functional.Trace` of every layer and direction,
  ``traces[layer][direction]``, direction 1 being the reverse one: h_t, c_t and the gates of all steps, and after a
  backward pass their gradients. Tensors are laid out as the outputs are; those of a PackedSequence are padded, and its
  rows in the order that they had before packing.

Under torch.autocast to bfloat16 the products multiply what is rounded to it, and sum in float32; states, gates and
outputs are float32. But on a GPU a call without any of these runs all layers in torch's one call, cuDNN's, which
autocast casts as it casts torch.nn's. Under autocast to other dtypes the scan is in the dtype of the weights.

resets and lengths hold in every layer and both directions. A sequence may have no steps at all: h_n is then hx.

The constructor takes more too; without these a layer has exactly the parameters of torch.nn's:

- ``layer_norm``: normalise W_ih x_t and W_hh h_{t-1}, each over all gates (Ba et al. 2016), and the LSTM's c_t where
  h_t is made of it: gains weight_ln_ih, weight_ln_hh and weight_ln_c, offset bias_ln_c.
- ``zoneout``: the rate at which units keep the value of the step before (Krueger et al. 2017), from 0 to below 1; of
  the LSTM also a pair, for h and c. Drawn for each unit and step while training; in evaluation every state is
  the mean, rate h_{t-1} + (1 - rate) h~_t.
- ``peepholes``: of the LSTM, weight_peep lets the gates see c (Gers & Schmidhuber 2000).
- ``reset_after``: of the GRU, False applies the reset r before the product with W_hn, as Cho et al. (2014) and Keras
  (``reset_after=False``) do and ONNX by default (``linear_before_reset=0``). The parameters are the same.
"""

from typing import Any

import torch
from torch import Tensor
from torch.fx import Proxy

from chainrule.nn.making import make
from chainrule.nn.recording import leaf
from chainrule.nn.recurrence_options import Optioned
from chainrule.nn.recurrence_running import Input, Lengths, Traces, run_layer
from chainrule.nn.streams.recurrent import Stream
from chainrule.nn.swapping.replacements import replaces

__all__ = ["GRU", "LSTM", "RNN"]


@replaces(torch.nn.RNN)
class RNN(Optioned, torch.nn.RNN):
    """Elman's recurrent network, in the place of :class:`torch.nn.RNN`.

    h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), where f is tanh or relu (``nonlinearity``)

    Constructor, input and output are torch's; the module's docstring describes what each takes beyond them.

    >>> layer = RNN(3, 4, batch_first=True)
    >>> y, h_n = layer(torch.randn(2, 5, 3), lengths=torch.tensor([5, 2]))
    >>> y.shape, h_n.shape, torch.equal(h_n[0, 1], y[1, 1])
    (torch.Size([2, 5, 4]), torch.Size([1, 2, 4]), True)
    """

    def __init__(self, *args: Any, layer_norm: bool = False, zoneout: float = 0.0, **kwargs: Any) -> None:
        make(self, super().__init__, *args, **kwargs)
        self.add_options(layer_norm, zoneout)

    def forward(  # type: ignore[override]
        self,
        input: Input,
        hx: Tensor | None = None,
        resets: Tensor | None = None,
        lengths: Lengths = None,
        return_all: bool = False,
    ) -> tuple[Input, Tensor] | tuple[Input, Tensor, Traces]:
        """Return the last layer's outputs and every layer's last state, laid out as torch does; traces if asked for."""
        if isinstance(input, Proxy):
            return leaf(self, input, hx, resets=resets, lengths=lengths, return_all=return_all)
        hidden = None if hx is None else (hx,)
        output, (h_n,), traces = run_layer(self, input, hidden, resets, lengths, return_all)
        return (output, h_n, traces) if return_all else (output, h_n)

    def stream(self, batch: int = 1) -> Stream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.Stream`."""
        return Stream(self, batch)


@replaces(torch.nn.GRU)
class GRU(Optioned, torch.nn.GRU):
    """The gated recurrent unit (Cho et al. 2014), in the place of :class:`torch.nn.GRU`.

    ::

        r_t = sigmoid(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)
        z_t = sigmoid(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
        n_t = tanh(W_in x_t + b_in + r_t (W_hn h_{t-1} + b_hn))
        h_t = (1 - z_t) n_t + z_t h_{t-1}

    With ``reset_after=False``, n_t = tanh(W_in x_t + b_in + W_hn (r_t h_{t-1}) + b_hn), as in the paper.

    weight_ih stacks W_ir, W_iz, W_in, and weight_hh likewise. Constructor, input and output are torch's;
    the module's docstring describes what each takes beyond them.

    >>> layer, x = GRU(3, 4, batch_first=True), torch.randn(1, 6, 3)
    >>> boundary = torch.tensor([[False, False, True, False, False, False]])
    >>> y, _ = layer(x, resets=boundary)
    >>> torch.allclose(y[:, 2:], layer(x[:, 2:])[0], atol=1e-6)
    True
    >>> GRU(3, 4, reset_after=False)  # as Keras' GRU(4, reset_after=False)
    GRU(3, 4, reset_after=False)
    """

    def __init__(
        self, *args: Any, layer_norm: bool = False, zoneout: float = 0.0, reset_after: bool = True, **kwargs: Any
    ) -> None:
        make(self, super().__init__, *args, **kwargs)
        self.add_options(layer_norm, zoneout, reset_after=reset_after)

    def forward(  # type: ignore[override]
        self,
        input: Input,
        hx: Tensor | None = None,
        resets: Tensor | None = None,
        lengths: Lengths = None,
        return_all: bool = False,
    ) -> tuple[Input, Tensor] | tuple[Input, Tensor, Traces]:
        """Return the last layer's outputs and every layer's last state, laid out as torch does; traces if asked for."""
        if isinstance(input, Proxy):
            return leaf(self, input, hx, resets=resets, lengths=lengths, return_all=return_all)
        hidden = None if hx is None else (hx,)
        output, (h_n,), traces = run_layer(self, input, hidden, resets, lengths, return_all)
        return (output, h_n, traces) if return_all else (output, h_n)

    def stream(self, batch: int = 1) -> Stream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.Stream`."""
        return Stream(self, batch)


@replaces(torch.nn.LSTM)
class LSTM(Optioned, torch.nn.LSTM):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), in the place of :class:`torch.nn.LSTM`.

    ::

        i_t, f_t, o_t = sigmoid(W_i* x_t + b_i* + W_h* h_{t-1} + b_h*) for * = i, f, o
        g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
        c_t = f_t c_{t-1} + i_t g_t
        h_t = o_t tanh(c_t), or W_hr (o_t tanh(c_t)) where proj_size is given

    weight_ih stacks W_ii, W_if, W_ig, W_io, and weight_hh likewise. Constructor, input and output are
    torch's; the module's docstring describes what each takes beyond them.

    >>> layer = LSTM(3, 4, num_layers=2)
    >>> y, (h_n, c_n) = layer(torch.randn(5, 1, 3))
    >>> y.shape, c_n.shape, torch.equal(h_n[-1], y[-1])
    (torch.Size([5, 1, 4]), torch.Size([2, 1, 4]), True)
    """

    def __init__(
        self,
        *args: Any,
        layer_norm: bool = False,
        zoneout: float | tuple[float, float] = 0.0,
        peepholes: bool = False,
        **kwargs: Any,
    ) -> None:
        make(self, super().__init__, *args, **kwargs)
        self.add_options(layer_norm, zoneout, peepholes)

    def forward(  # type: ignore[override]
        self,
        input: Input,
        hx: tuple[Tensor, Tensor] | None = None,
        resets: Tensor | None = None,
        lengths: Lengths = None,
        return_all: bool = False,
    ) -> tuple[Input, tuple[Tensor, Tensor]] | tuple[Input, tuple[Tensor, Tensor], Traces]:
        """Return the last layer's outputs, every layer's last (h, c), laid out as torch does; traces if asked for."""
        if isinstance(input, Proxy):
            return leaf(self, input, hx, resets=resets, lengths=lengths, return_all=return_all)
        output, (h_n, c_n), traces = run_layer(self, input, hx, resets, lengths, return_all)
        return (output, (h_n, c_n), traces) if return_all else (output, (h_n, c_n))

    def stream(self, batch: int = 1) -> Stream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.Stream`."""
        return Stream(self, batch)
