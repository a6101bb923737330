"""Built-in sets as files that `read` takes, to see what one's own data should look like."""

from pathlib import Path

import numpy as np

from chainrule._choices import listed, near
from chainrule._optional import require
from chainrule.data.builtin.sets import builtins
from chainrule.data.containers import Labelled, Series, Symbols
from chainrule.data.panels.panel import Panel
from chainrule.data.sounds.waveforms import write_wav
from chainrule.data.sources.source import read
from chainrule.errors import ArgumentError

__all__ = ["export"]

_SUFFIXES = {"characters": ".txt", "bytes": ".txt", "mu-law": ".wav"}


def check_name(name: str) -> None:
    """Refuse what is no built-in set.

    Raises:
        ArgumentError: it is none; the message suggests the nearest.
    """
    known = [entry.name for entry in builtins()]
    if name not in known:
        raise ArgumentError(f"there is no built-in set {name!r}; there are {listed(known)}.{near(name, known)}")


def export(name: str, path: str | Path) -> None:
    """Write a built-in set to a file, or images to a new folder with a sub-folder for each class.

    Raises:
        ArgumentError: an unknown name, a suffix that is not of this kind of data, or a path that exists.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export("sunspots", Path(folder, "spots.csv"))
    ...     read(Path(folder, "spots.csv")).values.shape
    (309, 1)
    """
    check_name(name)
    path = Path(path)
    data = read(name)
    assert not isinstance(data, Panel)
    if path.exists():
        raise ArgumentError(f"{path} exists and is not overwritten. Choose another path.")
    if isinstance(data, Labelled):
        if path.suffix:
            raise ArgumentError(f"{name} is written to a folder, with no suffix; got {path}.")
        _write_images(data, path)
        return
    assert not isinstance(data, Panel)  # there is no such set
    suffix = ".csv" if isinstance(data, Series) else _SUFFIXES[data.alphabet.kind]
    if path.suffix.lower() != suffix:
        raise ArgumentError(f"{name} is written to a {suffix} file; got {path}.")
    if isinstance(data, Series):
        _write_series(data, path)
    else:
        _write_symbols(data, path)


def _write_series(data: Series, path: Path) -> None:
    columns = dict(zip(data.columns, data.values.T, strict=True))
    if data.dates is not None:
        columns = {"date": data.dates, **columns}
    require("pandas").DataFrame(columns).to_csv(path, index=False)


def _write_symbols(data: Symbols, path: Path) -> None:
    whole = data.alphabet.decode(np.concatenate(data.documents))
    if isinstance(whole, str):
        path.write_text(whole, encoding="utf-8", newline="")
    elif isinstance(whole, np.ndarray) and data.rate is not None:
        write_wav(path, whole, data.rate)


def _write_images(data: Labelled, folder: Path) -> None:
    pillow = require("PIL.Image")
    for i, (image, label) in enumerate(zip(data.inputs, data.labels, strict=True)):
        inside = folder / data.classes[label]
        inside.mkdir(parents=True, exist_ok=True)
        grey = np.rint(image[0] * 255).astype(np.uint8)
        pillow.fromarray(grey).save(inside / f"{i:04d}.png")
