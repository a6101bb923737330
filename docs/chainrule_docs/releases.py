"""``python -m chainrule_docs.releases FOLDER``: build the site of this version into a folder beside other versions'.

The folder is what is published. It has a folder for each release, an ``index.html`` that leads to the newest, and
``releases.js``, which every page of every release reads to offer the others. To publish a release, build into the folder
that is published already: older releases stay as they are, and this one is built anew.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from packaging.version import Version
from sphinx.cmd.build import build_main

from chainrule_docs.built_site import problems

__all__ = ["index", "releases"]

_DOCS = Path(__file__).parents[1]


def releases(folder: Path) -> list[str]:
    """The versions that have a site in the folder, the newest first."""
    found = [path.parent.name for path in folder.glob("*/objects.inv")]
    return sorted(found, key=Version, reverse=True)


def index(folder: Path) -> None:
    """Write what is beside the releases: their list, and the page that leads to the newest."""
    names = releases(folder)
    (folder / "releases.js").write_text(f"window.releases = {json.dumps(names)};\n", encoding="utf-8")
    page = (
        f'<!doctype html><meta charset="utf-8"><title>chainrule</title>'
        f'<meta http-equiv="refresh" content="0; url={names[0]}/index.html"><a href="{names[0]}/index.html">chainrule</a>\n'
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def build(folder: Path) -> int:
    """Build and check the site of the version that is installed; the exit code."""
    site = folder / version("chainrule")
    if failed := build_main(["-W", "--keep-going", "-q", str(_DOCS), str(site)]):
        return failed
    index(folder)
    wrong = problems(folder)
    print("\n".join(wrong) or f"{site}/index.html")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
