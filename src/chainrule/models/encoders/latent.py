"""Latent encoders: a recurrent layer that folds the whole past into its state."""

from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from chainrule._torch import is_exporting
from chainrule.models.encoders.encoder import Encode, State
from chainrule.nn import GRU, LSTM, RNN, CellLayer
from chainrule.ops.plain import is_traced

__all__ = ["LatentEncoder"]

_LAYERS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}
"""The layers that torch.nn has too; those of all other cells are CellLayers."""


def _is_recorded() -> bool:
    return is_exporting() or is_traced()


class LatentEncoder(nn.Module):
    """A recurrent layer, of any cell by its name: the whole past folded into h_t (and c_t of the LSTM).

    Dropout of the features takes the same ones at all steps of a call (Gal & Ghahramani 2016, section 4).
    With ``learned_start`` a sequence, and what follows a reset, starts from a state that is learned instead of zeros;
    with ``layer_norm`` what enters the gates is normalised (Ba et al. 2016). With the precision "bfloat16" the layer is
    run under torch.autocast: its products multiply what is rounded to it, but in recordings for elsewhere.

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
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self.out_features = hidden
        self.receptive_field: int | None = None
        between = dropout if layers > 1 else 0.0  # torch warns of dropout with nothing to drop between
        layer = _LAYERS[cell] if cell in _LAYERS else partial(CellLayer, cell)
        self.cell = layer(in_features, hidden, layers, dropout=between, batch_first=True, layer_norm=layer_norm)
        self.dropout = nn.Dropout1d(dropout)
        self.rounds = precision == "bfloat16"
        self.start = nn.ParameterList()
        if learned_start:
            self.start.extend(torch.zeros(layers, hidden) for _ in self.cell.cell_spec.state)

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        if len(self.start) == 0:
            y, state = self._run(x, state, resets=resets)
        else:
            y, state = self._run_from_start(x, state, resets)
        return self.dropout(y.transpose(1, 2)).transpose(1, 2), state

    def _run_from_start(self, x: Tensor, state: State | None, resets: Tensor | None) -> tuple[Tensor, State]:
        """As ``_run``, from the learned state where there is none and after resets."""
        start = tuple(part.expand(len(x), *part.shape) for part in self.start)
        if state is None:
            state = start
        if resets is None or not resets.any():
            return self._run(x, state)
        return self._run_split(x, state, start, resets)

    def _run(self, x: Tensor, state: State | None, **where: Tensor | None) -> tuple[Tensor, State]:
        # The layer keeps its state as torch does, (layers, B, H); ours has the batch first.
        hx = None if state is None else tuple(s.transpose(0, 1).contiguous() for s in state)
        has_one_part = len(self.cell.cell_spec.state) == 1
        with torch.autocast(x.device.type, torch.bfloat16) if self.rounds and not _is_recorded() else nullcontext():
            y, h = self.cell(x, hx[0] if hx is not None and has_one_part else hx, **where)
        # A GPU's own op gives what it rounded as it is.
        return y.to(x.dtype), tuple(s.transpose(0, 1).to(x.dtype) for s in ((h,) if has_one_part else h))

    def _run_split(self, x: Tensor, state: State, start: State, resets: Tensor) -> tuple[Tensor, State]:
        """Run every stretch between two resets as a row of its own, since resets inside the layer are to zeros.

        Stretches less than twice as long as one another are run together, so that little of a batch is padding.
        """
        B, T = resets.shape
        begins = resets.clone()
        begins[:, 0] = True
        row, first = begins.nonzero(as_tuple=True)  # of every stretch
        is_last = torch.cat([row[1:] != row[:-1], row.new_ones(1, dtype=torch.bool)])  # of its row
        lengths = torch.where(is_last, T, first.roll(-1)) - first
        is_fresh = resets[row, first][:, None, None]
        states = tuple(torch.where(is_fresh, new[row], old[row]) for new, old in zip(start, state, strict=True))
        outputs = []
        places = []  # of the outputs, in all rows laid end to end
        ends = []
        order = []
        sizes = torch.tensor([length.bit_length() for length in lengths.tolist()], device=x.device)
        for size in sizes.unique():
            some = (sizes == size).nonzero()[:, 0]
            is_inside = torch.arange(int(lengths[some].max()), device=x.device) < lengths[some, None]
            steps = (first[some, None] + torch.arange(is_inside.shape[1], device=x.device)).clamp(max=T - 1)
            own = tuple(part[some] for part in states)
            y, end = self._run(x[row[some, None], steps], own, lengths=lengths[some])
            outputs.append(y[is_inside])
            places.append((row[some, None] * T + steps)[is_inside])
            ends.append(end)
            order.append(some)
        y = torch.cat(outputs)[torch.cat(places).argsort()].view(B, T, -1)
        last = torch.cat(order).argsort()[is_last]
        return y, tuple(torch.cat(parts)[last] for parts in zip(*ends, strict=True))

    def streamed(self, state: State | None, rows: int) -> Encode:
        return self
