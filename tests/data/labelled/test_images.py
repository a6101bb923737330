"""Images: folders, npz and idx give the same pixels and labels, and unfit ones are named."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.data import Labelled, read
from chainrule.errors import DataError

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)


def read_images(path: Path, classes: tuple[str, ...] | None = None) -> Labelled:
    labelled = read(path, classes=classes)
    assert isinstance(labelled, Labelled)
    assert labelled.kind == "images"
    return labelled


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes()
    raw = header + array.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_folder_is_a_class(tmp_path: Path, pixels: np.ndarray) -> None:
    for i, (image, label) in enumerate(zip(pixels, LABELS, strict=True)):
        (tmp_path / "abc"[label]).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "abc"[label] / f"{i}.png")
    labelled = read_images(tmp_path)
    order = np.argsort(LABELS, kind="stable")
    assert labelled.classes == ("a", "b", "c")
    np.testing.assert_array_equal(labelled.labels, LABELS[order])
    expected = pixels[:, None] if pixels.ndim == 3 else np.moveaxis(pixels, -1, 1)
    np.testing.assert_array_equal(np.asarray(labelled.inputs), expected[order])


def test_images_of_several_sizes_are_named(tmp_path: Path) -> None:
    for name, image in (("a", GREY[0]), ("b", GREY[1, 1:])):
        (tmp_path / name).mkdir()
        Image.fromarray(image).save(tmp_path / name / "0.png")
    with pytest.raises(DataError, match=r"one size: .*a.0.png is 4 x 5 grey, .*b.0.png is 4 x 4 grey. Resize"):
        read(tmp_path)


def test_an_image_beside_the_classes_is_named(tmp_path: Path) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "0.png")
    with pytest.raises(DataError, match=r"0.png is in no class: expected a sub-folder"):
        read(tmp_path)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.png").write_text("not an image")
    with pytest.raises(DataError, match=r"0.png cannot be read as an image"):
        read(tmp_path)


def test_more_than_eight_bits_are_not_cut_off(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(GREY[0].astype(np.uint16) * 200).save(tmp_path / "a" / "0.png")
    with pytest.raises(DataError, match=r"0.png has more than 8 bits a pixel \(mode I;16\)"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (GREY, GREY[:, None]),
        (GREY.astype(np.int64), GREY[:, None]),
        (COLOUR, np.moveaxis(COLOUR, -1, 1)),
        (np.moveaxis(COLOUR, -1, 1), np.moveaxis(COLOUR, -1, 1)),
        (GREY / 255, (GREY[:, None] / 255).astype(np.float32)),
    ],
    ids=["grey", "whole numbers", "channels last", "channels first", "fractions"],
)
@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("x_train", "y_train")])
def test_npz_of_each_layout(tmp_path: Path, names: tuple[str, str], pixels: np.ndarray, expected: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", **{names[0]: pixels, names[1]: LABELS})  # type: ignore[arg-type]
    labelled = read_images(tmp_path / "a.npz")
    np.testing.assert_array_equal(np.asarray(labelled.inputs), expected)
    assert np.asarray(labelled.inputs).dtype == expected.dtype
    assert labelled.labels.dtype == np.int64
    assert (labelled.labels.tolist(), labelled.classes) == (LABELS.tolist(), ("0", "1", "2"))
    assert labelled.test is None


def test_npz_keeps_its_test_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=GREY[:4], y_train=LABELS[:4], x_test=GREY[4:], y_test=LABELS[4:])
    labelled = read_images(tmp_path / "a.npz")
    assert labelled.test is not None
    assert labelled.test.tolist() == [False] * 4 + [True] * 2
    np.testing.assert_array_equal(np.asarray(labelled.inputs), GREY[:, None])


def test_labels_may_be_names_and_numbers_sort_by_value(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=GREY, y=np.array(["cat", "dog"] * 3))
    assert read_images(tmp_path / "a.npz").classes == ("cat", "dog")
    np.savez(tmp_path / "a.npz", x=GREY, y=np.array([10, 9] * 3))
    assert read_images(tmp_path / "a.npz").classes == ("9", "10")
    assert read_images(tmp_path / "a.npz", classes=("10", "9", "8")).labels.tolist() == [0, 1] * 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": GREY}, r"holds the arrays a; expected x and y, or images and labels"),
        ({"x": GREY[0], "y": LABELS}, r"images of shape \(5, 4\); expected N x height x width"),
        ({"x": GREY, "y": LABELS[:3]}, r"6 images but labels of shape \(3,\)"),
        ({"x": GREY, "y": LABELS / 2}, r"labels .* type float64; expected one whole number or name"),
        ({"x": GREY / np.where(GREY > 9, 1, np.nan), "y": LABELS}, r"pixels from nan to nan"),
        ({"x": GREY.astype(np.int64) * 10, "y": LABELS}, r"pixels from .*; expected whole numbers"),
        ({"x": GREY, "y": LABELS * 0}, r"only one class, 0"),
        (
            {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:, 1:], "y_test": LABELS},
            r"training images .* but test images",
        ),
        ({"x": GREY.astype(object), "y": LABELS}, r"cannot be read as an npz archive of plain arrays"),
    ],
)
def test_an_unfit_npz_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npz")


def test_a_folder_of_archives_asks_for_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=GREY, y=LABELS)
    with pytest.raises(DataError, match=r"holds no pictures but a.npz; name one of these files"):
        read(tmp_path)


def test_a_broken_npz_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", GREY)
    for raw in (b"", b"PK\x03\x04broken", b"\x80pickle", (tmp_path / "one.npy").read_bytes()):
        (tmp_path / "a.npz").write_bytes(raw)
        with pytest.raises(DataError, match=r"a.npz cannot be read as an npz archive of plain arrays"):
            read(tmp_path / "a.npz")


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_alone_and_as_a_folder(tmp_path: Path, end: str) -> None:
    for part, chosen in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{end}", GREY[chosen])
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{end}", LABELS[chosen])
    train = read_images(tmp_path / f"train-images-idx3-ubyte{end}")
    np.testing.assert_array_equal(np.asarray(train.inputs), GREY[:4, None])
    assert train.labels.tolist() == LABELS[:4].tolist()
    both = read_images(tmp_path)
    np.testing.assert_array_equal(np.asarray(both.inputs), GREY[:, None])
    assert both.test is not None
    assert both.test.tolist() == [False] * 4 + [True] * 2


def test_a_broken_gzip_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for raw in (b"not gzip", gzip.compress(GREY.tobytes())[:-9], gzip.compress(GREY.tobytes())[:10] + b"oops" * 9):
        path.write_bytes(raw)
        with pytest.raises(DataError, match=r"ubyte.gz cannot be read as an idx file"):
            read(path)


def test_unfit_idx_files_are_refused(tmp_path: Path) -> None:
    images = tmp_path / "train-images-idx3-ubyte"
    labels = tmp_path / "train-labels-idx1-ubyte"
    write_idx(images, GREY)
    with pytest.raises(DataError, match=r"has no labels: expected train-labels-idx1-ubyte beside it"):
        read(images)
    write_idx(labels, LABELS)
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"is broken: after its header it has 119 bytes, the header promises 120"):
        read(images)
    images.write_bytes(b"oops")
    with pytest.raises(DataError, match=r"is not an idx file: it begins with 6f 6f 70 73"):
        read(images)
    with pytest.raises(DataError, match=r"holds the idx files train-labels-idx1-ubyte; expected"):
        read(labels)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    red_and_clear = np.array([[[200, 0, 0, 255], [200, 0, 0, 0]]], dtype=np.uint8)
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "L").convert("P")
    palette.putpalette([200, 0, 0, 9, 9, 9])
    for name in "ab":
        (tmp_path / name).mkdir()
    Image.fromarray(red_and_clear, "RGBA").save(tmp_path / "a" / "0.png")
    palette.save(tmp_path / "b" / "0.png", transparency=b"\xff\x00")
    labelled = read_images(tmp_path)
    np.testing.assert_array_equal(np.asarray(labelled.inputs)[0, :, 0], [[200, 255], [0, 255], [0, 255]])
    np.testing.assert_array_equal(labelled.inputs[0], labelled.inputs[1])


def test_transparent_grey_stays_grey(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        grey = Image.fromarray(np.array([[[77, 255], [77, 0]]], dtype=np.uint8), "LA")
        grey.save(tmp_path / name / "0.png")
    assert np.asarray(read_images(tmp_path).inputs).tolist() == [[[[77, 255]]]] * 2


@pytest.mark.parametrize("labels", [LABELS[:, None], LABELS.astype(np.float64), LABELS.astype(np.float32)[:, None]])
def test_labels_in_a_column_or_as_floats_that_are_whole(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=GREY, y=labels)
    labelled = read_images(tmp_path / "a.npz")
    assert (labelled.labels.tolist(), labelled.classes) == (LABELS.tolist(), ("0", "1", "2"))


def test_floats_that_are_whole_numbers_to_255_are_eight_bits(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=GREY.astype(np.float32), y=LABELS)
    inputs = np.asarray(read_images(tmp_path / "a.npz").inputs)
    assert inputs.dtype == np.uint8
    np.testing.assert_array_equal(inputs, GREY[:, None])
    np.savez(tmp_path / "a.npz", x=GREY.astype(np.float32) + 0.5, y=LABELS)
    with pytest.raises(DataError, match="expected whole numbers from 0 to 255"):
        read(tmp_path / "a.npz")


def test_pixels_of_plain_idx_files_may_be_written_to(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", GREY)
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS)
    assert np.asarray(read_images(tmp_path / "train-images-idx3-ubyte").inputs).flags.writeable
