"""What the page asks for, as the command that does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule._choices import choose, near, spelt
from chainrule.data import builtins
from chainrule.data.sources.formats import kind_of_file
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.runs.folder.config import RunConfig, read_asked
from chainrule.studio.folders import RunsFolder
from chainrule.studio.jobs.options import arguments_of
from chainrule.studio.jobs.runner import Job, JobRunner

__all__ = ["DataFolder", "start"]

_DEEPEST = 3
_MOST = 1000  # files that are listed


class DataFolder:
    """What a fit can be given: built-in sets, and files and folders below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def to_dict(self) -> dict[str, Any]:
        listed = [
            {"name": each.name, "kind": each.kind, "description": each.description, "size": each.size}
            for each in builtins()
        ]
        return {"folder": str(self.root), "builtin": listed, "files": self._files()}

    def source(self, name: object) -> str:
        """The source that a name stands for, as ``fit`` takes it.

        Raises:
            ArgumentError: there is none.
        """
        known = [each.name for each in builtins()]
        if not isinstance(name, str) or not name:
            raise ArgumentError(f"`data` is {spelt(name)}; expected the name of a built-in set or of a file.")
        if name in known:
            return f"builtin:{name}"
        try:
            path = (self.root / name).resolve()
            is_there = path.exists()
        except (OSError, ValueError, RuntimeError):
            is_there = False
        if not is_there or not path.is_relative_to(self.root) or path == self.root:
            raise ArgumentError(
                f"`data` is {name[:100]!r}; expected a built-in set or a file below {self.root}.{near(name, known)}"
            )
        return str(path)

    def _files(self) -> list[str]:
        """Files that can be read, by their paths below the folder; a folder of data can be named by hand."""
        found: list[str] = []
        folders = [(self.root, 1)]
        while folders and len(found) < _MOST:
            folder, depth = folders.pop()
            for path in _within(folder):
                if path.is_dir() and depth < _DEEPEST and not (path / "config.json").exists():
                    folders.append((path, depth + 1))
                elif path.is_file() and _is_data(path):
                    found.append(path.relative_to(self.root).as_posix())
        return sorted(found[:_MOST])


def _within(folder: Path) -> list[Path]:
    """What the folder holds, but for links and what is hidden; nothing of one that is not there or may not be read."""
    try:
        held = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in held if not path.name.startswith(".") and not path.is_symlink()]


def _is_data(path: Path) -> bool:
    """Whether the file is data by itself, by its name; a picture is one only in a folder of them."""
    kind = kind_of_file(path)
    return path.suffix not in (".json", ".log") and (kind in ("text", "table", "sound") or path.suffix == ".npz")


def start(asked: Any, jobs: JobRunner, folder: RunsFolder, data: DataFolder) -> Job:
    """Start what was asked for: {"command": "fit", "data", "out", "options"} or {"command": "resume", "run"}.

    Raises:
        ArgumentError: it is no such thing.
        RunExistsError: there is something in the place of the new run.
        HTTPException: 404, there is no such run to resume.
    """
    if not isinstance(asked, Mapping):
        raise ArgumentError(f"{spelt(asked)} was sent; expected an object with a command.")
    choose("`command`", asked.get("command"), ("fit", "resume"))
    if asked["command"] == "resume":
        _refuse_others(asked, ("command", "run", "options"))
        name = _name("run", asked.get("run"))
        path = folder.run(name)
        return jobs.start("resume", name, ["fit", *_again(path, _options(asked)), f"--out={path}", "--resume"])
    _refuse_others(asked, ("command", "data", "out", "options"))
    name = _name("out", asked.get("out"))
    path = folder.place(name)
    return jobs.start(
        "fit", name, ["fit", data.source(asked.get("data")), *arguments_of(_options(asked)), f"--out={path}"]
    )


def _refuse_others(asked: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in asked:
        choose("a field", name, known)


def _name(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"`{field}` is {spelt(value)}; expected the name of a run.")
    return value


def _options(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    options = asked.get("options", {})
    if not isinstance(options, Mapping):
        raise ArgumentError(f"`options` is {spelt(options)}; expected an object of options and their values.")
    return options


def _again(path: Path, budget: Mapping[str, Any]) -> list[str]:
    """The fit that began a run, with what may change: its budget and patience."""
    source = RunConfig.load(path).source
    if source is None:
        raise RunFormatError(f"{path.name} was fitted to data in memory, which is not kept: go on where the data is.")
    given = read_asked(path)
    for name in budget:
        choose("an option", name, ("minutes", "steps", "patience"))
    if {"minutes", "steps"} & budget.keys():
        given = {name: value for name, value in given.items() if name not in ("minutes", "steps")}
    return [source if Path(source).is_absolute() else f"builtin:{source}", *arguments_of({**given, **budget})]
