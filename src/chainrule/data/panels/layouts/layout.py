"""How a table is laid out: one series or many, and which settings apply then."""

from chainrule._settings import option
from chainrule.data.reading import Reading
from chainrule.errors import ArgumentError

__all__ = ["check_layout", "layout_of"]

_BESIDE = ("known", "past", "static", "calendar")
_WITHOUT = {
    "one": _BESIDE,
    "long": ("series",),
    "columns": ("id", "series", "known", "past", "static"),
    "rows": ("date", "series", "known", "past", "static"),
}
_MEANS = {
    "one": "reads one series",
    "long": "reads many series, one below the other",
    "columns": "reads a series in each column",
    "rows": "reads a series in each row",
}


def layout_of(reading: Reading) -> str:
    """The layout that is named, else long where there is an id without a series, or a covariate; else one.

    >>> [layout_of(Reading(**each)) for each in ({}, {"id": "store"}, {"id": "store", "series": "A"})]
    ['one', 'long', 'one']
    """
    if reading.layout is not None:
        return reading.layout
    has_covariates = any(getattr(reading, name) for name in _BESIDE)
    if has_covariates or (reading.id is not None and reading.series is None):
        return "long"
    return "one"


def check_layout(reading: Reading, layout: str) -> None:
    """Refuse settings that say nothing about a table of this layout.

    Raises:
        ArgumentError: names the setting.
    """
    means = f"`layout={layout!r}`".replace("'", '"')
    for name in _WITHOUT[layout]:
        value = getattr(reading, name)
        if value != getattr(Reading, name):
            raise ArgumentError(
                f"{option(name, value)} does not apply to {means}, which {_MEANS[layout]}. Leave it out, or name "
                "another `layout`."
            )
    if layout == "one":
        return
    if reading.transform != "auto":
        raise ArgumentError(
            f"{option('transform', reading.transform)} does not apply to {means}: many series are scaled each by its "
            "own level. Leave it out."
        )
    if reading.fill == "drop":
        raise ArgumentError(
            f"{option('fill', 'drop')} does not apply to {means}: a row that is left out is a step that is missing. "
            f"Leave it out, so that blanks stay missing, or give {option('fill', 'forward')} or "
            f"{option('fill', 'linear')}."
        )
    if layout != "long" and len(reading.columns) == 1:
        raise ArgumentError(
            f"{option('columns', reading.columns)} names one column, and {means} {_MEANS[layout]}; expected several. "
            "Name all of them, or leave it out to take all."
        )
