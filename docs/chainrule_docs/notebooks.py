"""Where outputs of notebooks are kept: in a folder for each state of the library, so that none is out of date."""

from hashlib import sha256
from pathlib import Path

from chainrule_docs.repository import ROOT

__all__ = ["outputs_folder"]


def outputs_folder() -> Path:
    """The folder under build/ for the library as it is now; a change of its code means that notebooks run again."""
    code = sha256()
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in {".py", ".cpp", ".hpp"}:
            code.update(path.read_bytes())
    return ROOT / "build" / "notebooks" / code.hexdigest()[:16]
