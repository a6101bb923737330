"""Configs: a faithful round trip, and a clear word about every broken, foreign or mixed-up run folder."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule
from chainrule import Run
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.runs.folder.config import RunConfig
from chainrule.training import load_tensors, save_tensors
from tests.fuzz.judge import bounded_memory
from tests.runs.cases import symbols

pytestmark = pytest.mark.usefixtures("without_figures")


def test_a_config_survives_its_file(text_run: Run, series_run: Run, digits_run: Run) -> None:
    for run in (text_run, series_run, digits_run):
        assert RunConfig.load(run.path) == run.config


def test_the_config_is_json_that_people_can_read(text_run: Run) -> None:
    values = json.loads((text_run.path / "config.json").read_text())
    assert values["source"].endswith("words.txt")
    assert values["model"]["name"] == "lstm"
    assert values["training"]["steps"] == 12
    assert values["data"]["alphabet"]["kind"] == "characters"


@pytest.fixture
def copy(text_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(text_run.path, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a config that chainrule wrote"),
        ('{"format": 3', "not a config that chainrule wrote"),
        ("[]", "not a config that chainrule wrote"),
        ("{}", "it names no format"),
        ('{"format": 6}', "it lacks 'source', 'reading', 'model', 'training', 'data'"),
        ('{"format": 1}', "has format 1; this version of chainrule reads 6. Use the version that wrote it"),
        ('{"format": 99}', "has format 99; this version of chainrule reads 6"),
    ],
)
def test_a_broken_config_is_named(copy: Path, content: str, message: str) -> None:
    (copy / "config.json").write_text(content)
    with pytest.raises(RunFormatError, match=message) as caught:
        chainrule.load(copy)
    assert "config.json" in str(caught.value)


def test_what_a_config_is_refused_for_names_the_setting(copy: Path) -> None:
    values = json.loads((copy / "config.json").read_text())
    values["training"]["memory"] = 1
    (copy / "config.json").write_text(json.dumps(values))
    with pytest.raises(RunFormatError, match=r'full gradient alone: add `bptt="full"`\. It was cut short'):
        chainrule.load(copy)


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path, what in ((tmp_path, "has no config.json"), (tmp_path / "no", "not exist"), (tmp_path / "file", "a file")):
        with pytest.raises(RunFormatError, match=what):
            chainrule.load(path)


def _leaves(values: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(values, dict):
        return [path]
    return [path, *(leaf for key, value in values.items() for leaf in _leaves(value, (*path, key)))]


ODD: tuple[Any, ...] = (None, -1, 0, 7, 1.5, "odd", "", [], {}, [1], True)


@pytest.mark.parametrize("kind", ["text_run", "series_run", "digits_run"])
@given(data=st.data())
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_value_is_a_run_format_error_or_harmless(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, data: st.DataObject
) -> None:
    run: Run = request.getfixturevalue(kind)
    copy = Path(shutil.copytree(run.path, tmp_path / "copy", dirs_exist_ok=True))
    values = json.loads((run.path / "config.json").read_text())
    *path, last = data.draw(st.sampled_from(_leaves(values)[1:]))
    inner = values
    for key in path:
        inner = inner[key]
    if data.draw(st.booleans()):
        inner[last] = data.draw(st.sampled_from(ODD))
    else:
        del inner[last]
    (copy / "config.json").write_text(json.dumps(values))
    try:
        chainrule.load(copy)
    except (RunFormatError, UserWarning) as error:  # a warning: it may now look like a run whose fit did not end
        assert str(copy) in str(error)  # noqa: PT017 (not raising is right too)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("model", "hidden", 10**8),
        ("model", "hidden", 10**5),
        ("model", "layers", 1000),
        ("data", "end", [0, 10**6]),
        ("data", "season", 0),
        ("model", "layers", 10**18),
    ],
)
def test_sizes_that_are_not_the_weights_are_refused_before_memory_is_taken(
    copy: Path, part: str, name: str, value: object
) -> None:
    values = json.loads((copy / "config.json").read_text())
    values[part][name] = value
    (copy / "config.json").write_text(json.dumps(values))
    with bounded_memory(5 * 10**8), pytest.raises(RunFormatError, match=str(copy)):
        chainrule.load(copy)


def test_weights_that_are_not_finite_are_named(copy: Path) -> None:
    weights, about = load_tensors(copy / "final.safetensors")
    name = next(iter(weights))
    save_tensors(copy / "final.safetensors", weights | {name: torch.full_like(weights[name], torch.nan)}, about)
    with pytest.raises(RunFormatError, match=f"the weights {name} are not finite"):
        chainrule.load(copy)


def test_broken_weights_are_named(copy: Path) -> None:
    name = "final.safetensors"
    whole = (copy / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\x80\x04K\x01."):
        (copy / name).write_bytes(content)
        with pytest.raises(RunFormatError, match=name):
            chainrule.load(copy)
    for gone in (name, "best.safetensors"):
        (copy / gone).unlink()
    with pytest.raises(RunFormatError, match=r"best\.safetensors is missing"):
        chainrule.load(copy)


def test_weights_of_another_run_do_not_fit(copy: Path, tmp_path: Path) -> None:
    other = chainrule.fit(symbols(400), "ar", window=4, steps=1, out=tmp_path / "other", quiet=True)
    shutil.copy(other.path / "final.safetensors", copy / "final.safetensors")
    with pytest.raises(RunFormatError, match=r"config\.json and .*final\.safetensors do not fit together"):
        chainrule.load(copy)


@pytest.mark.parametrize("source", ["..", ".", "../..", "-"])
def test_a_source_that_is_no_whole_path_leads_into_no_folder(copy: Path, source: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"source": source}))
    run = chainrule.load(copy)
    with pytest.raises(ArgumentError, match=rf"built-in data '{re.escape(source)}'"):
        run.score()
