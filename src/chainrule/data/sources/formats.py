"""The table of readers: the file formats of each kind of data, and what loads them.

To add a format, write a loader in a file of its own and enter it in the table of its kind:

| kind   | the loader                      | takes                                    | returns       | lies in        |
|--------|---------------------------------|------------------------------------------|---------------|----------------|
| text   | opens a file                    | path                                     | its bytes     | text/          |
| table  | loads one table                 | path, `TableOptions`                     | `LoadedTable` | table/formats/ |
| sound  | decodes one file                | path                                     | `Waveform`    | sounds/        |
| images | reads a file or a folder        | path, its files, classes, group          | `Labelled`    | labelled/      |

The entry says how a message calls such a file, how the names of such files end, and which settings of its kind do not
apply to it; these are refused. All else follows from the entry: the kind is found by the name, folders are searched
for such files, messages list the suffix, and dates, columns, blanks, resampling and labels are those of the kind.

A loader imports the package that decodes its format by `chainrule._optional.require`, and turns what that package
raises into a `DataError` by `decoding_of`. The first format of a kind also reads files of other suffixes, when the kind
is named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from chainrule.data.containers import Labelled
from chainrule.data.labelled.idx import read_idx
from chainrule.data.labelled.labelled_options import LabelledOptions
from chainrule.data.labelled.npz import read_npz
from chainrule.data.labelled.pictures import read_pictures
from chainrule.data.sounds.wav_and_flac import load_sound
from chainrule.data.sounds.waveforms import Waveform
from chainrule.data.table.formats.delimited import load_csv
from chainrule.data.table.formats.feather import load_feather
from chainrule.data.table.formats.packed import PACKED
from chainrule.data.table.formats.parquet import load_parquet
from chainrule.data.table.formats.sheet import load_sheet
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.loaded import LoadedTable

__all__ = ["FORMATS", "IMAGES", "SOUNDS", "TABLES", "TEXTS", "Format", "format_of", "kind_of_file"]

Load = TypeVar("Load", bound=Callable[..., Any])
LoadImages = Callable[[Path, list[Path], LabelledOptions], Labelled]

_NOT_IN_ARROW = ("sheet", "header", "encoding")
_TEXT_SUFFIXES = (".txt", ".md", ".rst", ".tex", ".log", ".html", ".xml", ".json", ".py", ".c", ".cpp")
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


@dataclass(frozen=True)
class Format(Generic[Load]):
    """A file format.

    Attributes:
        description: what a message calls such a file.
        suffixes: how the names of such files end, in lower case.
        load: the loader, as the table of its kind has it.
        without: the settings of its kind, fields of `Reading`, that do not apply to this format.
        packed: whether such files may be packed, as .csv.gz is.
        in_folders: whether a folder may consist of such files; otherwise each is read by its own name.
    """

    description: str
    suffixes: tuple[str, ...]
    load: Load
    without: tuple[str, ...] = ()
    packed: bool = False
    in_folders: bool = True

    def has(self, path: Path) -> bool:
        """Whether the name is that of a file of this format.

        >>> [TABLES[0].has(Path(name)) for name in ("a.csv", "a.CSV.gz", "a.parquet", "a.gz")]
        [True, True, False, False]
        """
        name = path.name.lower()
        if self.packed:
            name = name.removesuffix(next((end for end in PACKED if name.endswith(end)), ""))
        return name.endswith(self.suffixes)


TEXTS: tuple[Format[Callable[[Path], BinaryIO]], ...] = (
    Format("a text file", _TEXT_SUFFIXES, lambda path: path.open("rb")),
)
TABLES: tuple[Format[Callable[[Path, TableOptions], LoadedTable]], ...] = (
    Format("a CSV file", (".csv", ".tsv"), load_csv, without=("sheet",), packed=True, in_folders=False),
    Format("a Parquet file", (".parquet",), load_parquet, without=_NOT_IN_ARROW, in_folders=False),
    Format(
        "a Feather file",
        (".feather", ".arrow"),
        load_feather,
        without=_NOT_IN_ARROW,
        in_folders=False,
    ),
    Format("an Excel file", (".xlsx", ".xlsm"), load_sheet, without=("encoding",), in_folders=False),
)
SOUNDS: tuple[Format[Callable[[Path], Waveform]], ...] = (Format("a sound file", (".wav", ".flac"), load_sound),)
IMAGES: tuple[Format[LoadImages], ...] = (
    Format("an npz archive", (".npz",), read_npz, in_folders=False),
    Format("an idx file", ("-ubyte", "-ubyte.gz"), read_idx, without=("group",)),
    Format("a picture", _PICTURE_SUFFIXES, read_pictures, without=("max_unpacked",)),
)
FORMATS: dict[str, Sequence[Format[Any]]] = {"text": TEXTS, "table": TABLES, "sound": SOUNDS, "images": IMAGES}


def format_of(path: Path, formats: Sequence[Format[Load]]) -> Format[Load]:
    """The format among these that the file's name tells, else the first."""
    return next((each for each in formats if each.has(path)), formats[0])


def kind_of_file(path: Path) -> str | None:
    """The kind of data that the file's name tells, None if it tells none.

    >>> [kind_of_file(Path(name)) for name in ("a.txt", "train-images-idx3-ubyte.gz", "a.zip")]
    ['text', 'images', None]
    """
    return next((kind for kind, formats in FORMATS.items() if any(each.has(path) for each in formats)), None)
