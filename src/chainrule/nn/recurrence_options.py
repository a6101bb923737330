"""What chainrule's recurrent layers have beyond torch.nn's: layer normalisation, peepholes, zoneout, reset_after."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter, init

from chainrule.errors import ArgumentError
from chainrule.nn.recording import Recordable
from chainrule.ops.recurrence.call import Zoneout
from chainrule.ops.recurrence.cells import GRU, GRU_RESET_BEFORE, LSTM, RNN_RELU, RNN_TANH
from chainrule.ops.recurrence.cells.spec import CellSpec, parameter_name

__all__ = ["Optioned", "cell_of", "state_widths", "zoneout_rates"]

_Rates = float | tuple[float, float]
_CELLS = {cell.name.upper(): cell for cell in (RNN_TANH, RNN_RELU, GRU, LSTM)}  # by torch's mode


class Optioned(Recordable, torch.nn.RNNBase):
    """The options of a layer. Its parameters exist only where an option asks for them.

    The defaults belong to the class, as a layer of torch.nn that becomes chainrule's has no attributes for them.
    """

    layer_norm: bool = False
    peepholes: bool = False
    zoneout: _Rates = 0.0
    reset_after: bool = True

    @property
    def cell_spec(self) -> CellSpec:
        """The cell of the layer."""
        return _CELLS[self.mode] if self.reset_after else GRU_RESET_BEFORE

    def add_options(self, layer_norm: bool, zoneout: _Rates, peepholes: bool = False, reset_after: bool = True) -> None:
        for name, value in (("layer_norm", layer_norm), ("peepholes", peepholes), ("reset_after", reset_after)):
            if not isinstance(value, bool):
                raise ArgumentError(f"{name} must be True or False, got {value!r}.")
        self.layer_norm = layer_norm
        self.peepholes = peepholes
        self.reset_after = reset_after
        if isinstance(zoneout, Tensor):  # which would become a buffer
            raise ArgumentError("zoneout must be a rate from 0 to below 1, got a tensor.")
        self.zoneout = zoneout
        cell = self.cell_spec
        if layer_norm and "layer_norm" not in cell.options:
            raise ArgumentError(f"the cell {cell.name} has no layer normalisation: leave `layer_norm` out.")
        if zoneout and not cell.zoneout:
            raise ArgumentError(f"the cell {cell.name} has nothing that zoneout may keep: leave `zoneout` out.")
        for rate in self._rates():
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
                pair = " or a pair of them, for h and c," if len(self.cell_spec.zoneout) == 2 else ""
                raise ArgumentError(f"zoneout must be a rate from 0 to below 1,{pair} got {zoneout!r}.")
        like = next(self.parameters())
        for suffix in self._suffixes():
            for name, shape in self._own_shapes().items():
                self.register_parameter(name + suffix, Parameter(like.new_empty(shape)))
        self._reset_options()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as torch does; gains are 1 and their offsets 0."""
        super().reset_parameters()
        self._reset_options()

    def _reset_options(self) -> None:
        for suffix in self._suffixes():
            for name in self._own_shapes():
                parameter = self.get_parameter(name + suffix)
                if name == "weight_peep":
                    bound = 1 / math.sqrt(self.hidden_size)
                    init.uniform_(parameter, -bound, bound)
                else:
                    init.constant_(parameter, 0 if name.startswith("bias") else 1)

    def _suffixes(self) -> list[str]:
        """What ends the names of each layer's and direction's parameters."""
        return [names[0].removeprefix("weight_ih") for names in self._all_weights]

    def _own_symbols(self) -> list[str]:
        """The symbols of the options' weights."""
        used = [name for name in ("layer_norm", "peepholes") if getattr(self, name)]
        return [symbol for name in used for symbol in self.cell_spec.options[name]]

    def _own_shapes(self) -> dict[str, tuple[int, ...]]:
        """The options' weights, named as the arguments of the op, and their shapes."""
        symbols = self._own_symbols()
        if not symbols:  # in which case there may be no cell yet
            return {}
        shapes = self.cell_spec.shapes(self.input_size, self.hidden_size, self.proj_size or None)
        return {parameter_name(symbol): shapes[symbol] for symbol in symbols}

    def _rates(self) -> tuple[Any, ...]:
        """The rates of zoneout, one for each part of the state that it may keep."""
        parts = len(self.cell_spec.zoneout)
        if parts == 2 and isinstance(self.zoneout, tuple | list) and len(self.zoneout) == 2:
            return tuple(self.zoneout)
        return (self.zoneout,) * parts

    def weights_of(self, k: int) -> Any:
        """The weights of layer and direction k, those of options among them, as the cell's named tuple."""
        names = self._all_weights[k]
        values: list[Any] = list(map(self._parameters.get, names))
        if torch.compiler.is_compiling() or any(value is None for value in values):
            values = [getattr(self, name) for name in names]  # slower, and finds parametrised ones too
        cell = self.cell_spec
        if cell.is_in_order and self.bias and not self.has_options:
            return cell.container(*values)
        suffix = names[0].removeprefix("weight_ih")
        named = {name.removesuffix(suffix): value for name, value in zip(names, values, strict=True)}
        own = map(parameter_name, self._own_symbols())  # no shapes, which take longer than a small layer's step
        return cell.holding(named | {name: getattr(self, name + suffix) for name in own})

    def has_own_forward(self) -> bool:
        """Whether a subclass, or the object itself, computes something else than the layer does."""
        forward = type(self).forward
        return "forward" in self.__dict__ or not forward.__module__.startswith("chainrule.nn.")

    def zoneout_of(self, x: Tensor) -> Zoneout:
        """What zoneout keeps of each part of the state that it may keep, over x (batch, time, input).

        While training, whether a unit keeps its value is drawn for each unit and step; else it is the rate.
        """
        if not self.zoneout:
            return (None,) * len(self.cell_spec.zoneout)
        rates = self._rates()
        if not self.training:
            return rates
        widths = dict(zip(self.cell_spec.state, state_widths(self), strict=True))
        shapes = [(*x.shape[:2], widths[part]) for part in self.cell_spec.zoneout]
        return tuple(
            torch.empty(shape, dtype=torch.bool, device=x.device).bernoulli_(rate) if rate else 0.0
            for shape, rate in zip(shapes, rates, strict=True)
        )

    @property
    def has_options(self) -> bool:
        """Whether any option was given, if only a rate of 0."""
        return bool(self.layer_norm or self.peepholes or self.zoneout or not self.reset_after)

    def used_options(self) -> dict[str, Any]:
        """The options that make the layer differ from torch.nn's."""
        options: dict[str, Any] = {"layer_norm": self.layer_norm} if self.layer_norm else {}
        if any(self._rates()):
            options["zoneout"] = self.zoneout
        if self.peepholes:
            options["peepholes"] = True
        return options if self.reset_after else options | {"reset_after": False}

    def why_not_torchs(self) -> str | None:
        """The options that torch.nn does not have."""
        options = ", ".join(f"{name}={value}" for name, value in self.used_options().items())
        return f"torch.nn has no {options}" if options else None

    def extra_repr(self) -> str:
        """torch's, and the options that are used."""
        return super().extra_repr() + "".join(f", {name}={value}" for name, value in self.used_options().items())


def cell_of(layer: torch.nn.RNNBase) -> CellSpec:
    """The cell of torch's or chainrule's layer."""
    if isinstance(layer, Optioned):
        return layer.cell_spec
    return _CELLS[layer.mode]


def state_widths(layer: torch.nn.RNNBase) -> tuple[int, ...]:
    """How wide each part of a layer's state is."""
    return (layer.proj_size or layer.hidden_size,) + (layer.hidden_size,) * (len(cell_of(layer).state) - 1)


def zoneout_rates(layer: torch.nn.RNNBase) -> tuple[float, ...]:
    """The rate of zoneout of each part of a layer's state."""
    cell = cell_of(layer)
    rates = dict(zip(cell.zoneout, layer._rates(), strict=True)) if isinstance(layer, Optioned) else {}
    return tuple(rates.get(part, 0.0) for part in cell.state)
