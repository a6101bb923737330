"""``python -m chainrule_docs.releases FOLDER``: build the site of this version into a folder beside other versions'.

The folder is what is published. It has a folder for each release, an ``index.html`` that leads to the newest, and
``releases.js``, which every page of every release reads to offer the others. To publish a release, build into the
folder that is published already: older releases stay as they are.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

from packaging.version import Version
from sphinx.cmd.build import build_main

from chainrule_docs.built_site import problems

__all__ = ["build", "releases", "write_index"]

_DOCS = Path(__file__).parents[1]
_INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>chainrule</title>
<meta http-equiv="refresh" content="0; url={newest}/index.html">
<a href="{newest}/index.html">chainrule {newest}</a>
</html>
"""


def releases(folder: Path) -> list[str]:
    """The versions that have a site in the folder, the newest first."""
    return sorted((path.parent.name for path in folder.glob("*/objects.inv")), key=Version, reverse=True)


def write_index(folder: Path) -> None:
    """Write what is beside the releases: their list, and the page that leads to the newest."""
    names = releases(folder)
    (folder / "releases.js").write_text(f"window.releases = {json.dumps(names)};\n", encoding="utf-8")
    (folder / "index.html").write_text(_INDEX.format(newest=names[0]), encoding="utf-8")


def build(folder: Path) -> str | None:
    """Build and check the site of the version that is installed; what is wrong with it, or None."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of the notebooks, which are small
    site = folder / version("chainrule")
    parsed = folder.with_name("doctrees")
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--doctree-dir", str(parsed)]
    if build_main([*options, str(_DOCS), str(site)]):
        return f"{site} was not built."
    rmtree(folder / "jupyter_execute", ignore_errors=True)  # what notebooks left behind
    write_index(folder)
    return "\n".join(problems(folder)) or None


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
