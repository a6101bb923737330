"""One self-contained page: styles, tables, figures as pictures within it; no script, and nothing from the network."""

import base64
import html
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["page", "picture", "styled"]

_STYLE = """
.lens {font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; color-scheme: light dark}
.lens table {border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6em 0; font-size: 14px}
.lens th, .lens td {text-align: right; padding: .15em .9em .15em 0; border: 0; background: none}
.lens th.text, .lens td.text {text-align: left}
.lens th {border-bottom: 1px solid #999; font-weight: 600}
.lens p {margin: .3em 0; max-width: 46em}
.lens h1 {font-size: 1.4em} .lens h2 {font-size: 1.1em; margin: 1.6em 0 .2em}
.lens img {max-width: 100%; height: auto; display: block}
.lens .scroll {overflow-x: auto}
@media (prefers-color-scheme: dark) {
  .lens {color: #ddd; background: #16181c}
  .lens img {filter: invert(1) hue-rotate(180deg)}
}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{margin: 0}} main {{max-width: 60em; margin: 0 auto; padding: 1em 1.2em; min-height: 100vh}}
@media (prefers-color-scheme: dark) {{body {{background: #16181c}}}}{style}</style>
</head>
<body>
<main class="lens">
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def page(title: str, body: str) -> str:
    """A whole document."""
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)


def styled(body: str) -> str:
    """An element with its styles, to stand among others in a notebook."""
    return f'<div class="lens"><style>{_STYLE}</style>\n{body}\n</div>'


def picture(figure: "Figure", alternative: str) -> str:
    """The figure as an <img> that holds its own SVG."""
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    data = base64.b64encode(svg.getvalue()).decode()
    return f'<img alt="{html.escape(alternative)}" src="data:image/svg+xml;base64,{data}">'
