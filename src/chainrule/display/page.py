"""A self-contained page: styles, tables, figures and the script of its views in one file; nothing from the network."""

import base64
import hashlib
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.display.interactive import bundle, styles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["page", "picture", "player", "styled"]

_STYLE = """
.chainrule {font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; color-scheme: light dark}
.chainrule table {border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6em 0; font-size: 14px}
.chainrule th, .chainrule td {text-align: right; padding: .15em .9em .15em 0; border: 0; background: none}
.chainrule th.text, .chainrule td.text {text-align: left}
.chainrule tr.strong {font-weight: 600}
.chainrule thead :is(th, td) {border-bottom: 1px solid #999; font-weight: 600}
.chainrule p {margin: .3em 0; max-width: 46em}
.chainrule h1 {font-size: 1.4em} .chainrule h2 {font-size: 1.1em; margin: 1.6em 0 .2em}
.chainrule img {max-width: 100%; height: auto; display: block}
.chainrule .scroll {overflow-x: auto}
.chainrule math {margin: .6em 0; width: max-content}
@media (prefers-color-scheme: dark) {
  .chainrule {color: #ddd; background: #16181c}
}
"""

_PAGE_STYLE = """body {margin: 0}
main {max-width: 60em; margin: 0 auto; padding: 1em clamp(.6em, 3vw, 1.2em); min-height: 100vh; box-sizing: border-box}
@media (prefers-color-scheme: dark) {body {background: #16181c}}
"""

# What may run, style and be shown is what this file holds, to the letter.
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; media-src data:; style-src '{style}'; "
    "script-src {script}"
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main class="chainrule">
<h1>{title}</h1>
{body}
</main>{script}
</body>
</html>
"""


def page(title: str, body: str, modules: Sequence[str] = ()) -> str:
    """A whole document; ``modules`` are those of the views in its body."""
    style = _PAGE_STYLE + _STYLE
    script = ""
    allowed = "'none'"
    if modules:
        style += styles()
        code = bundle(modules)
        allowed = f"'{_hash(code)}'"
        script = f'\n<script type="module">{code}</script>'
    policy = _POLICY.format(style=_hash(style), script=allowed)
    return _PAGE.format(policy=policy, title=html.escape(title), style=style, body=body, script=script)


def styled(body: str) -> str:
    """An element with its styles, for the output of a notebook cell."""
    return f'<div class="chainrule"><style>{_STYLE}</style>\n{body}\n</div>'


def _hash(text: str) -> str:
    """As a content security policy names the script or style that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# matplotlib writes colours into each element, but not those it draws in black by default
_DARK_INK = """
@media (prefers-color-scheme: dark) {
  svg {fill: #ddd}
  [style*="fill: #000000"], [style*="fill: #222222"] {fill: #ddd !important}
  [style*="stroke: #000000"], [style*="stroke: #222222"] {stroke: #ddd !important}
  [style*="stroke: #e6e6e6"] {stroke: #333 !important}
}
"""


def picture(figure: "Figure", alternative: str) -> str:
    """The figure as an <img> that holds its own SVG, with light lines in a dark colour scheme."""
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue().replace("</style>", f"{_DARK_INK}</style>", 1)
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{html.escape(alternative)}" src="data:image/svg+xml;base64,{data}">'


def player(wav: bytes, name: str) -> str:
    """Controls that play a sound, which holds it too."""
    data = base64.b64encode(wav).decode()
    return f'<audio controls aria-label="{html.escape(name)}" src="data:audio/wav;base64,{data}"></audio>'
