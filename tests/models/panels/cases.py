"""Models of panels that the laws are stated over, in float64, and the panels that they see."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.data import Panel
from chainrule.data.panels.panel import Covariate, Covariates
from chainrule.models import LATENT, ModelConfig, PanelInputs, PanelModel, PanelTensors, build_panel_model

HORIZON = 5
MODELS = ("ar", "mlp", "conv", *LATENT)
ABOUT = Covariates(
    known=(Covariate("price"), Covariate("holiday", ("easter", "none"))),
    past=(Covariate("visitors"),),
    static=(Covariate("area"), Covariate("region", ("north", "south"))),
    calendar=("weekday",),
)


def dated_panel(lengths: tuple[int, ...] = (40, 33, 57), *, missing: float = 0.1, seed: int = 0) -> Panel:
    """Daily counts with every kind of covariate, gaps, and a series of another size."""
    random = np.random.default_rng(seed)
    rows = sum(lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    size = np.repeat(10.0 ** np.arange(1, len(lengths) + 1), lengths)
    values = random.poisson(size).astype(np.float64)
    values[random.random(rows) < missing] = np.nan
    for first, last in pairwise(starts):
        values[[first, last - 1]] = size[first]
    known = np.stack([random.random(rows), random.integers(0, 2, rows)], axis=1).astype(np.float64)
    known[1, 0] = np.nan
    dates = np.concatenate([np.datetime64("2024-01-01") + np.arange(n) for n in lengths]).astype("datetime64[ns]")
    return Panel(
        values,
        starts,
        tuple(f"shop {i}" for i in range(len(lengths))),
        dates=dates,
        freq="D",
        season=7,
        covariates=ABOUT,
        known=known,
        past=random.random((rows, 1)),
        static=np.stack([random.random(len(lengths)), np.arange(len(lengths)) % 2.0], axis=1),
    )


def alone(panel: Panel) -> Panel:
    """The panel without what stands beside its target."""
    blank = np.empty((0, 0))
    return replace(panel, covariates=Covariates(), known=blank, past=blank, static=blank)


def inputs_of(panel: Panel) -> PanelInputs:
    return PanelInputs.of(panel, np.ones(len(panel.values), dtype=bool))


def tensors_of(panel: Panel, inputs: PanelInputs | None = None) -> PanelTensors:
    """The rows of the panel, all numbers in float64."""
    made = PanelTensors.of(panel, inputs_of(panel) if inputs is None else inputs)
    doubled = {
        name: each.double() if each.dtype == torch.float32 else each
        for name, each in vars(made).items()
        if each is not None
    }
    return PanelTensors(**doubled)


def model_of(name: str, inputs: PanelInputs, head: str = "quantile", skip: int = 3) -> PanelModel:
    """A model with weights drawn anew, the last ones too, which are zeros at first."""
    torch.manual_seed(0)
    config = ModelConfig(name, hidden=6, window=8, head=head, horizon=HORIZON, skip=skip)  # type: ignore[arg-type]
    model = build_panel_model(config, inputs).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def origins_of(panel: Panel) -> NDArray[np.int64]:
    """Some rows of every series to forecast from."""
    return np.concatenate([np.arange(first + 3, last, 4) for first, last in pairwise(panel.starts)])
