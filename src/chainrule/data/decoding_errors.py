"""What other libraries raise while they read a file, as errors of our own."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.errors import ChainruleError, DataError

__all__ = ["decoding_of"]

_SHOWN = 200


@contextmanager
def decoding_of(path: Path | str, what: str) -> Iterator[None]:
    """Around a library that decodes a file: whatever it raises becomes a DataError that names the file.

    A broken file makes decoders fail in any class (Pillow: SyntaxError, struct.error, KeyError, ...), so that no list
    of them would hold. Only the library's call belongs inside, whose warnings are its own affair.

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
        said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        said = said if len(said) <= _SHOWN else f"{said[:_SHOWN]} ..."
        raise DataError(
            f"{path} cannot be read as {what}: {said}. It is broken, cut short, or of another format."
        ) from error
