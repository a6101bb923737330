"""Groups by the names of files: found by a pattern or the folder, and said where they cannot be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.data import Labelled, Reading, read, write_wav
from chainrule.data.labelled.groups import groups_of_files
from chainrule.errors import ArgumentError, ChainruleError, DataError

WAVE = np.full(40, 0.5)


@pytest.mark.parametrize(
    ("group", "names", "expected"),
    [
        ("*_{speaker}_*", ["0_ann_3.wav", "1_bob_x_y.wav"], ("ann", "bob")),
        ("{speaker}-*", ["ann-1.wav", "bob-cem-2.wav"], ("ann", "bob")),
        ("*_{take}.wav", ["0_ann_3.wav", "1_bob_4.wav"], ("ann_3", "bob_4")),
        ("*/{speaker}/*", ["yes/ann/1.wav", "no/bob/2.wav"], ("ann", "bob")),
        ("folder", ["yes/ann/1.wav", "no/bob/2.wav"], ("ann", "bob")),
        ("s{id}[a](*", ["s1[a](x", "s23[a](y"], ("1", "23")),  # nothing but * and braces means anything
    ],
)
def test_what_a_pattern_takes(tmp_path: Path, group: str, names: list[str], expected: tuple[str, ...]) -> None:
    by, groups = groups_of_files([tmp_path / name for name in names], tmp_path, group)
    assert groups == expected
    assert group == "folder" or f"{{{by}}}" in group


@pytest.mark.parametrize("group", ["", " ", "2", "*_*", "{a}_{b}", "{", "}{", "{1}", "a}b{c}", "{}"])
def test_what_is_no_pattern_is_refused_with_one(group: str) -> None:
    with pytest.raises(ArgumentError, match=r'`group="\*_\{speaker\}_\*"` takes the speaker ann out of yes_ann_3.wav'):
        Reading(group=group)


def test_a_pattern_never_takes_long() -> None:
    with pytest.raises(DataError, match="does not match 1 of 1 file"):
        groups_of_files([Path("a" * 250)], Path(), "*a*a*a*a*a*a*a*a*a*a*a*a*{x}a*a*a*a*a*b")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for digit in "01":
        for speaker in ("ann", "bob", "cem"):
            write_wav(tmp_path / f"{digit}_{speaker}_0.wav", WAVE, 8000)
    return tmp_path


def test_labelled_sound_is_grouped_by_its_names(clips: Path) -> None:
    labelled = read(clips, Reading(labels=True, group="*_{speaker}_*"))
    assert isinstance(labelled, Labelled)
    assert (labelled.grouped_by, labelled.groups) == ("speaker", ("ann", "bob", "cem") * 2)


def test_files_that_do_not_match_or_are_all_alike_are_named(clips: Path) -> None:
    with pytest.raises(DataError, match=r"does not match 6 of 6 files: 0_ann_0.wav, 0_bob_0.wav, 0_cem_0.wav and 3"):
        read(clips, Reading(labels=True, group="{x}-*"))
    with pytest.raises(DataError, match=r"all 6 files are of one take, 0"):
        read(clips, Reading(labels=True, group="*_*_{take}.wav"))
    with pytest.raises(ArgumentError, match="names an array, but what is read are files"):
        read(clips, Reading(labels=True, group="speaker"))


@pytest.mark.parametrize("folder", ["folder", "*/{person}/*"])
def test_pictures_are_grouped_by_folder(tmp_path: Path, folder: str) -> None:
    for name in ("a", "b"):
        for person in "xyz":
            (tmp_path / name / person).mkdir(parents=True)
            Image.new("L", (2, 2)).save(tmp_path / name / person / "0.png")
    labelled = read(tmp_path, Reading(group=folder))
    assert isinstance(labelled, Labelled)
    assert labelled.groups == ("x", "y", "z") * 2


def test_an_archive_is_grouped_by_an_array(tmp_path: Path) -> None:
    images = np.zeros((4, 2, 2), np.uint8)
    labels = np.array([0, 1, 0, 1])
    np.savez(tmp_path / "a.npz", x=images, y=labels, subject=np.array([7, 7, 8, 8]), other=labels[:3])
    labelled = read(tmp_path / "a.npz", Reading(group="subject"))
    assert isinstance(labelled, Labelled)
    assert (labelled.grouped_by, labelled.groups) == ("subject", ("7", "7", "8", "8"))
    with pytest.raises(DataError, match=r"names no array of .*: there is no speaker, but .*subject"):
        read(tmp_path / "a.npz", Reading(group="speaker"))
    with pytest.raises(DataError, match="has 4 images but 3 groups"):
        read(tmp_path / "a.npz", Reading(group="other"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("english", '`group="folder"` applies to sound and images, but english is read as text'),
        ("tone", "does not apply to the built-in set tone"),
        ("digits", "does not apply to the built-in set digits"),
    ],
)
def test_groups_of_what_has_none_are_refused(source: str, message: str) -> None:
    with pytest.raises(ChainruleError, match=message):
        read(source, Reading(group="folder"))
