"""How messages name the settings of a reading: in backticks, as Python has them."""

import json

__all__ = ["setting"]


def setting(name: str, value: object) -> str:
    """A setting with its value, to be copied out of a message; the command line shows it as an option.

    Quotation marks and backticks in the value are escaped, so that only the backticks around the setting are left.

    >>> print(setting("fill", "drop"), setting("header", False), setting("columns", ("Adj Close",)))
    `fill="drop"` `header=False` `columns=("Adj Close",)`
    """
    return f"`{name}={_literal(value)}`"


def _literal(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("`", "\\x60")
    if isinstance(value, tuple):
        parts = [_literal(part) for part in value]
        trailing_comma = "," * (len(parts) == 1)
        return f"({', '.join(parts)}{trailing_comma})"
    return repr(value)
