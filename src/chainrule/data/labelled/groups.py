"""Groups of examples that belong together, such as those of one speaker, told by the names of their files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from chainrule._choices import counted, listed
from chainrule._settings import option
from chainrule.errors import ArgumentError, DataError

__all__ = ["Groups", "check_group", "groups_of_files"]


class Groups(NamedTuple):
    """What the groups are, such as "speaker", and the name of each example's group; no names where there are none."""

    by: str = "group"
    names: tuple[str, ...] = ()


_FIELD = re.compile(r"\{([^\W\d]\w*)\}")
_EXPECTED = (
    f"Expected {option('group', 'folder')}, or a pattern of file names with one name in braces: "
    f"{option('group', '*_{speaker}_*')} takes the speaker ann out of yes_ann_3.wav."
)


def check_group(group: object) -> None:
    """Refuse what is neither a word nor a pattern with one name in braces.

    >>> check_group("{word}_{speaker}_*")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `group="{word}_{speaker}_*"` has not one name in braces but 2. Expected \
`group="folder"`, or a pattern of file names with one name in braces: `group="*_{speaker}_*"` takes the speaker ann \
out of yes_ann_3.wav.
    """
    if not isinstance(group, str) or not group.strip():
        raise ArgumentError(f"`group` is {group!r}. {_EXPECTED}")
    if re.fullmatch(r"[^\W\d]\w*", group):
        return
    fields = len(_FIELD.findall(group))
    if fields > 1:
        raise ArgumentError(f"{option('group', group)} has not one name in braces but {fields}. {_EXPECTED}")
    if fields == 0 or group.count("{") != 1 or group.count("}") != 1:
        raise ArgumentError(f"{option('group', group)} has no name in braces. {_EXPECTED}")


def groups_of_files(paths: Sequence[Path], root: Path, group: str) -> Groups:
    """The group of each file: that of its folder, or what the name in braces of a pattern stands for.

    A pattern with a "/" is matched against the path inside ``root``, others against the file's name. Its name in
    braces and each "*" stand for as few characters as will do, and for no "/".

    Raises:
        DataError: a file that does not match, or files that are all of one group.

    >>> groups_of_files([Path("a/yes_ann_3.wav"), Path("a/no_bob_1.wav")], Path("a"), "*_{speaker}_*")
    Groups(by='speaker', names=('ann', 'bob'))
    """
    if group == "folder":
        return _several("folder", group, [path.parent.name for path in paths])
    field = _FIELD.search(group)
    if field is None:
        raise ArgumentError(f"{option('group', group)} names an array, but what is read are files. {_EXPECTED}")
    names = [path.name for path in paths]
    if "/" in group and root.is_dir():
        names = [path.relative_to(root).as_posix() for path in paths]
    pattern = _expression(group)
    matches = {name: pattern.fullmatch(name) for name in names}
    missed = [name for name in names if matches[name] is None]
    if missed:
        raise DataError(
            f"{option('group', group)} does not match {len(missed):,} of {counted(len(names), 'file')}: "
            f"{listed(missed, shown=3)}. {_EXPECTED}"
        )
    return _several(field[1], group, [match[1] for name in names if (match := matches[name]) is not None])


def _expression(group: str) -> re.Pattern[str]:
    """The pattern as an expression that never backtracks, so that no name takes long (as fnmatch.translate has it)."""
    first, *rest = re.split(r"(\*|\{\w+\})", group)
    variables = rest[::2]
    literals = rest[1::2]
    expression = re.escape(first)
    for place, (variable, literal) in enumerate(zip(variables, literals, strict=True)):
        taken = ("[^/]*?" if variable == "*" else "([^/]+?)") + re.escape(literal)
        is_last = place == len(variables) - 1
        expression += taken if is_last else f"(?>{taken})"
    return re.compile(expression)


def _several(by: str, group: str, names: Sequence[str]) -> Groups:
    if len(set(names)) < 2:
        raise DataError(
            f"with {option('group', group)}, all {counted(len(names), 'file')} are of one {by}, {names[0]}; holding "
            f"some out for a test takes three groups or more. {_EXPECTED}"
        )
    return Groups(by, tuple(names))
