"""Layers of any cell: minGRU, sLSTM, and cells of your own."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.fx import Proxy
from torch.nn import Parameter

from chainrule.nn.making import make
from chainrule.nn.recording import leaf
from chainrule.nn.recurrence_options import Optioned
from chainrule.nn.recurrence_running import Input, Lengths, run_layer
from chainrule.nn.streams.recurrent import Stream
from chainrule.ops.recurrence.cells import find_cell
from chainrule.ops.recurrence.cells.spec import CellSpec, parameter_name

__all__ = ["SLSTM", "CellLayer", "MinGRU"]


class CellLayer(Optioned):
    """A recurrent layer of any cell: one that the library knows by name, or a :class:`CellSpec` of your own.

    It is used as :class:`torch.nn.GRU` is: the same arguments, layouts, initialisation, and names of parameters. What
    chainrule's recurrent layers take beyond torch's, ``resets``, ``lengths`` and ``return_all``, it takes too.

    Args:
        cell: a cell's name, or a CellSpec.
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as torch.nn.GRU's.
        device, dtype: of the parameters.
        layer_norm: normalise what enters the gates (Ba et al. 2016), of a cell that has this option.
        zoneout: the rate at which units keep the value of the step before (Krueger et al. 2017).

    The state is a tensor of the shape of torch.nn.GRU's h_n, or a tuple of those where the cell's state has several
    parts.

    Raises:
        ArgumentError: there is no such cell, or an argument has a value that it cannot have.

    >>> layer = CellLayer("mingru", 3, 4, batch_first=True)
    >>> y, h_n = layer(torch.randn(2, 5, 3))
    >>> y.shape, h_n.shape, [name for name, _ in layer.named_parameters()]
    (torch.Size([2, 5, 4]), torch.Size([1, 2, 4]), ['weight_ih_l0', 'bias_ih_l0'])
    """

    def __init__(
        self,
        cell: str | CellSpec,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        layer_norm: bool = False,
        zoneout: float | tuple[float, ...] = 0.0,
    ) -> None:
        spec = find_cell(cell)
        make(
            self,
            partial(torch.nn.RNNBase.__init__, self, "RNN_TANH"),  # which checks what all layers have in common
            input_size=input_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            device=device,
            dtype=dtype,
        )
        self._cell = spec
        self.mode = spec.name.upper()
        self._make_weights()
        self.add_options(layer_norm, zoneout)  # type: ignore[arg-type]

    def _make_weights(self) -> None:
        """The cell's own weights in the place of those of torch's RNN."""
        like = next(self.parameters())
        suffixes = self._suffixes()
        for name in list(self._parameters):
            delattr(self, name)
        directions = 2 if self.bidirectional else 1
        self._all_weights = []
        for k, suffix in enumerate(suffixes):
            width = self.input_size if k < directions else self.hidden_size * directions
            shapes = self._cell.shapes(width, self.hidden_size)
            used = [symbol for symbol in self._cell.weights if self.bias or not symbol.startswith("b")]
            used.sort(key=lambda symbol: symbol != "W_ih")  # the first one's name tells the suffix of all
            names = {parameter_name(symbol) + suffix: shapes[symbol] for symbol in used}
            for name, shape in names.items():
                setattr(self, name, Parameter(like.new_empty(shape)))
            self._all_weights.append(list(names))
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self._init_flat_weights()
        self.reset_parameters()

    @property
    def cell_spec(self) -> CellSpec:
        """The cell of the layer."""
        return self._cell

    def flatten_parameters(self) -> None:
        """Nothing: this is for cuDNN, which does not have the cell."""

    def forward(
        self,
        input: Input,
        hx: Tensor | tuple[Tensor, ...] | None = None,
        resets: Tensor | None = None,
        lengths: Lengths = None,
        return_all: bool = False,
    ) -> tuple[Any, ...]:
        """Return the last layer's outputs and every layer's last state, laid out as torch does; traces if asked for."""
        if isinstance(input, Proxy):
            recorded: tuple[Any, ...] = leaf(self, input, hx, resets=resets, lengths=lengths, return_all=return_all)
            return recorded
        state = (hx,) if isinstance(hx, Tensor) and len(self._cell.state) == 1 else hx
        output, last, traces = run_layer(self, input, state, resets, lengths, return_all)  # type: ignore[arg-type]
        h_n = last[0] if len(last) == 1 else last
        return (output, h_n, traces) if return_all else (output, h_n)

    def stream(self, batch: int = 1) -> Stream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.Stream`."""
        return Stream(self, batch)

    def extra_repr(self) -> str:
        """torch's, with the cell's name first, and the options that are used."""
        named = "" if type(self) is not CellLayer else f"{self._cell.name}, "
        return named + super().extra_repr()


class MinGRU(CellLayer):
    """The minimal GRU (Feng et al. 2024, "Were RNNs all we needed?"), whose gates see the input alone.

    ::

        z_t = sigmoid(W_iz x_t + b_iz)
        n_t = W_in x_t + b_in
        h_t = (1 - z_t) h_{t-1} + z_t n_t

    weight_ih stacks W_iz and W_in; there is no weight_hh. Several layers on top of each other are what gives the gates
    a past. Arguments, input and output are those of :class:`CellLayer`.

    >>> layer = MinGRU(3, 4)
    >>> layer(torch.randn(5, 2, 3))[0].shape, layer.weight_ih_l0.shape
    (torch.Size([5, 2, 4]), torch.Size([8, 3]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("mingru", *args, **kwargs)


class SLSTM(CellLayer):
    """The sLSTM (Beck et al. 2024, "xLSTM"), whose input gate is exponential and whose memory is normalised.

    ::

        i_t = exp(a_i), f_t = sigmoid(a_f), z_t = tanh(a_z), o_t = sigmoid(a_o),
        with a = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
        c_t = f_t c_{t-1} + i_t z_t
        n_t = f_t n_{t-1} + i_t
        h_t = o_t c_t / n_t

    c and n are kept as multiples of exp(m_t), m_t = max(log f_t + m_{t-1}, log i_t), so that nothing overflows. Of the
    paper's two forget gates this is the sigmoid, as in its authors' code. The state is (h, c, n, m). weight_ih stacks
    the rows of i, f, z, o, and weight_hh likewise; the latter is one full matrix, one head in the paper's terms.
    Arguments, input and output are those of :class:`CellLayer`.

    >>> y, (h_n, c_n, n_n, m_n) = SLSTM(3, 4, num_layers=2)(torch.randn(5, 1, 3))
    >>> y.shape, n_n.shape
    (torch.Size([5, 1, 4]), torch.Size([2, 1, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("slstm", *args, **kwargs)
