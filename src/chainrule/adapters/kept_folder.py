"""The folder of a run that lives as long as its estimator, and goes where that is copied or pickled to."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

__all__ = ["KeptFolder"]


class KeptFolder:
    """A temporary folder, removed when nothing refers to it any more, or a folder of the user's, which stays.

    Copies and pickles hold the bytes of its files, which are safetensors, JSON and figures, and no object of ours;
    they unpack to a temporary folder of their own.

    >>> import copy
    >>> kept = KeptFolder()
    >>> kept.path.mkdir()
    >>> _ = (kept.path / "note.txt").write_text("here")
    >>> again = copy.deepcopy(kept)
    >>> (again.path / "note.txt").read_text()
    'here'
    """

    def __init__(self, path: str | Path | None = None) -> None:
        if path is None:
            above = tempfile.mkdtemp(prefix="chainrule-")
            weakref.finalize(self, shutil.rmtree, above, ignore_errors=True)  # at the interpreter's end at the latest
            path = Path(above, "run")
        self.path = Path(path)

    def __getstate__(self) -> dict[str, Any]:
        files = [path for path in self.path.rglob("*") if path.is_file()]
        return {"files": {path.relative_to(self.path).as_posix(): path.read_bytes() for path in sorted(files)}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        KeptFolder.__init__(self)
        for name, content in state["files"].items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
