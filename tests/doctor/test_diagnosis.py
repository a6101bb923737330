"""The doctor: what it reports, what it finds wrong, and that its bounds are those of the tests."""

import json
import math
from dataclasses import replace
from importlib import metadata

import pytest
import torch
from typer.testing import CliRunner

from chainrule import nn
from chainrule.cli.app import app
from chainrule.doctor import Diagnosis, diagnose, environment
from chainrule.doctor.cases import CASES
from chainrule.doctor.self_test import _difference
from chainrule.errors import ArgumentError
from chainrule.ops.convolution.dispatch import BACKENDS as OF_CONVOLUTION
from chainrule.ops.recurrence.backends import BACKENDS as OF_RECURRENCE
from tests.tolerances import RELATIVE, close_scan


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return diagnose(seconds=0.0)


def test_every_backend_is_tried_on_every_operation(found: Diagnosis) -> None:
    tried = {(each.operation, each.backend) for each in found.tried if each.device == "cpu"}
    for case in CASES:
        backends = OF_RECURRENCE if case.op == "recurrence" else OF_CONVOLUTION
        assert {name for operation, name in tried if operation == case.name} == {*backends} - {"reference", "exported"}
    assert all((each.difference is None) == (each.why_not is not None) for each in found.tried)


def test_it_is_sound_here_and_the_kernels_are_what_is_taken(found: Diagnosis) -> None:
    assert found.sound
    assert {each.backend for each in found.tried if each.chosen and each.operation in ("gru", "lstm")} == {"cpu"}
    assert all(sum(each.chosen for each in found.tried if each.operation == case.name) == 1 for case in CASES)


def test_its_bounds_are_those_of_the_tests() -> None:
    gru = next(case for case in CASES if case.name == "gru")
    x, weight_ih, weight_hh, *_ = gru.small().tensors
    steps = x.shape[1]
    hidden = weight_hh.shape[1]
    assert gru.bound("cpu") == pytest.approx(1e-6 * (steps + math.sqrt(hidden)))
    expected = torch.ones(3, dtype=torch.float64)
    close_scan((expected + 0.9 * gru.bound("cpu")).float(), expected, steps, hidden)
    with pytest.raises(AssertionError):
        close_scan((expected + 2.2 * gru.bound("cpu")).float(), expected, steps, hidden)
    assert gru.bound("fft") == RELATIVE[torch.float32]
    assert isinstance(nn.GRU(weight_ih.shape[1], hidden), torch.nn.GRU)


def test_what_computes_something_else_is_found(found: Diagnosis) -> None:
    wrong = Diagnosis(found.environment, (replace(found.tried[0], difference=0.1), *found.tried[1:]))
    assert not wrong.sound
    assert "the results of cpu are wrong on this machine" in str(wrong).replace("The", "the")


@pytest.mark.parametrize("k", range(3))
def test_a_gradient_that_is_no_number_is_wrong(found: Diagnosis, k: int) -> None:
    """Whichever it is: to Python, NaN is not the largest of several."""
    expected = [torch.zeros(2, 2, dtype=torch.float64) for _ in range(3)]
    passed = [each.clone() for each in expected]
    passed[k][1, 0] = math.nan
    wrong = replace(found.tried[0], difference=_difference(passed, expected))
    assert not wrong.agrees
    assert json.loads(json.dumps(wrong.to_dict(), allow_nan=False))["agrees"] is False


def test_a_wrong_kernel_ends_the_command_with_1(monkeypatch: pytest.MonkeyPatch, found: Diagnosis) -> None:
    wrong = Diagnosis(found.environment, (replace(found.tried[0], difference=0.1), *found.tried[1:]))
    monkeypatch.setattr("chainrule.doctor.diagnosis.try_backends", lambda seconds, advance: iter(wrong.tried))
    result = CliRunner().invoke(app, ["doctor", "--seconds", "0", "--json"])
    assert result.exit_code == 1
    values = json.loads(result.stdout)
    assert values["sound"] is False
    assert values["self_test"][0]["difference"] == 0.1
    assert values["environment"]["torch"] == torch.__version__


def test_speeds_are_ratios_of_torchs(found: Diagnosis) -> None:
    timed = replace(found.tried[0], seconds=0.5, torch_seconds=1.5)
    assert timed.speed == 3.0
    assert found.tried[0].speed is None
    assert "3.00" in str(Diagnosis(found.environment, (timed,)))


def test_extras_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without_pandas(name: str) -> str:
        if name == "pandas":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_pandas)
    told = environment.environment()
    assert told["extra app"] == "without pandas (pip install '.[app]', in a clone of chainrule)"
    assert not {f"extra {name}" for name in environment.FOR_DEVELOPERS} & told.keys()


def test_no_time_is_no_number_below_zero() -> None:
    with pytest.raises(ArgumentError, match="`seconds` is -1; expected"):
        diagnose(-1)
