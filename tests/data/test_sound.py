"""Sound files: symbols and labelled waveforms, and an error for each way they can be unfit."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from chainrule.data import Alphabet, Labelled, Reading, Symbols, read, write_wav
from chainrule.data.sounds.sequences import read_waveform
from chainrule.errors import ArgumentError, DataError, TooShortError

HALF_LSB = 0.5 / 32768


def wave(seconds: float = 0.05, rate: int = 8000, hertz: float = 440.0) -> np.ndarray:
    return np.asarray(0.8 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate), dtype=np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_file_is_one_document_of_mu_law_symbols(tmp_path: Path, suffix: str) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 300).astype(np.float32)
    soundfile.write(tmp_path / f"a{suffix}", samples, 8000, subtype="PCM_16")
    symbols = read(tmp_path / f"a{suffix}")
    assert isinstance(symbols, Symbols)
    assert (symbols.rate, symbols.alphabet, symbols.length) == (8000, Alphabet("mu-law"), 300)
    assert np.abs(symbols.documents[0] - symbols.alphabet.encode(samples)).max() <= 1  # 16 bits round too


def test_a_folder_is_a_document_a_file(tmp_path: Path) -> None:
    for name, seconds in (("b.wav", 0.02), ("a.wav", 0.01)):
        write_wav(tmp_path / name, wave(seconds), 8000)
    symbols = read(tmp_path)
    assert isinstance(symbols, Symbols)
    assert [len(document) for document in symbols.documents] == [80, 160]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", wave(), 8000)
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float64")
    assert rate == 8000
    np.testing.assert_allclose(samples, wave(), atol=2 * HALF_LSB)


@pytest.mark.parametrize("samples", [np.zeros((3, 2)), np.array([1.5]), np.array([np.nan])])
def test_only_one_row_of_samples_in_range_is_written(tmp_path: Path, samples: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="expected one row of samples from -1 to 1"):
        write_wav(tmp_path / "a.wav", samples, 8000)
    assert not (tmp_path / "a.wav").exists()


def test_rates_must_agree_unless_one_is_asked_for(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", wave(rate=8000), 8000)
    write_wav(tmp_path / "b.wav", wave(rate=16000), 16000)
    with pytest.raises(DataError, match=r"a.wav has 8000, .*b.wav has 16000 samples a second. Resample"):
        read(tmp_path)
    symbols = read(tmp_path, Reading(rate=8000))
    assert isinstance(symbols, Symbols)
    assert symbols.rate == 8000
    slow, resampled = (np.asarray(symbols.alphabet.decode(document)) for document in symbols.documents)
    middle = slice(100, 300)  # away from the ends, where the filter starts
    np.testing.assert_allclose(resampled[middle], slow[middle], atol=0.05)


@pytest.mark.parametrize("folders", [True, False])
def test_labels_come_from_folders_else_from_names(tmp_path: Path, folders: bool) -> None:
    for label in ("yes", "no"):
        for take in (1, 2):
            path = tmp_path / label / f"{take}.wav" if folders else tmp_path / f"{label}_{take}.wav"
            path.parent.mkdir(exist_ok=True)
            write_wav(path, wave(0.01 * take), 8000)
    labelled = read(tmp_path, Reading(labels=True))
    assert isinstance(labelled, Labelled)
    assert (labelled.classes, labelled.kind, labelled.rate, labelled.test) == (("no", "yes"), "sound", 8000, None)
    assert labelled.labels.tolist() == [0, 0, 1, 1]
    assert [len(x) for x in labelled.inputs] == [80, 160, 80, 160]
    assert labelled.inputs[0].dtype == np.float32
    np.testing.assert_allclose(labelled.inputs[0], wave(0.01), atol=2 * HALF_LSB)


def test_labels_are_indices_into_given_classes(tmp_path: Path) -> None:
    write_wav(tmp_path / "no_1.wav", wave(), 8000)
    labelled = read(tmp_path / "no_1.wav", Reading(labels=True), classes=("maybe", "yes", "no"))
    assert isinstance(labelled, Labelled)
    assert labelled.labels.tolist() == [2]
    with pytest.raises(DataError, match=r"label 'no', which is not among the model's classes: yes, nope"):
        read(tmp_path, Reading(labels=True), classes=("yes", "nope"))


def test_a_name_without_a_label_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "noise.wav", wave(), 8000)
    with pytest.raises(DataError, match=r"noise.wav has no label: expected .*yes_01.wav"):
        read(tmp_path, Reading(labels=True))


def test_one_class_is_too_few(tmp_path: Path) -> None:
    write_wav(tmp_path / "no_1.wav", wave(), 8000)
    with pytest.raises(DataError, match="has only one class, no"):
        read(tmp_path, Reading(labels=True))


def test_channels_are_not_mixed_unasked(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((10, 2)), 8000)
    with pytest.raises(DataError, match=r"a.wav has 2 channels; expected one. Mix it down"):
        read(tmp_path / "a.wav")


def test_samples_out_of_range_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 2 * wave(), 8000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a.wav has samples that are not numbers from -1 to 1. Scale it down"):
        read(tmp_path / "a.wav")


def test_a_file_without_samples_is_too_short(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(0), 8000)
    with pytest.raises(TooShortError, match=r"a.wav has no samples"):
        read(tmp_path / "a.wav")


def test_silence_cannot_be_modelled(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(100), 8000)
    with pytest.raises(DataError, match=r"a.wav is silent"):
        read(tmp_path / "a.wav")


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("not sound")
    with pytest.raises(DataError, match=r"a.wav cannot be read as sound"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "FLOAT", "ALAW"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC"])
def test_a_file_that_was_cut_short_is_refused_by_every_reader(tmp_path: Path, kind: str, subtype: str) -> None:
    """libsndfile decodes by the content, whatever the suffix, and what is missing it only notes in its log."""
    if not soundfile.check_format(kind, subtype):
        pytest.skip(f"{kind} has no {subtype}")
    path = tmp_path / "yes_1.wav"
    soundfile.write(path, wave(), 8000, format=kind, subtype=subtype)
    write_wav(tmp_path / "no_1.wav", wave(), 8000)
    whole = path.read_bytes()
    assert read_waveform(path).samples.size == 400
    for end in (len(whole) // 2 + 30, len(whole) - 8):
        path.write_bytes(whole[:end])
        for source, reading in ((path, Reading()), (tmp_path, Reading()), (tmp_path, Reading(labels=True))):
            with pytest.raises(DataError, match=r"yes_1.wav cannot be read as sound: .*cut short"):
                read(source, reading)
        with pytest.raises(DataError, match="cut short"):
            read_waveform(path)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_header_written_to_a_pipe_promises_nothing(tmp_path: Path, size: int) -> None:
    write_wav(tmp_path / "a.wav", wave(), 8000)
    raw = bytearray((tmp_path / "a.wav").read_bytes())
    at = raw.index(b"data") + 4
    raw[at : at + 4] = size.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(raw)
    assert read_waveform(tmp_path / "a.wav").samples.size == 400
