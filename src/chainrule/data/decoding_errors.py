"""What other libraries raise while they decode a file, as errors of our own."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.errors import ChainruleError, DataError

__all__ = ["decoding_of"]

_SHOWN = 200


@contextmanager
def decoding_of(path: Path | str, what: str) -> Iterator[None]:
    """Turns whatever a library raises while it decodes a file into a DataError that names the file.

    On a broken file decoders raise nearly anything (Pillow: SyntaxError, struct.error, KeyError, ...), so that no list
    of classes would be complete. Only the library's call belongs inside. Its warnings are not shown.

    >>> with decoding_of("a.png", "an image"):
    ...     raise SyntaxError("broken PNG file")
    Traceback (most recent call last):
    ...
    chainrule.errors.DataError: a.png cannot be read as an image: broken PNG file. It is broken, cut short, or of \
another format.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a decoder only warns of, it has read all the same
            yield
    except ChainruleError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if len(reason) > _SHOWN:
            reason = f"{reason[:_SHOWN]} ..."
        raise DataError(
            f"{path} cannot be read as {what}: {reason}. It is broken, cut short, or of another format."
        ) from error
