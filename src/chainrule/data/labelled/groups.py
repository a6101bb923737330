"""Groups of examples that belong together, such as those of one speaker, told by the names of their files."""

import re
from collections.abc import Sequence
from pathlib import Path

from chainrule._choices import counted, listed
from chainrule.errors import ArgumentError, DataError

__all__ = ["Groups", "check_group", "groups_of_files"]

Groups = tuple[str, tuple[str, ...]]
"""What the groups are, such as "speaker", and the group of each example."""

_FIELD = re.compile(r"\{([^\W\d]\w*)\}")
_EXAMPLE = (
    "Expected folder, or a pattern of file names with one name in braces: '*_{speaker}_*' takes the speaker ann out of "
    "yes_ann_3.wav."
)


def check_group(group: object) -> None:
    """Refuse what is neither a word nor a pattern with one name in braces.

    >>> check_group("{word}_{speaker}_*")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: group is '{word}_{speaker}_*', which has not one name in braces but 2. Expected \
folder, or a pattern of file names with one name in braces: '*_{speaker}_*' takes the speaker ann out of yes_ann_3.wav.
    """
    if not isinstance(group, str) or not group.strip():
        raise ArgumentError(f"group is {group!r}. {_EXAMPLE}")
    fields = len(_FIELD.findall(group))
    braces = group.count("{"), group.count("}")
    is_word = re.fullmatch(r"[^\W\d]\w*", group) is not None
    if not is_word and (fields != 1 or braces != (1, 1)):
        found = f"not one name in braces but {fields}" if fields > 1 else "no name in braces"
        raise ArgumentError(f"group is {group!r}, which has {found}. {_EXAMPLE}")


def groups_of_files(paths: Sequence[Path], root: Path, group: str) -> Groups:
    """The group of each file: that of its folder, or what the name in braces of a pattern stands for.

    A pattern with a "/" is held against the path inside ``root``, others against the file's name. Its name in braces
    and each "*" stand for as few characters as will do, and for no "/".

    Raises:
        DataError: a file that does not match, or files that are all of one group.

    >>> groups_of_files([Path("a/yes_ann_3.wav"), Path("a/no_bob_1.wav")], Path("a"), "*_{speaker}_*")
    ('speaker', ('ann', 'bob'))
    """
    if group == "folder":
        return _several(group, group, [path.parent.name for path in paths])
    field = _FIELD.search(group)
    if field is None:
        raise ArgumentError(f"group is {group!r}, but what is read are files. {_EXAMPLE}")
    pattern = _expression(group)
    names = [path.relative_to(root).as_posix() if "/" in group and root.is_dir() else path.name for path in paths]
    found = [pattern.fullmatch(name) for name in names]
    missed = [name for name, match in zip(names, found, strict=True) if match is None]
    if missed:
        raise DataError(
            f"group is {group!r}, which does not match {len(missed):,} of {counted(len(names), 'file')}: "
            f"{listed(missed, shown=3)}. {_EXAMPLE}"
        )
    return _several(field[1], group, [match[1] for match in found if match is not None])


def _expression(group: str) -> re.Pattern[str]:
    """The pattern as an expression that never looks back, so that no name takes long (as fnmatch.translate has it)."""
    first, *rest = re.split(r"(\*|\{\w+\})", group)
    expression = re.escape(first)
    for place, (variable, literal) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        taken = ("[^/]*?" if variable == "*" else "([^/]+?)") + re.escape(literal)
        expression += taken if 2 * place + 2 == len(rest) else f"(?>{taken})"
    return re.compile(expression)


def _several(by: str, group: str, names: Sequence[str]) -> Groups:
    if len(set(names)) < 2:
        raise DataError(
            f"group is {group!r}, and all {counted(len(names), 'file')} are of one {by}, {names[0]}; to keep "
            f"some of them for a test takes three or more. {_EXAMPLE}"
        )
    return by, tuple(names)
