"""Runs of text and sound: exact scores of unseen data, baselines, samples."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Run
from chainrule.data import Alphabet, Reading, Symbols, read
from chainrule.errors import ArgumentError, DataError, ShapeError, TooShortError, UnseenSymbolError
from chainrule.models import AlphabetModel
from chainrule.runs import Score
from chainrule.runs.kinds.cut import split_in_time
from chainrule.runs.kinds.registry import KINDS
from chainrule.runs.kinds.symbols.blocks import spread
from chainrule.runs.kinds.symbols.run import SymbolRun
from chainrule.runs.kinds.symbols.task import CONTEXT, SymbolTask
from chainrule.runs.scoring.baselines import Bigram, Unigram
from chainrule.training import load_tensors, weights_of
from chainrule.training.evaluation import held_out as evaluation
from tests.runs.cases import same_weights, symbol_config, symbols, text
from tests.tolerances import RELATIVE

pytestmark = pytest.mark.usefixtures("without_figures")

CLOSE = RELATIVE[torch.float32]


def scored(run: Run, data: object = None) -> Score:
    score = run.score(data)  # type: ignore[arg-type]
    assert isinstance(score, Score)
    return score


def test_the_score_is_the_models_log_prob_of_the_last_tenth_after_a_documented_context(text_run: Run) -> None:
    data = read(str(text_run.config.source))
    assert isinstance(data, Symbols)
    assert isinstance(text_run.model, AlphabetModel)
    x = torch.from_numpy(data.documents[0])
    model = text_run.model
    assert isinstance(model, AlphabetModel)
    begin = 1200 - 120
    read_from = max(0, begin - CONTEXT)
    with torch.no_grad():
        by_hand = text_run.model.log_prob(x[None, read_from:])[0, begin - read_from :].double().numpy()
    score = scored(text_run)
    assert score.count == 120
    np.testing.assert_allclose(score.log_prob, by_hand, rtol=CLOSE, atol=CLOSE)
    assert score.nats == pytest.approx(-by_hand.mean(), rel=CLOSE)
    assert score.bits == pytest.approx(score.nats / np.log(2))
    assert score.log_likelihood == pytest.approx(-score.nats * 120)


def test_baselines_are_counted_in_what_the_model_learned_from(text_run: Run, tmp_path: Path) -> None:
    data = read(str(text_run.config.source))
    assert isinstance(data, Symbols)
    x = data.documents[0]
    V = len(data.alphabet)
    begin = 1080
    without = chainrule.fit(
        data, "ar", window=8, steps=1, training={"batch": 4, "refit": False}, out=tmp_path / "r", quiet=True
    )
    (first, last) = spread([0], begin, 120)[0]
    assert isinstance(without.result, Score)
    for score, learned in (
        (scored(text_run), [x[:first], x[last:begin], x[first:last]]),
        (without.result, [x[:first], x[last:begin]]),
    ):
        for kind in (Unigram, Bigram):
            expected = kind.fit(learned, V).log_prob(x[begin - CONTEXT :])[CONTEXT:]
            np.testing.assert_array_equal(score.baselines[kind.name], expected)


def test_scores_do_not_depend_on_chunks_or_on_how_rows_are_put_together(
    text_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    alphabet = text_run.config.data.alphabet
    assert alphabet is not None
    documents = [alphabet.encode(text(n, seed=n)) for n in (40, 1, 133, 7)]
    data = Symbols(documents, alphabet, "many")
    whole = scored(text_run, data)
    monkeypatch.setattr(evaluation, "_CHUNK", 5)
    monkeypatch.setattr(evaluation, "_ROWS", 2)
    pieces = scored(text_run, data)
    one_by_one = [scored(text_run, Symbols([document], alphabet, "one")).log_prob for document in documents]
    for other in (pieces.log_prob, np.concatenate(one_by_one)):
        np.testing.assert_allclose(other, whole.log_prob, rtol=CLOSE, atol=CLOSE)


def test_a_loaded_run_scores_the_same_bits(text_run: Run) -> None:
    assert isinstance(text_run.result, Score)
    again = scored(chainrule.load(text_run.path))
    np.testing.assert_array_equal(again.log_prob, text_run.result.log_prob)
    assert again.to_dict() == text_run.result.to_dict()


OPTIONS: dict[str, dict[str, Any]] = {
    "gru": {"hidden": 4, "training": {"shuffle": True, "average": 0.9}},
    "lstm": {"hidden": 4, "layers": 2, "dropout": 0.1, "training": {"tbptt": "auto"}},
    "ar": {},
    "mlp": {"hidden": 4, "training": {"state_dropout": 0.1}},
}


def fitted(data: Symbols, model: str, folder: Path, **training: Any) -> dict[str, dict[str, torch.Tensor]]:
    """All the tensors that a short fit leaves, by the file that they are in."""
    given = dict(OPTIONS.get(model, {"hidden": 4}))
    given["training"] = {"batch": 4, **given.get("training", {}), **training}
    if model == "ngram":
        given = {}
    else:
        given |= {"window": 8, "steps": 14}
    run = chainrule.fit(data, model, out=folder, quiet=True, **given)
    return {path.stem: load_tensors(path)[0] for path in run.path.glob("*.safetensors")}


def altered(data: Symbols, where: slice) -> Symbols:
    """The same data with other symbols somewhere; what was the end of a document stays one."""
    x = np.concatenate(data.documents)
    x[where] = (x[where] + 1) % len(data.alphabet)
    return replace(data, documents=np.split(x, np.cumsum([len(d) for d in data.documents])[:-1]))


def of_documents(lengths: int) -> Symbols:
    data = symbols(1200)
    return replace(data, documents=np.split(data.documents[0], range(lengths, 1200, lengths)))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("model", KINDS["symbols"].models)
def test_the_test_part_touches_no_weight_and_no_choice(model: str, tmp_path: Path) -> None:
    data = of_documents(50)
    clean = fitted(data, model, tmp_path / "clean")
    poisoned = fitted(altered(data, slice(1080, None)), model, tmp_path / "poisoned")
    assert clean.keys() >= ({"best"} if model == "ngram" else {"best", "last", "final"})
    assert clean.keys() == poisoned.keys()
    for name, tensors in clean.items():
        same_weights(tensors, poisoned[name])


@pytest.mark.sampled(0)
@pytest.mark.parametrize("refit", [True, False])
def test_what_is_held_out_is_learned_from_in_the_last_stage_alone(refit: bool, tmp_path: Path) -> None:
    data = symbols()
    ((first, last),) = spread([0], 1080, 120)
    other = altered(data, slice(first, last))
    names = ("final.safetensors",) if refit else ("last.safetensors",)
    for name in names:
        weights = []
        for i, each in enumerate((data, other)):
            fitted(each, "rnn", tmp_path / str(i), refit=refit)
            weights.append(load_tensors(tmp_path / str(i) / name)[0])
        differ = any(not torch.equal(tensor, weights[1][key]) for key, tensor in weights[0].items())
        assert differ == refit


@pytest.mark.slow
def test_a_run_opens_with_the_weights_of_the_last_stage(tmp_path: Path) -> None:
    data = symbols()
    run = chainrule.fit(data, "rnn", hidden=4, window=8, steps=14, out=tmp_path / "run", quiet=True)
    final = load_tensors(run.path / "final.safetensors")[0]
    same_weights(final, load_tensors_of(chainrule.load(run.path)))
    without = chainrule.fit(
        data, "rnn", hidden=4, window=8, steps=14, training={"refit": False}, out=tmp_path / "w", quiet=True
    )
    assert not (without.path / "final.safetensors").exists()
    same_weights(load_tensors(without.path / "best.safetensors")[0], load_tensors_of(chainrule.load(without.path)))
    (run.path / "score.json").unlink()
    (run.path / "final.safetensors").unlink()
    with pytest.warns(UserWarning, match="did not end: its weights are the best so far, of step"):
        chainrule.load(run.path)


def load_tensors_of(run: Run) -> dict[str, torch.Tensor]:
    return weights_of(run.model)


@pytest.mark.parametrize("length", [20, 1000, 6000, 30_000])
def test_the_parts_share_no_step_and_the_last_tenth_tests(length: int) -> None:
    data = symbols(length)
    task = SymbolTask(data, symbol_config(data))
    _, valid, test = split_in_time(length, 8, "x", "character")
    assert task.parts == (length - valid - test, valid, test)
    x = data.documents[0]
    train, held_out, (last,) = task._parts(100)
    np.testing.assert_array_equal(last.x[last.context :], x[length - test :])
    assert all(piece.context == min(100, length) for piece in held_out) or length < 1000
    in_order = [piece.x[piece.context :] for pair in zip(train, [*held_out, last], strict=True) for piece in pair]
    np.testing.assert_array_equal(np.concatenate(in_order), x)
    gaps = [len(piece.x) - piece.context for piece in train]
    assert gaps[0] <= min(gaps[1:]) or len(gaps) == 2, "half a stretch, and whole ones between"


def test_a_window_model_is_scored_with_all_that_it_sees(tmp_path: Path) -> None:
    data = symbols(6000)
    run = chainrule.fit(data, "conv", hidden=2, layers=11, window=1500, steps=1, out=tmp_path / "r", quiet=True)
    assert isinstance(run, SymbolRun)
    assert isinstance(run.result, Score)
    assert run.receptive_field == 2048
    with torch.no_grad():
        whole = run.model.log_prob(torch.from_numpy(data.documents[0])[None])[0, -600:].double().numpy()
    np.testing.assert_allclose(run.result.log_prob, whole, rtol=0, atol=1e-5)


def test_unseen_symbols_are_counted_and_placed(text_run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("the cat\nsat On it é\n")
    with pytest.raises(UnseenSymbolError, match=r"4 of the 20 characters of .*new.txt.*line 1, column 8"):
        text_run.score(new)
    with pytest.raises(UnseenSymbolError, match=r"To score the rest: .*skip.*, or .*replace"):
        text_run.score(new)


def test_unseen_symbols_are_skipped_or_read_and_not_scored(text_run: Run, tmp_path: Path) -> None:
    new, without, blank = (tmp_path / name for name in ("new.txt", "without.txt", "blank.txt"))
    new.write_text("the cat sÄat on itÄ", encoding="utf-8")
    without.write_text("the cat sat on it")
    blank.write_text("the cat s at on it ")
    for how, as_if in (("skip", without), ("replace", blank)):
        score = text_run.score(new, unknown=how, context=3)
        expected = text_run.score(as_if, context=3)
        assert isinstance(score, Score)
        assert isinstance(expected, Score)
        kept = np.delete(np.arange(19), [9, 18]) if how == "replace" else np.arange(17)
        np.testing.assert_allclose(score.log_prob, expected.log_prob[kept], rtol=CLOSE, atol=CLOSE)
        np.testing.assert_allclose(score.cold[3], expected.cold[3][kept], rtol=CLOSE, atol=CLOSE)
        assert score.to_dict()["unknown"] == {"Ä": 2}
        assert "'Ä' (2); the first is at line 1, column 10" in str(score.unknown)
    new.write_text("ÄÄ", encoding="utf-8")
    for how in ("skip", "replace"):
        with pytest.raises(TooShortError):
            text_run.score(new, unknown=how)


def test_unknown_is_refused_where_it_means_nothing(text_run: Run, series_run: Run, digits_run: Run) -> None:
    with pytest.raises(ArgumentError, match="the run knows all of its own data"):
        text_run.score(unknown="skip")
    with pytest.raises(ArgumentError, match="is read already"):
        text_run.score(symbols(), unknown="skip")
    for run in (series_run, digits_run):
        with pytest.raises(ArgumentError, match="cannot skip what is unknown, which is for characters"):
            run.score(unknown="skip")


def test_data_of_another_kind_or_alphabet_is_refused(text_run: Run) -> None:
    with pytest.raises(DataError, match="the model takes characters, but sunspots is read as real values"):
        text_run.score("sunspots")
    other = Symbols([np.zeros(5, np.int64)], Alphabet("characters", "xyz"), "other")
    with pytest.raises(DataError, match="other has another alphabet of characters"):
        text_run.score(other)


def test_a_source_that_has_changed_is_not_scored_as_if_it_were_unseen(tmp_path: Path) -> None:
    source = tmp_path / "x.txt"
    source.write_text(text())
    run = chainrule.fit(source, "ar", window=4, steps=1, out=tmp_path / "run", quiet=True)
    source.write_text(text()[100:])
    with pytest.raises(DataError, match=r"x\.txt has changed since"):
        run.score()
    assert scored(run, source).count == 1100
    source.unlink()
    with pytest.raises(DataError, match="no longer there"):
        run.score()


def test_data_in_memory_is_fitted_and_must_be_given_again(tmp_path: Path) -> None:
    data = symbols(400)
    run = chainrule.fit(data, "ar", window=4, steps=2, out=tmp_path / "run", quiet=True)
    assert isinstance(run.result, Score)
    assert run.config.source is None
    with pytest.raises(DataError, match="in memory, which is not kept: give the data"):
        run.score()
    assert scored(run, data).count == 400
    with pytest.raises(ArgumentError, match="read already"):
        chainrule.fit(data, "ar", reading=Reading(unit="bytes"), out=tmp_path / "other")


def test_samples_follow_the_prompt_and_the_seed(text_run: Run) -> None:
    drawn = text_run.sample(40, prompt="the cat ", seed=3)
    assert isinstance(drawn, str)
    assert len(drawn) == 40
    assert drawn == text_run.sample(40, prompt="the cat ", seed=3)
    assert drawn != text_run.sample(40, prompt="the cat ", seed=4)
    assert text_run.sample(40, prompt="a", seed=3)[:1] != "" != text_run.sample(40, seed=3)
    assert text_run.sample(30, top_k=1, seed=1) == text_run.sample(30, top_k=1, seed=2)
    with pytest.raises(UnseenSymbolError, match="of the prompt"):
        text_run.sample(3, prompt="QQ")


def test_a_prompt_is_read_before_the_first_draw(text_run: Run) -> None:
    assert isinstance(text_run.model, AlphabetModel)
    alphabet = text_run.config.data.alphabet
    assert alphabet is not None
    context = torch.from_numpy(alphabet.encode("the dog "))
    drawn = text_run.model.sample(9, context, seed=5)
    assert text_run.sample(9, prompt="the dog ", seed=5) == alphabet.decode(drawn.numpy())


def test_bytes_are_modelled_and_sampled_as_bytes(tmp_path: Path) -> None:
    source = tmp_path / "x.txt"
    source.write_bytes(bytes(range(256)) * 4)
    run = chainrule.fit(
        source, "ar", window=4, steps=1, reading=Reading(unit="bytes"), out=tmp_path / "run", quiet=True
    )
    assert isinstance(run.result, Score)
    assert run.result.unit == "byte"
    drawn = run.sample(20, prompt=b"\xff\x00")
    assert isinstance(drawn, bytes)
    assert len(drawn) == 20


def test_sound_is_scored_by_the_sample_and_sampled_as_a_waveform(tmp_path: Path) -> None:
    tone = read("tone")
    assert isinstance(tone, Symbols)
    short = Symbols([tone.documents[0][:2000]], tone.alphabet, "tone", tone.rate)
    run = chainrule.fit(short, "ar", window=4, steps=2, out=tmp_path / "run", quiet=True)
    assert isinstance(run.result, Score)
    assert run.result.unit == "sample"
    wave = run.sample(50, prompt=np.zeros(5, np.float32))
    assert wave.shape == (50,)
    assert wave.dtype == np.float32
    assert np.abs(wave).max() <= 1
    with pytest.raises(ShapeError, match=r"the prompt has shape \(5, 1\) of float32; expected one row of samples"):
        run.sample(50, prompt=np.zeros((5, 1), np.float32))
    faster = Symbols(short.documents, short.alphabet, "faster", 16000)
    with pytest.raises(DataError, match="faster has 16000 samples per second, not 8000"):
        run.score(faster)


def test_what_a_text_run_cannot_do_is_said_with_what_it_can(text_run: Run) -> None:
    for ask in (text_run.forecast, text_run.backtest, lambda: text_run.classify(["x.png"])):
        with pytest.raises(ArgumentError, match=r"It can .*score"):
            ask()


@pytest.mark.slow
def test_documents_that_end_are_sampled_one_after_the_other(tmp_path: Path) -> None:
    source = tmp_path / "names.txt"
    source.write_text("ada\neve\nida\n" * 40)
    reading = Reading(documents="line")
    run = chainrule.fit(source, hidden=8, window=8, steps=60, reading=reading, out=tmp_path / "run", quiet=True)
    run = chainrule.load(run.path)
    assert isinstance(run, SymbolRun)
    assert run.model.end == (0,)  # "\n"
    # What stands before the prompt's last end has no effect; what stands after it has.
    assert run.sample(30, prompt="eve\nad") == run.sample(30, prompt="ada\nad") == run.sample(30, prompt="ad")
    assert run.sample(30, prompt="eve\n") == run.sample(30)
    assert run.sample(30, prompt="e") != run.sample(30, prompt="ad")


def test_symbols_that_training_never_saw_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "late.txt"
    source.write_text("abc" * 300 + "abcd" * 25)
    run = chainrule.fit(source, hidden=4, window=8, steps=1, out=tmp_path / "run", quiet=True)
    assert isinstance(run.result, Score)
    assert run.result.unseen == 25
    assert run.result.to_dict()["unseen"] == 25


def test_a_context_adds_the_score_of_blocks_that_start_cold(text_run: Run) -> None:
    """By the definition: each block by itself, after the one symbol before it; in the order of the text."""
    score = text_run.score(context=7)
    assert isinstance(score, Score)
    plain = text_run.score()
    assert isinstance(plain, Score)
    assert np.array_equal(plain.log_prob, score.log_prob)
    (cold,) = score.cold.values()
    data = chainrule.data.read(Path(str(text_run.config.source)))
    assert isinstance(data, Symbols)
    x = torch.from_numpy(data.documents[0])
    model = text_run.model
    assert isinstance(model, AlphabetModel)
    begin = len(x) - score.count
    expected = []
    for at in range(begin, len(x), 7):
        with torch.no_grad():
            expected.append(model.log_prob(x[None, at - 1 : at + 7])[0, 1:])
    np.testing.assert_allclose(cold, torch.cat(expected).numpy(), atol=1e-5)
    assert score.to_dict()["cold_nats"] == {7: pytest.approx(-cold.mean())}
    assert plain.cold == {}
