"""Files that unpack to more than memory should be used for."""

from chainrule._settings import option
from chainrule.errors import DataError

__all__ = ["too_large"]


def too_large(name: object, most: int, remedy: str) -> DataError:
    """The error of a file that unpacks to more than ``most`` bytes, with what else can be done than to allow more.

    >>> print(too_large("a.csv.gz", 256_000_000, "Unpack it yourself"))
    a.csv.gz unpacks to more than 256 MB. Unpack it yourself, or allow more, for example `max_unpacked="512MB"`.
    """
    unit, letters = next((size, unit) for size, unit in _UNITS if most >= size)
    allowed = option("max_unpacked", f"{2 * most // unit}{letters}")
    return DataError(
        f"{name} unpacks to more than {most / unit:.4g} {letters}. {remedy}, or allow more, for example {allowed}."
    )


_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))
