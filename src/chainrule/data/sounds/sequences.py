"""Sound files as what a model takes: mu-law symbols, or labelled waveforms."""

from pathlib import Path

from chainrule._settings import option
from chainrule.data.containers import Labelled, Symbols
from chainrule.data.labelled.groups import Groups, groups_of_files
from chainrule.data.labelled.labels import index_labels
from chainrule.data.sounds.waveforms import Waveform, resample
from chainrule.data.sources.formats import SOUNDS, format_of
from chainrule.data.text.alphabet import Alphabet
from chainrule.errors import DataError, TooShortError

__all__ = ["read_labelled_sound", "read_sound", "read_waveform", "sound_symbols"]


def read_waveform(path: Path, rate: int | None = None) -> Waveform:
    """Read a file of one channel, resampled to ``rate`` if one is given.

    Raises:
        DataError: a file that is not sound, has several channels, or has samples outside [-1, 1].
        TooShortError: a file without samples.
    """
    waveform = format_of(path, SOUNDS).load(path)
    if not len(waveform.samples):
        raise TooShortError(f"{path} has no samples; expected at least one.")
    return resample(waveform, rate)


def read_sound(paths: list[Path], name: str, rate: int | None = None, alphabet: Alphabet | None = None) -> Symbols:
    """Read files as mu-law symbols, one document a file."""
    return sound_symbols(_read_all(paths, rate), name, alphabet)


def sound_symbols(waveforms: dict[str, Waveform], name: str, alphabet: Alphabet | None = None) -> Symbols:
    """Waveforms as mu-law symbols, 8 bits a sample.

    Raises:
        DataError: files of different rates, or nothing but silence.
    """
    rate = _one_rate(waveforms)
    if not any(waveform.samples.any() for waveform in waveforms.values()):
        raise DataError(f"{name} is silent: every sample is 0, so there is nothing to model.")
    alphabet = alphabet or Alphabet("mu-law")
    documents = [alphabet.encode(waveform.samples, file) for file, waveform in waveforms.items()]
    return Symbols(documents, alphabet, name, rate)


def read_labelled_sound(
    root: Path,
    paths: list[Path],
    rate: int | None = None,
    classes: tuple[str, ...] | None = None,
    group: str | None = None,
) -> Labelled:
    """Read files as labelled waveforms; the label is the sub-folder of ``root``, else the name up to "_".

    ``group`` tells which files belong together, as `Reading.group` does.

    Raises:
        DataError: a name without a label, a label not among ``classes``, a single class.
    """
    names = [_label(root, path) for path in paths]
    groups = groups_of_files(paths, root, group) if group else Groups()
    waveforms = _read_all(paths, rate)
    labels, classes = index_labels(names, root.name, classes)
    return Labelled(
        inputs=[waveform.samples for waveform in waveforms.values()],
        labels=labels,
        classes=classes,
        kind="sound",
        name=root.name,
        rate=_one_rate(waveforms),
        groups=groups.names,
        grouped_by=groups.by,
    )


def _read_all(paths: list[Path], rate: int | None) -> dict[str, Waveform]:
    return {str(path): read_waveform(path, rate) for path in paths}


def _one_rate(waveforms: dict[str, Waveform]) -> int:
    by_rate = {waveform.rate: file for file, waveform in reversed(waveforms.items())}
    if len(by_rate) > 1:
        found = ", ".join(f"{file} has {rate}" for rate, file in sorted(by_rate.items()))
        raise DataError(
            f"the files have different rates: {found} samples a second. Resample them all, for example with "
            f"{option('rate', 8000)}."
        )
    return next(iter(by_rate))


def _label(root: Path, path: Path) -> str:
    inside = path.relative_to(root).parts if root.is_dir() else (path.name,)
    if len(inside) > 1:
        return inside[0]
    label, underscore, _ = path.name.partition("_")
    if not (label and underscore):
        raise DataError(
            f"{path} has no label: expected a sub-folder for each class, or names such as yes_01.wav, "
            "with the label before the first '_'."
        )
    return label
