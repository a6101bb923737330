"""Fitting: the folder it leaves, going on after an interruption, and what it refuses."""

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Reading, Run
from chainrule.errors import ArgumentError, DivergedError, RunError, RunExistsError, RunFormatError
from chainrule.models import select_order
from chainrule.runs import Score
from chainrule.runs.folder.config import read_asked
from chainrule.runs.folder.metrics_log import read_metrics
from chainrule.training import StreamFeed, load_tensors, weights_of
from tests.runs.cases import ar1, arranged, same_weights, series, symbols

pytestmark = pytest.mark.usefixtures("without_figures")

Interrupt = Callable[[int], None]


def fit(folder: Path, **options: object) -> Run:
    """A tiny GRU of text, saved at every step or so."""
    given = {"hidden": 4, "window": 8, "steps": 12, "batch": 4, "quiet": True, "out": folder} | options
    return chainrule.fit(symbols(600), **arranged(given))


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Sends this process Ctrl-C during the step given."""

    def at(step: int) -> None:
        backward = StreamFeed.backward
        taken = [0]

        def counted(self: StreamFeed, model: torch.nn.Module, spent: float) -> tuple[float, int]:
            taken[0] += 1
            if taken[0] == step:
                os.kill(os.getpid(), signal.SIGINT)
            return backward(self, model, spent)

        monkeypatch.setattr(StreamFeed, "backward", counted)

    return at


def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    first, again, other = (fit(tmp_path / str(i), seed=seed, dropout=0.1) for i, seed in enumerate((3, 3, 4)))
    assert torch.equal(torch.rand(2), expected)
    same_weights(first.model.state_dict(), again.model.state_dict())
    bias = "network.head.logits.bias"
    assert not torch.equal(first.model.state_dict()[bias], other.model.state_dict()[bias])


def test_an_interruption_is_saved_and_resuming_ends_where_an_unbroken_run_does(
    tmp_path: Path, interrupt: Interrupt
) -> None:
    whole = fit(tmp_path / "whole", dropout=0.1)
    with pytest.MonkeyPatch.context():
        interrupt(5)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "broken", dropout=0.1)
    assert load_tensors(tmp_path / "broken" / "last.safetensors")[1]["step"] == 5
    with pytest.warns(
        UserWarning, match=r"did not end: its weights are the best so far, of step \d, .*`resume=True` added"
    ):
        chainrule.load(tmp_path / "broken").sample(3)
    resumed = fit(tmp_path / "broken", dropout=0.1, resume=True)
    same_weights(resumed.model.state_dict(), whole.model.state_dict())
    steps = [record["step"] for record in read_metrics(resumed.path)]
    assert steps == sorted(set(steps))
    assert steps[-1] == 12


def test_a_finished_run_is_only_scored_again_and_a_larger_budget_goes_on(tmp_path: Path) -> None:
    first = fit(tmp_path / "run")
    metrics = read_metrics(first.path)
    again = fit(tmp_path / "run", resume=True)
    same_weights(again.model.state_dict(), first.model.state_dict())
    assert read_metrics(first.path) == metrics
    more = fit(tmp_path / "run", resume=True, steps=20)
    steps = [load_tensors(more.path / name)[1]["step"] for name in ("last.safetensors", "final.safetensors")]
    assert steps[0] == 17 < steps[1] <= 20
    assert chainrule.load(more.path).config.training.steps == 20


@pytest.mark.sampled(0)
@pytest.mark.parametrize("kept", [["config.json"], []])
def test_a_fit_that_was_killed_before_its_first_checkpoint_begins_again(kept: list[str], tmp_path: Path) -> None:
    whole = fit(tmp_path / "run")
    for path in whole.path.iterdir():
        if path.name not in kept:
            path.unlink()
    (tmp_path / "run" / ".config.json.1f00.partial").write_text('{"form')
    (tmp_path / "run" / ".lock").write_text("")
    afresh = (
        nullcontext() if kept else pytest.warns(UserWarning, match="holds no run to go on with: the fit begins afresh")
    )
    with afresh:
        again = fit(tmp_path / "run", resume=True)
    assert not [path for path in again.path.iterdir() if path.name.startswith(".")]
    same_weights(again.model.state_dict(), whole.model.state_dict())


def test_resuming_with_other_options_or_data_is_refused_by_name(tmp_path: Path) -> None:
    run = fit(tmp_path / "run")
    before = (run.path / "config.json").read_bytes()
    with pytest.raises(
        ArgumentError, match=r"`hidden` was 4 and is 5; .*`dropout` was 0.1 and is 0.5.*only `minutes`, `steps` and"
    ):
        fit(run.path, resume=True, hidden=5, dropout=0.5)
    with pytest.raises(ArgumentError, match="`seed` was 0 and is 1"):
        fit(run.path, resume=True, seed=1)
    with pytest.raises(ArgumentError, match="the data has changed"):
        chainrule.fit(symbols(601), hidden=4, window=8, steps=12, training={"batch": 4}, out=run.path, resume=True)
    with pytest.raises(ArgumentError, match="the source was None and is english"):
        chainrule.fit("english", hidden=4, window=8, steps=12, training={"batch": 4}, out=run.path, resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(RunFormatError, match=r"mine is not a run's folder: it has no config\.json"):
        fit(tmp_path / "mine", resume=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert (run.path / "config.json").read_bytes() == before


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    run = fit(tmp_path / "run")
    with pytest.raises(RunExistsError, match="resume=True"):
        fit(run.path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(RunExistsError, match=r"remove this one\.$"):
        fit(tmp_path / "mine")
    with pytest.raises(RunExistsError, match="exists"):
        fit(tmp_path / "mine" / "thesis.txt")
    with pytest.raises(RunError, match=r"cannot be made: .*thesis\.txt is a file"):
        fit(tmp_path / "mine" / "thesis.txt" / "run")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    assert fit(tmp_path / "empty").path.name == "empty"


def test_a_loss_that_becomes_nan_stops_and_keeps_the_best_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backward = StreamFeed.backward
    taken = [0]

    def spoilt(self: StreamFeed, model: torch.nn.Module, spent: float) -> tuple[float, int]:
        taken[0] += 1
        value, count = backward(self, model, spent)
        return (value * float("nan") if taken[0] == 9 else value), count

    monkeypatch.setattr(StreamFeed, "backward", spoilt)
    with pytest.raises(DivergedError, match=r"at step 9.*nan.*largest gradient.*best weights, of step \d+, are kept"):
        fit(tmp_path / "run")
    with pytest.warns(UserWarning, match="did not end"):
        assert len(chainrule.load(tmp_path / "run").sample(5)) == 5


def test_a_learning_rate_that_is_much_too_high_diverges_or_ends_but_never_passes_nan_on(tmp_path: Path) -> None:
    try:
        run = chainrule.fit(
            series(ar1(200) * 1e3),
            "rnn",
            hidden=4,
            steps=60,
            training={"learning_rate": 1e6, "clip": 1e9},
            out=tmp_path,
            quiet=True,
        )
    except DivergedError as error:
        assert "Try a `learning_rate` below 1e+06" in str(error)  # noqa: PT017 (either end is right)
    else:
        assert isinstance(run.result, Score)
        assert np.isfinite(run.result.log_prob).all()
        chainrule.load(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gruu"}, "`model` is 'gruu'.*Did you mean 'gru'"),
        ({"steps": 5, "minutes": 1.0}, "`minutes` or `steps`, not both"),
        ({"steps": 0}, "`steps` is 0; expected a whole number of at least 1"),
        ({"steps": None, "minutes": float("nan")}, "`minutes` is .*; expected a number above 0"),
        ({"hidden": 0}, "`hidden` is .*; expected a whole number"),
        ({"window": 0}, "`window` is .*; expected a whole number"),
        ({"dropout": 1.0}, "`dropout` is .*; expected a number"),
        ({"batch": 0}, "`batch` is .*; expected a whole number"),
        ({"seed": -1}, "`seed` is -1; expected a whole number of at least 0"),
        ({"head": "cauchy"}, "`head` is 'cauchy'"),
        ({"head": "student"}, '`head="student"` applies to series and panels, not to text and sound'),
        ({"model": "ar", "hidden": None, "tied": True}, "`tied=True` applies to mlp, conv, rnn, .*, not to ar"),
        ({"reading": Reading(transform="difference")}, "read already"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=message):
        fit(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_images_have_no_window(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"`window=5` applies to .*series.*, not to images"):
        chainrule.fit("digits", window=5, out=tmp_path / "run")


def test_without_out_the_folder_is_named_after_data_and_model(here: Path) -> None:
    run = chainrule.fit(series(), "ar", window=2, quiet=True)
    assert run.path == Path("runs/noise-ar")
    assert chainrule.load("runs/noise-ar").config == run.config


def test_the_source_is_found_from_any_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("x.txt").write_text("abab" * 50 + "ba" * 30)
    run = chainrule.fit("x.txt", "ar", window=2, steps=1, out="run", quiet=True)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert chainrule.load("../run").score().count == 26
    assert run.config.source == str(here / "x.txt")


@pytest.mark.slow
def test_parameters_and_the_receptive_field_are_reported(text_run: Run, series_run: Run, digits_run: Run) -> None:
    assert series_run.parameters == 5
    assert series_run.receptive_field == 3
    assert text_run.receptive_field is None
    assert digits_run.receptive_field is None


@pytest.mark.slow
def test_whole_numbers_may_be_numpys_and_nothing_else_may_be(here: Path) -> None:
    run = chainrule.fit("sunspots", "gru", hidden=np.int64(4), window=np.int32(8), steps=np.int64(2), quiet=True)  # type: ignore[arg-type]
    assert chainrule.load(run.path).config.model.window == 8
    for options in ({"hidden": "8"}, {"hidden": 8.5}, {"steps": 2.5}, {"seed": 1.5}, {"window": True}):
        with pytest.raises(ArgumentError, match="expected a whole number"):
            chainrule.fit("sunspots", "gru", **{"steps": 2, "out": "no"} | options)  # type: ignore[arg-type]
    assert not Path("no").exists()


def test_the_window_of_a_linear_ar_is_chosen_by_bic_on_the_training_part(here: Path) -> None:
    run = chainrule.fit("sunspots", "ar", quiet=True)
    train = chainrule.data.read("sunspots").values[:247]  # type: ignore[union-attr]
    assert run.receptive_field == select_order(torch.from_numpy((train - train.mean()) / train.std()), most=30)


@pytest.mark.slow
def test_the_metrics_of_a_run_that_died_and_went_on_are_those_of_one_that_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more steps than records, so that which steps are recorded depends on the last one that was."""
    backward = StreamFeed.backward
    calls = 0

    def dies(feed: StreamFeed, model: torch.nn.Module, spent: float) -> tuple[float, int]:
        nonlocal calls
        calls += 1
        if calls == 137:
            raise MemoryError
        return backward(feed, model, spent)

    whole = fit(tmp_path / "whole", steps=330)
    with monkeypatch.context() as patch:
        patch.setattr(StreamFeed, "backward", dies)
        with pytest.raises(MemoryError):
            fit(tmp_path / "died", steps=330)
    resumed = fit(tmp_path / "died", steps=330, resume=True)
    one, other = (
        [
            {k: v for k, v in record.items() if k not in ("seconds", "per_second", "reach")}
            for record in read_metrics(run.path)
        ]
        for run in (whole, resumed)
    )
    assert len(one) < 330
    assert one == other


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    "options",
    [
        {"tbptt": 4},
        {"tbptt": (4, 12)},
        {"tbptt": "4,12", "state_dropout": 0.2, "learned_start": True},
        {"tbptt": "auto"},
        {"bptt": "full", "memory": "4MB"},
        {"random_windows": True, "average": 0.9, "accumulate": 2, "clip_value": 0.5},
    ],
    ids=str,
)
def test_however_far_gradients_go_a_run_learns_resumes_and_loads(options: dict[str, object], tmp_path: Path) -> None:
    run = fit(tmp_path / "run", steps=9, **options)
    with pytest.raises(ArgumentError, match=r"`clip` was 1\.0 and is 2\.0"):
        fit(tmp_path / "run", steps=12, resume=True, clip=2.0, **options)
    more = fit(tmp_path / "run", steps=12, resume=True, **options)
    assert 9 < read_metrics(run.path)[-1]["step"] <= 12
    loaded = chainrule.load(tmp_path / "run")
    assert loaded.config == more.config
    same_weights(loaded.model.state_dict(), more.model.state_dict())


@pytest.mark.parametrize(
    ("model", "options", "normalised", "rate", "decay"),
    [
        ("gru", {}, False, 5e-3, 0.1),
        ("gru", {"layer_norm": True}, True, 2e-2, 0.1),
        ("lstm", {"layer_norm": True, "learning_rate": 1e-3, "weight_decay": 0.0}, True, 1e-3, 0.0),
    ],
)
def test_normalised_networks_learn_faster(
    model: str, options: dict[str, object], normalised: bool, rate: float, decay: float, tmp_path: Path
) -> None:
    run = fit(tmp_path / "run", model=model, steps=1, **options)
    training = run.config.training
    assert (run.config.model.layer_norm, training.learning_rate, training.weight_decay) == (normalised, rate, decay)
    assert any("ln_hh" in name for name in run.model.state_dict()) is normalised


@pytest.mark.parametrize(("model", "optimiser", "ngrams"), [("lstm", "muon", 4), ("conv", "adamw", 1)])
def test_recurrent_networks_of_text_have_ngram_embeddings_and_muon(
    model: str, optimiser: str, ngrams: int, tmp_path: Path
) -> None:
    run = fit(tmp_path / "run", model=model, steps=1)
    assert (run.config.training.optimiser, run.config.model.ngram_embedding) == (optimiser, ngrams)


def test_networks_of_series_are_not_normalised(tmp_path: Path) -> None:
    run = chainrule.fit(series(), "gru", hidden=4, steps=1, out=tmp_path / "run", quiet=True)
    assert (run.config.model.layer_norm, run.config.training.learning_rate) == (False, 5e-3)


def test_a_fit_keeps_what_it_was_asked_for(tmp_path: Path) -> None:
    rate = np.float64(0.01)
    run = fit(tmp_path / "run", model="gru", learning_rate=rate, tbptt=(4, 8), seed=np.int64(3), steps=2, mix="none")
    asked = {"model": "gru", "hidden": 4, "window": 8, "mix": "none", "steps": 2, "batch": 4}
    assert read_asked(run.path) == asked | {"learning_rate": 0.01, "tbptt": [4, 8], "seed": 3}
    for content in ("{", "[]"):
        (run.path / "asked.json").write_text(content)
        with pytest.raises(RunFormatError, match="Repeat the command that began it, with `resume=True`"):
            read_asked(run.path)


def test_a_run_opens_with_any_of_the_weights_that_it_kept(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", mix="none")
    kept = {name: weights_of(chainrule.load(run.path, checkpoint=name).model) for name in ("best", "final", "last")}
    same_weights(kept["final"], weights_of(chainrule.load(run.path).model))
    same_weights(kept["best"], load_tensors(run.path / "best.safetensors")[0])
    (run.path / "last.safetensors").unlink()
    with pytest.raises(RunFormatError, match=r"last\.safetensors is missing"):
        chainrule.load(run.path, checkpoint="last")
    with pytest.raises(ArgumentError, match="expected one of best, final, last"):
        chainrule.load(run.path, checkpoint="first")
    with pytest.raises(ArgumentError, match="is of its network alone"):
        chainrule.load(fit(tmp_path / "mixed").path, checkpoint="last")


def test_weights_of_the_start_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = {"hidden": 2, "window": 4, "steps": 2, "quiet": True}
    run = chainrule.fit(ar1(), "gru", training={"learning_rate": 50.0}, out=tmp_path / "vain", **options)
    assert (run.best_step, run.to_dict()["best_step"]) == (0, 0)
    assert "training never improved on the held-out loss, so that the weights kept are those of the start" in (
        capsys.readouterr().err
    )
    learned = chainrule.fit(ar1(), "gru", out=tmp_path / "learned", **options)
    assert learned.best_step == 2
    assert "never improved" not in capsys.readouterr().err
