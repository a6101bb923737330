"""Runs of classifiers: images and labelled sound, from files and from memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import chainrule
from chainrule import Reading, Run
from chainrule.data import Labelled, read
from chainrule.errors import ArgumentError, DataError
from chainrule.lens import ThroughLayers
from chainrule.runs import ClassScore

pytestmark = pytest.mark.usefixtures("without_figures")

RATE = 4000
PITCHES = {"high": 900.0, "low": 300.0}


def tone(pitch: float, seed: int, rate: int = RATE) -> np.ndarray:
    random = np.random.default_rng(seed)
    time = np.arange(int(rate * random.uniform(0.1, 0.15))) / rate
    return 0.5 * np.sin(2 * np.pi * pitch * time) + 0.05 * random.standard_normal(len(time))


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "tones"
    for name, pitch in PITCHES.items():
        (folder / name).mkdir(parents=True)
        for i in range(20):
            soundfile.write(folder / name / f"{i}.wav", tone(pitch, i), RATE)
    return folder


@pytest.fixture(scope="module")
def tone_run(tones: Path) -> Run:
    return chainrule.fit(
        tones,
        hidden=8,
        steps=25,
        training={"learning_rate": 0.02},
        reading=Reading(labels=True),
        out=tones.parent / "run",
        quiet=True,
        figures=False,
    )


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two classes: bright above, bright below."""
    folder = tmp_path_factory.mktemp("images") / "shapes"
    random = np.random.default_rng(0)
    for name in ("above", "below"):
        (folder / name).mkdir(parents=True)
        for i in range(20):
            picture = random.integers(0, 90, (8, 8), dtype=np.uint8)
            picture[:4] += 150 if name == "above" else 0
            picture[4:] += 150 if name == "below" else 0
            Image.fromarray(picture).save(folder / name / f"{i:02d}.png")
    return folder


def test_tones_are_told_apart_end_to_end(tone_run: Run, tones: Path) -> None:
    assert isinstance(tone_run.result, ClassScore)
    assert tone_run.result.count == 4
    assert tone_run.result.accuracy == 1
    results = tone_run.classify([tones / "low" / "3.wav", tones / "high" / "3.wav"])
    assert [result.label for result in results] == ["low", "high"]
    for result in results:
        assert list(result.probabilities.values()) == sorted(result.probabilities.values(), reverse=True)
        assert sum(result.probabilities.values()) == pytest.approx(1)
        assert set(result.probabilities) == {"high", "low"}


def test_new_labelled_sound_is_read_by_the_stored_options(tone_run: Run, tmp_path: Path) -> None:
    for name in ("low_1.wav", "high_1.wav"):
        soundfile.write(tmp_path / name, tone(PITCHES[name.partition("_")[0]], 50), RATE)
    score = chainrule.load(tone_run.path).score(tmp_path)
    assert isinstance(score, ClassScore)
    assert score.classes == ("high", "low")
    assert score.accuracy == 1
    assert score.of.endswith(", all")


def test_another_rate_or_class_is_refused(tone_run: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "low_1.wav", tone(300, 1, 8000), 8000)
    with pytest.raises(DataError, match="8000 samples per second, not 4000"):
        tone_run.score(tmp_path)
    with pytest.raises(DataError, match="8000 samples a second; the model was fitted to 4000"):
        tone_run.classify([tmp_path / "low_1.wav"])
    soundfile.write(tmp_path / "low_1.wav", tone(300, 1), RATE)
    soundfile.write(tmp_path / "lov_1.wav", tone(300, 1), RATE)
    with pytest.raises(DataError, match=r"label 'lov'.*Did you mean 'low'"):
        tone_run.score(tmp_path)


def test_a_sound_is_looked_into_layer_by_layer(tone_run: Run, tones: Path) -> None:
    found = tone_run.look(tones / "low" / "3.wav", label="low")
    assert isinstance(found, ThroughLayers)
    assert found.probabilities[1] == pytest.approx(tone_run.classify(tones / "low" / "3.wav")[0].probabilities["low"])
    assert found.x.shape[0] == 64
    assert [part.table().title.partition(":")[0] for part in found.parts()][1:3] == ["Layers", "Gradient of the input"]
    assert tone_run.mistakes().wrong == 0
    assert "No example is misclassified" in str(tone_run.mistakes())


def test_images_from_folders_are_learned_and_labelled(shapes: Path) -> None:
    run = chainrule.fit(
        shapes, hidden=4, steps=25, training={"learning_rate": 0.02}, out=shapes.parent / "run", quiet=True
    )
    assert isinstance(run.result, ClassScore)
    assert run.result.accuracy == 1
    assert run.result.majority == 0.5
    results = run.classify([shapes / "below" / "00.png", shapes / "above" / "00.png"])
    assert [result.label for result in results] == ["below", "above"]
    whole = run.score(shapes)
    assert isinstance(whole, ClassScore)
    assert whole.count == 40


def test_a_loaded_classifier_scores_the_same(digits_run: Run) -> None:
    again = chainrule.load(digits_run.path).score()
    assert isinstance(again, ClassScore)
    assert isinstance(digits_run.result, ClassScore)
    assert again.to_dict() == digits_run.result.to_dict()
    assert again.count == 179
    assert 0 < again.majority < 0.2


def test_the_test_part_touches_no_weight(tmp_path: Path) -> None:
    digits = read("digits")
    assert isinstance(digits, Labelled)
    test = np.zeros(len(digits.labels), bool)
    test[::9] = True
    clean = replace(digits, test=test)
    poisoned = replace(clean, inputs=np.where(test[:, None, None, None], 0, clean.inputs))
    weights = [
        chainrule.fit(data, hidden=2, steps=3, out=tmp_path / str(i), quiet=True).model.state_dict()
        for i, data in enumerate((clean, poisoned))
    ]
    for name, tensor in weights[0].items():
        assert tensor.equal(weights[1][name])


def test_files_that_cannot_be_classified_are_named(digits_run: Run, tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "nine.png")
    (tmp_path / "text.png").write_text("no image")
    for name, message in (
        ("nine.png", "1 x 9 x 9; the model was fitted to 1 x 8 x 8"),
        ("text.png", "cannot be read as an image"),
        ("none.png", "does not exist"),
        ("", "is a folder; name the files in it"),
    ):
        with pytest.raises(DataError, match=message):
            digits_run.classify([tmp_path / name])


def test_what_a_classifier_cannot_do_is_said_with_what_it_can(digits_run: Run) -> None:
    for ask in (digits_run.sample, digits_run.forecast, digits_run.backtest):
        with pytest.raises(
            ArgumentError, match=r"It can score, classify, list mistakes or be inspected layer by layer"
        ):
            ask()
    with pytest.raises(DataError, match="labelled examples"):
        digits_run.score("english")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gru"}, "images can be fitted by conv, not by gru"),
        ({"tied": True}, "tied"),
        ({"layers": 3}, "layers"),
    ],
)
def test_options_that_mean_nothing_for_images_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        chainrule.fit("digits", steps=1, **options)  # type: ignore[arg-type]
