"""Files that were dropped on the page: kept while the studio runs, under names that lead nowhere else."""

import re
import secrets
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import open_file

from chainrule.errors import ArgumentError
from chainrule.studio.answers import missing

__all__ = ["Uploads"]

_KEPT = 16
_STRANGE = re.compile(r"[^\w .+()-]")
_LONGEST = 200  # bytes of a name


class Uploads:
    """The files last dropped, each in a folder of its own; all go when the studio ends."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="chainrule-studio-")
        self._files: OrderedDict[str, Path] = OrderedDict()

    async def take(self, name: str, body: AsyncIterator[bytes]) -> str:
        """Keep a file; the key by which views are given it."""
        plain = _plain(name)
        if not plain:
            raise ArgumentError(f"the file's name is {name[:60]!r}; expected one such as digit.png in X-File-Name.")
        key = secrets.token_hex(8)
        path = Path(self._folder.name) / key / plain
        path.parent.mkdir()
        try:
            async with await open_file(path, "wb") as file:
                async for part in body:
                    await file.write(part)
        except BaseException:  # too large, or the page was closed meanwhile
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        self._files[key] = path
        while len(self._files) > _KEPT:
            _, oldest = self._files.popitem(last=False)
            shutil.rmtree(oldest.parent, ignore_errors=True)
        return key

    def path(self, key: str, accept: tuple[str, ...]) -> Path:
        """The file of a key, where its name ends as a view accepts it.

        Raises:
            HTTPException: 404, there is none, or no more.
            ArgumentError: it is of another kind.
        """
        path = self._files.get(key)
        if path is None:
            raise missing("the file that was dropped is no longer kept. Drop it again.")
        if not path.name.lower().endswith(accept):
            raise ArgumentError(f"{path.name} is no file for this view, which takes {', '.join(accept) or 'none'}.")
        return path

    def close(self) -> None:
        """Remove all files."""
        self._folder.cleanup()


def _plain(name: str) -> str:
    """The last part of a name, with its ending, as any file system has names.

    >>> _plain("C:\\\\fakepath\\\\my digit?.png")
    'my digit_.png'
    """
    last = re.split(r"[/\\]", name)[-1]
    return _STRANGE.sub("_", last).encode()[-_LONGEST:].decode(errors="ignore").strip(" .")
