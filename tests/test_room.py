"""Sizes beyond the machine's memory: refused before anything is tried, with what would fit."""

import time
from pathlib import Path
from typing import Any

import pytest

import chainrule
from chainrule import _room
from chainrule._room import check_room, memory
from chainrule.errors import ArgumentError
from chainrule.models import ModelConfig
from chainrule.runs.kinds.building import build, weights_in
from tests.runs.cases import ar1, series, symbol_config, symbols

pytestmark = pytest.mark.usefixtures("without_figures")


def test_the_machine_has_memory() -> None:
    assert 2**28 < memory() <= 2**63


def test_a_container_s_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    monkeypatch.setattr(_room, "_LIMIT", tmp_path / "memory.max")
    assert memory() == 10**6
    (tmp_path / "memory.max").write_text("max\n")
    assert memory() > 10**6


def test_what_would_fit_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_room, "memory", lambda: 10**6)
    check_room("it", lambda a, b: a * b, a=1000, b=1000)
    with pytest.raises(ArgumentError, match=r"`a` is 5,000: it would take 5 MB, and this machine has 1 MB\."):
        check_room("it", lambda a, b: a * b, a=5000, b=1000)
    with pytest.raises(ArgumentError, match=r"At most about 9[0-9]0 would fit"):
        check_room("it", lambda a, b: a * b, a=5000, b=1000)
    with pytest.raises(ArgumentError, match=r"`a` 5, `b` 7: it would take 2 MB.*Use smaller sizes"):
        check_room("it", lambda a, b: 2 * 10**6, a=5, b=7)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "conv", "mlp", "ar"])
@pytest.mark.parametrize("layers", [1, 2, 3, 4, 6])
def test_weights_are_counted_without_being_made(name: str, layers: int) -> None:
    config = symbol_config(symbols(400)).data
    model = ModelConfig(name, 8, layers=None if name == "ar" else layers, window=2)
    made = build(config, model)
    held = sum(t.numel() * t.element_size() for t in [*made.parameters(), *made.buffers()])
    assert weights_in(config, model) == held


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gru", "hidden": 10**7}, "`hidden` is 10,000,000: the gru of .* would take .*B.*At most about"),
        ({"model": "conv", "hidden": 10**7}, "`hidden` is 10,000,000"),
        ({"model": "lstm", "hidden": 10**5, "layers": 1000}, "`hidden` is 100,000"),
        (
            {"model": "gru", "hidden": 10**12},
            "`hidden` is 1000000000000; expected .* at most 100,000,000",
        ),
        ({"model": "gru", "layers": 10**9}, "`layers` is 1000000000; expected a whole number .* at most 1,000"),
        ({"model": "gru", "training": {"learning_rate": 1e300}}, r"`learning_rate` is 1e\+300; expected"),
        ({"model": "gru", "training": {"accumulate": 10**12}}, "`accumulate` is 1000000000000; expected"),
    ],
)
def test_fits_that_ask_for_too_much(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(ArgumentError, match=message):
        chainrule.fit(symbols(2000), out=tmp_path / "run", quiet=True, steps=1, **options)
    assert time.process_time() - began < 60
    assert not (tmp_path / "run").exists()


def test_paths_that_ask_for_too_much(tmp_path: Path) -> None:
    run = chainrule.fit(series(ar1(100)), "ar", window=2, out=tmp_path / "run", quiet=True)
    with pytest.raises(ArgumentError, match="`paths` is 1,000,000,000,000: the paths would take"):
        run.forecast(3, paths=10**12)
    with pytest.raises(ArgumentError, match="`horizon` is 1,000,000,000,000: the paths would take"):
        run.forecast(10**12)
    with pytest.raises(ArgumentError, match="`length` is 1,000,000,000,000: the paths would take"):
        run.sample(10**12)
    with pytest.raises(ArgumentError, match=r"`paths` is 1,000,000,000,000: the paths from . origins would take"):
        run.backtest(horizon=3, paths=10**12)
