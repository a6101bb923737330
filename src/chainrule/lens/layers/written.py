"""A layer and a cell of its output as text names them, as a command and a page are given them."""

from chainrule._choices import whole_in
from chainrule.errors import ArgumentError

__all__ = ["cell_in", "layer_in"]


def layer_in(text: str | None) -> int | str | None:
    """A layer's number or name; None of no text.

    >>> layer_in("3"), layer_in("stages.0"), layer_in("")
    (3, 'stages.0', None)
    """
    number = whole_in(text or "")
    return (text or None) if number is None else number


def cell_in(text: str | None) -> tuple[int, ...]:
    """The place of a cell; () of no text.

    Raises:
        ArgumentError: there is something else than whole numbers.

    >>> cell_in("3,-5"), cell_in(None)
    ((3, -5), ())
    """
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ArgumentError(
            f"`at` is {text!r}; expected a step, or the place of a cell with commas between its numbers, such as 3,5."
        ) from None
