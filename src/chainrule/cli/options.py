"""The options that commands share, each defined once."""

import csv
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chainrule.data import Reading
from chainrule.errors import ArgumentError


def _check_seed(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise ArgumentError(f"--seed is {seed}; expected a whole number from 0 to 2^63 - 1.")
    return seed


_MODEL = "Model"
_TRAINING = "Training"
_TIME = "Backpropagation through time"
_READING = "Reading the data"

Source = Annotated[
    str, Argument(metavar="DATA", help="A file, a folder, or a built-in set (see: chainrule data).", show_default=False)
]
NewSource = Annotated[
    str | None, Argument(metavar="DATA", help="New data, read as the run's own was.", show_default=False)
]
NewData = Annotated[str, Argument(metavar="DATA", help="New data, read as the run's own was.", show_default=False)]
RunFolder = Annotated[Path, Argument(metavar="RUN", help="The folder that fit made.", show_default=False)]

Hidden = Annotated[
    int | None,
    Option(
        help="Features a step; 512 for rnn, gru, lstm on text, 256 for other text and sound, else 32.",
        rich_help_panel=_MODEL,
        show_default=False,
    ),
]
Window = Annotated[
    int | None,
    Option(
        help="Steps that ar, mlp and conv see and gradients go back; 64, or a tenth of a short series; ar: by BIC.",
        rich_help_panel=_MODEL,
        show_default=False,
    ),
]
LayerNorm = Annotated[
    bool | None,
    Option(
        "--layer-norm/--no-layer-norm",
        help="rnn, gru, lstm: normalise what enters the gates; on for text.",
        rich_help_panel=_MODEL,
        show_default=False,
    ),
]
Head = Annotated[
    str,
    Option(help="For real values: gaussian or student; of several columns jointly.", rich_help_panel=_MODEL),
]
Skip = Annotated[
    bool,
    Option(
        "--skip/--no-skip",
        help="Networks of real values: add a linear AR past the network, which learns what it leaves.",
        rich_help_panel=_MODEL,
    ),
]
Stable = Annotated[
    bool,
    Option(
        "--stable",
        help="A linear ar: keep its roots inside the unit circle, so that forecasts cannot blow up.",
        rich_help_panel=_MODEL,
    ),
]
Minutes = Annotated[
    float | None, Option(help="Budget of time; 3 (compare: 1).", rich_help_panel=_TRAINING, show_default=False)
]
Steps = Annotated[
    int | None, Option(help="Budget of steps, instead of minutes.", rich_help_panel=_TRAINING, show_default=False)
]
Batch = Annotated[int, Option(help="Parallel rows, or examples a step.", rich_help_panel=_TRAINING)]
Rate = Annotated[
    float | None,
    Option(
        "--learning-rate",
        help="The peak; 5e-3, with layer norm 2e-2.",
        rich_help_panel=_TRAINING,
        show_default=False,
    ),
]
WeightDecay = Annotated[
    float | None,
    Option(help="Of matrices; 0.01, with layer norm 0.1.", rich_help_panel=_TRAINING, show_default=False),
]
Clip = Annotated[float, Option(help="Longest norm of the gradient.", rich_help_panel=_TRAINING)]
ClipValue = Annotated[
    float | None,
    Option(help="Largest entry of the gradient, cut before the norm.", rich_help_panel=_TRAINING, show_default=False),
]
Accumulate = Annotated[int, Option(help="Batches whose gradients make a step.", rich_help_panel=_TRAINING)]
Average = Annotated[
    float | None,
    Option(
        help="Decay of a moving average of the weights that is kept instead, as 0.999.",
        rich_help_panel=_TRAINING,
        show_default=False,
    ),
]
TBPTT = Annotated[
    str | None,
    Option(
        help="Steps that gradients go back, else the window: 64; 16,128 sends losses of 16 through 128; auto.",
        rich_help_panel=_TIME,
        show_default=False,
    ),
]
BPTT = Annotated[str, Option(help="truncated, auto, or full: exact, a step an epoch.", rich_help_panel=_TIME)]
Memory = Annotated[
    str | None, Option(help="Bound of the full gradient, as 256MB.", rich_help_panel=_TIME, show_default=False)
]
RandomWindows = Annotated[bool, Option("--random-windows", help="Draw their lengths.", rich_help_panel=_TIME)]
Shuffle = Annotated[
    bool, Option("--shuffle", help="Of text: documents in a new order every epoch.", rich_help_panel=_TIME)
]
StateDropout = Annotated[float, Option(help="Of text and sound: rate of forgetting the state.", rich_help_panel=_TIME)]
LearnedStart = Annotated[
    bool, Option("--learned-start", help="rnn, gru, lstm: learn the first state.", rich_help_panel=_TIME)
]
Patience = Annotated[
    int | None,
    Option(
        help="Of 20 validations, those without a better one before it stops; 8 for series, if long; 0: never.",
        rich_help_panel=_TRAINING,
        show_default=False,
    ),
]
Refit = Annotated[
    bool | None,
    Option(
        "--refit/--no-refit",
        help="After scoring, fit again to all of the data; on for series.",
        rich_help_panel=_TRAINING,
        show_default=False,
    ),
]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace the run in --out.")]
Seed = Annotated[int, Option(callback=_check_seed, help="Of everything random.")]
Quiet = Annotated[bool, Option("--quiet", help="Show no progress.")]

Kind = Annotated[
    str | None,
    Option(
        help="text, table, sound or images, if the name does not tell.", rich_help_panel=_READING, show_default=False
    ),
]
Encoding = Annotated[str, Option(help="Of text and CSV files.", rich_help_panel=_READING)]
Unit = Annotated[str, Option(help="Of text: characters or bytes.", rich_help_panel=_READING)]
Documents = Annotated[str, Option(help="Of a text: one, blank-line or line.", rich_help_panel=_READING)]
Columns = Annotated[
    list[str] | None,
    Option(
        "--columns",
        "--column",
        help="Of a table: names, with commas between them or the option repeated; '\"Price, USD\"' is one name.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
Date = Annotated[
    str | None,
    Option(
        help="The date column, or several that make a date, as Date,Time; found if not named.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
DateFormat = Annotated[
    str | None,
    Option(
        help="Of dates, as %d.%m.%Y; or the unit of numbers since 1970: s, ms, us, ns.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
Id = Annotated[
    str | None,
    Option(
        help="Of series one below the other: the column that tells them apart; found if not named.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
OneSeries = Annotated[
    str | None, Option("--series", help="The id of the series to take.", rich_help_panel=_READING, show_default=False)
]
Header = Annotated[
    bool | None,
    Option(
        "--header/--no-header",
        help="Whether a CSV file or a sheet has a header; found if not said.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
Sheet = Annotated[
    str | None, Option(help="Of an Excel file with several.", rich_help_panel=_READING, show_default=False)
]
Thousands = Annotated[
    str | None,
    Option(
        help="The mark between thousands in a table: , . ' _ or a blank.", rich_help_panel=_READING, show_default=False
    ),
]
Decimal = Annotated[
    str | None,
    Option(
        help="The mark before decimals: . or ,; a comma is taken where it can be nothing else.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
Freq = Annotated[
    str | None,
    Option(
        help="Of the dates, as pandas has it: h, B, ME ...; found if not named.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
Transform = Annotated[
    str,
    Option(
        help="standardise, none, difference or log-return; auto chooses by evidence from the training part.",
        rich_help_panel=_READING,
    ),
]
Fill = Annotated[str | None, Option(help="Blanks: forward, linear or drop; else refused.", rich_help_panel=_READING)]
Season = Annotated[
    int | None, Option(help="Steps in a season; found if not given.", rich_help_panel=_READING, show_default=False)
]
SampleRate = Annotated[
    int | None, Option("--rate", help="Resample sound to this.", rich_help_panel=_READING, show_default=False)
]
Labels = Annotated[bool, Option("--labels", help="Classify sound files by folder or name.", rich_help_panel=_READING)]

Group = Annotated[
    str | None,
    Option(
        help="With labels: keep what a part of the name says on one side, '*_{speaker}_*', or each folder.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]


def reading_of(
    kind: str | None,
    encoding: str,
    unit: str,
    documents: str,
    columns: list[str] | None,
    date: str | None,
    date_format: str | None,
    id: str | None,
    series: str | None,
    header: bool | None,
    sheet: str | None,
    thousands: str | None,
    decimal: str | None,
    freq: str | None,
    transform: str,
    fill: str | None,
    season: int | None,
    rate: int | None,
    labels: bool,
    group: str | None = None,
) -> Reading:
    """The reading that the options ask for."""
    return Reading(
        kind=kind,
        encoding=encoding,
        unit=unit,
        documents=documents,
        columns=tuple(name for names in columns or () for name in names_in(names)),
        date=None if date is None else names_in(date),
        date_format=date_format,
        id=None if id is None else names_in(id),
        series=series,
        header=header,
        sheet=sheet,
        thousands=thousands,
        decimal=decimal,
        freq=freq,
        transform=transform,
        fill=fill,
        season=season,
        rate=rate,
        labels=labels,
        group=group,
    )


def names_in(text: str) -> tuple[str, ...]:
    """Names with commas between them; one that has commas itself stands in quotes.

    >>> names_in('a, b,"Price, USD"')
    ('a', 'b', 'Price, USD')
    """
    try:
        rows = list(csv.reader([text], skipinitialspace=True))
    except csv.Error as error:
        raise ArgumentError(f"the names {text[:60]!r} cannot be told apart: {error}.") from error
    return tuple(name.strip() for row in rows for name in row)
