"""Every setting, of every model, of every kind of data: it applies and is in the run's config, or it is refused."""

from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

import chainrule
from chainrule import ModelSettings, Reading, TrainingSettings
from chainrule._settings import settings_of
from chainrule.errors import ArgumentError
from chainrule.models import MODELS
from chainrule.models.settings import family
from chainrule.runs.fitting.asked import Asked, applying
from chainrule.runs.fitting.plan import plan
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.registry import KINDS
from tests.runs.cases import ar1, panel, series, symbols
from tests.runs.fitting.test_resuming import labelled

pytestmark = pytest.mark.usefixtures("without_figures")

DATA: dict[str, Data] = {
    "symbols": symbols(600),
    "series": series(ar1(200)),
    "panel": panel(),
    "images": labelled("images"),
    "sound": labelled("sound"),
}
OTHER: dict[str, Any] = {  # a value of every setting that is not what a fit would choose
    "hidden": 5,
    "window": 5,
    "dropout": 0.125,
    "mix": {"symbols": "none", "series": "ngram", "panel": "ngram", "images": "ngram", "sound": "ngram"},
    "layer_norm": True,
    "ngram_embedding": 2,
    "ngram_dropout": 0.25,
    "precision": "bfloat16",
    "skip": False,
    "layers": 2,
    "tied": True,
    "head": "student",
    "horizon": 3,
    "stable": True,
    "learned_start": True,
    "order": 3,
    "learning_rate": 0.5,
    "weight_decay": 0.25,
    "optimiser": "sgd",  # see _other
    "schedule": "cosine",  # see _other
    "patience": 3,
    "refit": {"symbols": False, "series": False, "panel": False, "images": True, "sound": True},
    "tbptt": (3, 6),
    "memory": "1MB",
    "batch": 7,
    "clip": 0.001,
    "clip_value": 0.5,
    "accumulate": 2,
    "average": 0.9,
    "bptt": "auto",
    "random_windows": True,
    "shuffle": True,
    "state_dropout": 0.1,
    "scheduled_sampling": 0.5,
}
OF_MODEL = settings_of(ModelSettings)
OF_TRAINING = settings_of(TrainingSettings)
CASES = [(kind, model) for kind in KINDS for model in KINDS[kind].models]


def planned(kind: str, model: str, given: dict[str, Any], **budget: Any) -> RunConfig:
    solved = KINDS[kind].solves(model, given.get("head", "gaussian"))
    budget = {"minutes": None, "steps": None if solved else 3, "seed": None} | budget
    asked = Asked.of(
        {name: value for name, value in given.items() if name in OF_MODEL},
        {name: value for name, value in given.items() if name in OF_TRAINING},
    )
    return plan(DATA[kind], model, asked, Reading(), **budget).config


def test_every_setting_has_another_value_here() -> None:
    assert OTHER.keys() == {*OF_MODEL, *OF_TRAINING}
    assert set(DATA) == set(KINDS)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("kind", "model"), CASES)
@pytest.mark.parametrize("name", OTHER)
def test_it_applies_and_changes_the_config_or_is_refused(name: str, kind: str, model: str) -> None:
    value = _other(name, kind, model)
    given = {name: value} | ({"bptt": "full"} if name == "memory" else {})
    each = {**OF_MODEL, **OF_TRAINING}[name]
    if not each.applies(family(model), KINDS[kind].has):
        with pytest.raises(ArgumentError, match=rf"`{name}=.*` applies to .*, not to .*\. Leave it out"):
            planned(kind, model, {name: value})
    elif KINDS[kind].solves(model, given.get("head", "gaussian")) and not each.solved:
        with pytest.raises(ArgumentError, match=rf"without training or chance\. Leave out .*`{name}`"):
            planned(kind, model, given)
    else:
        before = _left_open(kind, model, "full" if name == "memory" else "truncated")
        # a width that it changes by the way would hide that it is ignored
        fixed = {"hidden": before.model.hidden} if OF_MODEL["hidden"].applies(family(model), KINDS[kind].has) else {}
        after = planned(kind, model, fixed | given)
        assert after != before
        assert asdict(after) != asdict(before)


def _other(name: str, kind: str, model: str) -> Any:
    is_recurrent_on_text = kind == "symbols" and family(model) == "recurrent"
    if name == "optimiser":
        return "adamw" if is_recurrent_on_text else "muon"
    if name == "schedule":
        return "cosine" if is_recurrent_on_text else "wsd"
    return OTHER[name][kind] if isinstance(OTHER[name], dict) else OTHER[name]


@cache
def _left_open(kind: str, model: str, bptt: str) -> RunConfig:
    """What a model is compared with is solved, but for a head that makes the difference."""
    steps = None if KINDS[kind].solves(model, "gaussian") else 3
    return planned(kind, model, {"bptt": "full"} if bptt == "full" else {}, steps=steps)


@pytest.mark.parametrize("budget", [{"steps": 3}, {"minutes": 0.1}, {"seed": 1}])
def test_a_budget_or_a_seed_of_what_is_solved_is_refused(budget: dict[str, Any]) -> None:
    for kind, model in (("series", "ar"), ("symbols", "ngram")):
        with pytest.raises(ArgumentError, match=f"without training or chance. Leave out `{next(iter(budget))}`"):
            planned(kind, model, {}, **budget)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hiden": 3}, "there is no setting `hiden` of a model; .* Did you mean 'hidden'"),
        ({"clip": 3}, "`clip` is no setting of a model. Give it in `training=TrainingSettings"),
        ({"columns": "a"}, "`columns` is no setting of a model. Give it in `reading=Reading"),
        ({"training": {"hidden": 3}}, "`hidden` is no setting of training. Give it to fit itself"),
        ({"training": {"learning_rat": 3}}, "Did you mean 'learning_rate'"),
        ({"training": 3}, "`training` is a int; expected TrainingSettings or a mapping"),
        ({"reading": {"colums": "a"}}, "Did you mean 'columns'"),
        ({"reading": "a"}, "`reading` is a str; expected a Reading or a mapping"),
    ],
)
def test_settings_that_there_are_not_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        chainrule.fit("sunspots", **options)


def test_settings_as_a_dataclass_and_as_a_mapping_ask_for_the_same() -> None:
    given = {"learning_rate": 0.5, "tbptt": (3, 6)}
    first = Asked.of({}, TrainingSettings(**given))  # type: ignore[arg-type]
    assert first == Asked.of({}, given)


@pytest.mark.slow
def test_a_setting_of_some_of_the_models_is_for_these_alone(tmp_path: Any) -> None:
    chainrule.compare(series(ar1(100)), ["ar", "mlp", "gru"], layer_norm=True, hidden=2, steps=1, out=tmp_path / "c")
    configs = {name: chainrule.load(tmp_path / "c" / name).config.model for name in ("ar", "mlp", "gru")}
    assert {name: config.layer_norm for name, config in configs.items()} == {"ar": False, "mlp": False, "gru": True}
    assert (configs["mlp"].hidden, configs["gru"].hidden) == (2, 2)


def test_each_model_takes_some_of_the_settings() -> None:
    for name in MODELS:
        assert any(each.applies(family(name)) for each in OF_MODEL.values())


def test_a_run_is_told_of_by_the_settings_that_apply_to_it() -> None:
    counted = applying(planned("symbols", "ngram", {}, steps=None))
    assert counted["model"].keys() == {"name", "order"}
    assert counted["training"] == {}
    assert {"encoding", "unit"} <= counted["reading"].keys()
    assert not {"season", "rate", "transform", "labels"} & counted["reading"].keys()
    trained = applying(planned("series", "gru", {}, steps=3))
    assert {"hidden", "window", "layer_norm"} <= trained["model"].keys()
    assert not {"order", "tied", "stable", "ngram_embedding"} & trained["model"].keys()
    assert {"steps", "seed", "learning_rate"} <= trained["training"].keys()
