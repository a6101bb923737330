"""Files that were broken at random: an error of ours that names the file, or what can still be read."""

import gzip
import io
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from chainrule.data import Reading, read
from chainrule.data.labelled.npz import npz_arrays
from chainrule.data.labelled.pictures import read_image
from chainrule.data.sounds.sequences import read_waveform
from chainrule.errors import ChainruleError, DataError, TooShortError

TRIES = 300
EXTREME = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF)
RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)
COLOUR = Image.fromarray(RANDOM.integers(0, 256, (9, 7, 3), dtype=np.uint8))
LABELS = np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)
WAVE = (0.8 * np.sin(np.arange(300) / 7)).astype(np.float32)


def broken(raw: bytes, chance: random.Random) -> bytes:
    """The bytes with up to four changes, most of them near the beginning, where headers are."""
    data = bytearray(raw)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(max(1, min(len(data), chance.choice([120, len(data)]))))
        size = chance.choice([1, 2, 4, 8])
        change = chance.randrange(4)
        if change == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif change == 1:
            value = chance.choice(EXTREME) % (1 << 8 * size)
            data[at : at + size] = value.to_bytes(size, chance.choice(["little", "big"]))
        elif change == 2:
            del data[at : at + size]
        else:
            del data[max(at, 1) :]
    return bytes(data)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sounded(kind: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, WAVE, 8000, format=kind, subtype=subtype)
    return file.getvalue()


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def archived(change: Callable[[bytes], bytes]) -> bytes:
    """An archive that is whole, of arrays that may not be."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in (("x", GREY), ("y", LABELS)):
            member = io.BytesIO()
            np.save(member, array)
            archive.writestr(f"{name}.npy", change(member.getvalue()))
    return file.getvalue()


def ends_well(call: Callable[[], object], path: Path) -> None:
    said = str(path.parent)
    try:
        call()
    except ChainruleError as error:
        said = str(error)
    assert path.parent.name in said or path.name in said
    said.encode()


PICTURES = {
    "png": saved(COLOUR, "PNG"),
    "jpg": saved(COLOUR, "JPEG"),
    "gif": saved(COLOUR, "GIF"),
    "tiff": saved(COLOUR, "TIFF", compression="tiff_lzw"),
    "tif": saved(COLOUR, "TIFF"),
    "bmp": saved(COLOUR, "BMP"),
    "webp": saved(COLOUR, "WEBP"),
    "ppm": saved(COLOUR, "PPM"),
}
SOUNDS = ("PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "GSM610")


@pytest.mark.parametrize("suffix", PICTURES)
def test_pictures(tmp_path: Path, suffix: str) -> None:
    chance = random.Random(0)
    path = tmp_path / f"a.{suffix}"
    for _ in range(TRIES):
        path.write_bytes(broken(PICTURES[suffix], chance))
        ends_well(lambda: read_image(path), path)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("subtype", [*SOUNDS, "flac", "vorbis"])
def test_sound(tmp_path: Path, subtype: str) -> None:
    chance = random.Random(0)
    raw = {"flac": ("FLAC", "PCM_16"), "vorbis": ("OGG", "VORBIS")}.get(subtype, ("WAV", subtype))
    path = tmp_path / "a.wav"
    for _ in range(TRIES):
        path.write_bytes(broken(sounded(*raw), chance))
        ends_well(lambda: read_waveform(path, 16000), path)


@pytest.mark.parametrize("inside", [True, False])
def test_archives(tmp_path: Path, inside: bool) -> None:
    chance = random.Random(0)
    path = tmp_path / "a.npz"
    for _ in range(TRIES):
        path.write_bytes(archived(partial(broken, chance=chance)) if inside else broken(archived(bytes), chance))
        ends_well(lambda: read(path), path)


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx(tmp_path: Path, end: str) -> None:
    chance = random.Random(0)
    images = tmp_path / f"train-images-idx3-ubyte{end}"
    labels = tmp_path / f"train-labels-idx1-ubyte{end}"
    packed = gzip.compress if end else bytes
    for _ in range(TRIES):
        images.write_bytes(packed(broken(idx(GREY), chance) if chance.random() < 0.7 else idx(GREY)))
        labels.write_bytes(packed(broken(idx(LABELS), chance) if chance.random() < 0.5 else idx(LABELS)))
        ends_well(lambda: read(images), images)


@pytest.mark.parametrize("shape", [(0, 5, 4), (6, 0, 4), (0,), (), (2**31, 2**31, 2**31), (2**32 - 1, 2**32 - 1, 1)])
def test_idx_of_dimensions_that_cannot_be(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    path.write_bytes(bytes([0, 0, 8, len(shape)]) + np.array(shape, dtype=">u4").tobytes() + bytes(9))
    with pytest.raises(DataError, match=r"holds nothing: its dimensions|the header promises"):
        read(path)


def test_an_archive_whose_header_promises_more_than_it_holds(tmp_path: Path) -> None:
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr':'<f8', 'fortran_order': False, 'shape': (6442450944,), }".ljust(118)
    path = tmp_path / "a.npz"
    path.write_bytes(archived(lambda _: header + bytes(80)))
    with pytest.raises(DataError, match=r"takes 51,539,607,552 bytes, and the file holds 80"):
        read(path)


def test_an_archive_that_unpacks_to_far_more_than_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.data.labelled.packed_arrays._ALWAYS_ALLOWED", 1000)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((200, 28, 28)), y=np.arange(200) % 2)
    with pytest.raises(DataError, match=r"a.npz has .* bytes and promises .* when unpacked; expected at most"):
        read(tmp_path / "a.npz")
    raw = gzip.compress(idx(np.zeros((200, 28, 28), np.uint8)))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(raw)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(200, dtype=np.uint8))))
    with pytest.raises(DataError, match=r"promises 156,800 when unpacked.*allow it: `max_unpacked=\"156800\"`"):
        read(tmp_path / "train-images-idx3-ubyte.gz")
    for name in ("a.npz", "train-images-idx3-ubyte.gz"):
        assert len(read(tmp_path / name, Reading(max_unpacked="2MB")).labels) == 200  # type: ignore[union-attr]


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_either_order_are_read_as_they_are(tmp_path: Path, order: str) -> None:
    arrays = {"a": np.asarray(GREY, order=order), "b": np.float64(3), "c": np.array(["x", "yz"]), "d": np.zeros((0, 3))}  # type: ignore[call-overload]
    np.savez(tmp_path / "a.npz", **arrays)
    for name, array in npz_arrays(tmp_path / "a.npz").items():
        np.testing.assert_array_equal(array, arrays[name])


def test_test_labels_of_another_kind_than_training_labels(tmp_path: Path) -> None:
    kept = {"x_train": GREY, "x_test": GREY, "y_train": LABELS}
    for other, message in (
        (np.array(list("abcabc")), "training labels of type"),
        (LABELS[:, None, None], "labels of sh"),
    ):
        np.savez(tmp_path / "a.npz", **kept, y_test=other)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=message):
            read(tmp_path / "a.npz")


def test_labels_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for code, message in ((0xD800, "is not valid text"), (0x7FFFFFFF, "cannot be read as numbers or names")):
        names = np.array([code, 97] * 3, dtype="<u4").view("<U1")
        np.savez(path, x=GREY, y=names)
        with pytest.raises(DataError, match=message):
            read(path)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    Image.new("1", (6000, 6000)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a.png has 6000 x 6000 pixels; expected .* at most 33,554,432. Resize it"):
        read_image(tmp_path / "a.png")


def test_pictures_that_move_are_refused_and_palettes_read(tmp_path: Path) -> None:
    COLOUR.save(tmp_path / "a.gif", save_all=True, append_images=[COLOUR.rotate(90)])
    with pytest.raises(DataError, match=r"a.gif holds 2 pictures; expected one"):
        read_image(tmp_path / "a.gif")
    palette = COLOUR.convert("P")
    palette.save(tmp_path / "b.gif")
    np.testing.assert_array_equal(
        read_image(tmp_path / "b.gif"), np.moveaxis(np.asarray(palette.convert("RGB")), -1, 0)
    )


def test_a_header_that_promises_more_samples_than_there_are(tmp_path: Path) -> None:
    raw = bytearray(sounded("WAV", "PCM_16"))
    at = raw.index(b"data") + 4
    raw[at : at + 4] = (0xFFFFFFFF).to_bytes(4, "little")  # as programs write that stream
    (tmp_path / "a.wav").write_bytes(raw)
    np.testing.assert_allclose(read_waveform(tmp_path / "a.wav").samples, WAVE, atol=4e-5)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_sound_of_each_width_is_read(tmp_path: Path, subtype: str) -> None:
    (tmp_path / "a.wav").write_bytes(sounded("WAV", subtype))
    np.testing.assert_allclose(read_waveform(tmp_path / "a.wav").samples, WAVE, atol=0.01)


def test_sound_that_no_machine_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, WAVE, 1_000_003)
    with pytest.raises(DataError, match=r"1,000,003 samples a second; expected 1 to 1,000,000"):
        read_waveform(path)
    soundfile.write(path, WAVE, 999_983)
    with pytest.raises(DataError, match="cannot be resampled to 8,000"):
        read_waveform(path, 8000)
    (tmp_path / "b.raw").write_bytes(bytes(9))
    with pytest.raises(DataError, match=r"b.raw cannot be read as sound"):
        read_waveform(tmp_path / "b.raw")
    monkeypatch.setattr("chainrule.data.sounds.waveforms.MOST_SAMPLES", 299)
    soundfile.write(path, WAVE, 8000)
    with pytest.raises(DataError, match="has more than 299 samples"):
        read_waveform(path)
    soundfile.write(path, np.array([0.1, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(DataError, match="not numbers from -1 to 1"):
        read_waveform(path)
    soundfile.write(path, WAVE[:0], 8000)
    with pytest.raises(TooShortError, match="no samples"):
        read_waveform(path)


def test_halves_of_characters_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a+2AA-b")
    with pytest.raises(DataError, match=r"halves of surrogate pairs .* when read as utf-7"):
        read(tmp_path / "a.txt", Reading(encoding="utf-7"))


MEASURE = """
import resource, sys
import numpy as np
from chainrule.data import Reading, read
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
symbols = read(sys.argv[1], Reading(documents=sys.argv[2]))
print(symbols.length, (peak() - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("documents", ["one", "line"])
def test_text_takes_little_more_memory_than_its_symbols(tmp_path: Path, documents: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("naïve readers hold it all\n" * 800_000, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), documents], capture_output=True, text=True, check=True
    )
    length, megabytes = map(int, found.stdout.split())
    assert length == 26 * 800_000
    assert megabytes < (60 if documents == "one" else 100)  # symbols: 20, and 16 for where lines start and stop
