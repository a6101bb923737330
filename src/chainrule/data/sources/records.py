"""Tables in JSON, which would be read as text."""

import re

from chainrule._choices import listed
from chainrule._settings import option
from chainrule.data.sources.formats import TABLES
from chainrule.data.sources.identifying import Identified
from chainrule.errors import DataError

__all__ = ["refuse_records"]

_LOOKED_AT = 2**16  # bytes
_RECORDS = re.compile(  # a list of lists or objects; columns by their names; an object a line
    rb"""\s*(?: \[\s*[\[{] | \{\s*"[^"]*"\s*:\s*[\[{] | \{[^{}]*\}\s*\{ )""", re.VERBOSE
)


def refuse_records(found: Identified) -> None:
    """Refuse a file of records in JSON that would be read as text, where no kind was named.

    Raises:
        DataError: names the formats of tables.
    """
    if found.kind != "text" or len(found.files) != 1 or found.files[0].suffix.lower() != ".json":
        return
    with found.files[0].open("rb") as file:
        begin = file.read(_LOOKED_AT)
    if _RECORDS.match(begin):
        suffixes = listed(suffix for each in TABLES for suffix in each.suffixes)
        raise DataError(
            f"{found.name} holds records in JSON, which is no format of tables here. Write them as one of {suffixes}, "
            f"or give {option('kind', 'text')} to model the characters of the file."
        )
