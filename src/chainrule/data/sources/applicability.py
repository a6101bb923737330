"""Which settings of a reading apply to a source: the others are refused, and never ignored."""

from dataclasses import replace
from typing import Any

from chainrule._settings import option
from chainrule.data.panels.layouts.layout import check_layout, layout_of
from chainrule.data.panels.panel import Covariates
from chainrule.data.reading import Reading
from chainrule.data.sources.identifying import Identified
from chainrule.data.text.alphabet import Alphabet
from chainrule.errors import ArgumentError, DataError

__all__ = ["check_applies", "check_model_takes", "without_inapplicable"]


def check_applies(reading: Reading, source: Identified, *, for_a_model: bool) -> None:
    """Refuse settings that say nothing about this source.

    Args:
        reading: the settings.
        source: what is read.
        for_a_model: whether it is read for a model, whose alphabet decides which characters are known.

    Raises:
        ArgumentError: a setting of another kind of data or another format, or one that needs another beside it.
    """
    if reading.kind not in (None, source.kind):
        raise ArgumentError(
            f"{option('kind', reading.kind)} does not apply to {source.description}, which is "
            f"{option('kind', source.kind)}. Leave it out."
        )
    reading.refuse_foreign(source.kind, source.name)
    for name in source.without:
        value = getattr(reading, name)
        if value != getattr(Reading, name):
            raise ArgumentError(f"{option(name, value)} does not apply to {source.description}. Leave it out.")
    if source.kind == "table" and source.builtin is None:
        check_layout(reading, layout_of(reading))
    if source.is_array and layout_of(reading) == "long":
        raise ArgumentError(
            f"an array has no columns of ids and covariates. Name {option('layout', 'columns')} or "
            f"{option('layout', 'rows')}, or give a DataFrame."
        )
    if reading.unit == "bytes" and reading.encoding != Reading.encoding:
        raise ArgumentError(
            f"{option('encoding', reading.encoding)} does not apply to {option('unit', 'bytes')}: bytes are read as "
            "they are. Leave it out."
        )
    if reading.unknown is not None and not for_a_model:
        raise ArgumentError(
            f"{option('unknown', reading.unknown)} applies to new text for a model, but {source.name} is not read "
            "for a model, so that all its characters are known. Leave it out."
        )
    if reading.group is not None and not _is_labelled(reading, source):
        raise ArgumentError(
            f"{option('group', reading.group)} applies to labelled data, but {source.name} is read without labels. "
            f"Leave it out, or add {option('labels', True)}."
        )


def without_inapplicable(reading: Reading, source: Identified) -> Reading:
    """The reading of other data, without the settings that do not apply to the format of this source; of its kind."""
    changes: dict[str, Any] = {name: getattr(Reading, name) for name in source.without}
    changes["kind"] = source.kind
    return replace(reading, **changes)


def check_model_takes(
    reading: Reading,
    source: Identified,
    *,
    alphabet: Alphabet | None,
    classes: tuple[str, ...] | None,
    covariates: Covariates | None,
) -> None:
    """Refuse data of another kind than a model with this alphabet, these classes or these covariates takes.

    Raises:
        DataError: what the model takes, and what the source is read as.
    """
    gives = _read_as(reading, source)
    if alphabet is not None and alphabet.kind != gives:
        takes = alphabet.kind
    elif classes is not None and not _is_labelled(reading, source):
        takes = "labelled examples"
    elif covariates is not None and gives != "many series":
        takes = "many series"
    else:
        return
    raise DataError(
        f"the model takes {takes}, but {source.name} is read as {gives}. "
        "Give it data of the kind that it was fitted to."
    )


def _is_labelled(reading: Reading, source: Identified) -> bool:
    return source.kind == "images" or (source.kind == "sound" and reading.labels)


def _read_as(reading: Reading, source: Identified) -> str:
    if _is_labelled(reading, source):
        return f"labelled {source.kind}"
    if source.kind == "table" and source.builtin is None and layout_of(reading) != "one":
        return "many series"
    return {"text": reading.unit, "sound": "mu-law", "table": "real values"}[source.kind]
