"""Models without their weights: their size and layers, found without the time that it takes to make them."""

import sys

import pytest
from torch import nn

import chainrule
from chainrule import Run
from chainrule.runs.kinds.building import build, count_parameters, layers_in
from chainrule.training import BEST, load_tensors

RUNS = ("text_run", "series_run", "digits_run")


@pytest.fixture(params=RUNS)
def run(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def test_sizes_are_those_of_the_model_that_is_made(run: Run) -> None:
    weights = load_tensors(run.path / ("final.safetensors" if run.config.data.kind == "symbols" else BEST))[0]
    shapes = {name: weight.shape for name, weight in weights.items()}
    assert count_parameters(run.config.data, run.config.model, shapes) == run.parameters


def test_layers_are_those_that_hold_no_others(digits_run: Run) -> None:
    names = layers_in(digits_run.config.data, digits_run.config.model)
    made = build(digits_run.config.data, digits_run.config.model)
    assert names
    assert all(not isinstance(made.get_submodule(name), nn.Sequential) for name in names)
    assert digits_run.look(example=0).maps(names[0]).y.ndim == 3  # type: ignore[union-attr]


def test_to_open_a_run_imports_nothing_of_compilation(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # to import it is an error
    assert chainrule.load(run.path).parameters == run.parameters
