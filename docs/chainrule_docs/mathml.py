"""Formulas as MathML Core: no script, no font and no network is needed to see them, and screen readers read them."""

from typing import Any

from docutils import nodes
from math_core import LatexToMathML
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

__all__ = ["markup", "setup"]

_CONVERTER = LatexToMathML(
    macros={"substack": r"\begin{matrix}#1\end{matrix}"},
    allow_unreliable_rendering=True,  # \widetilde: browsers differ in its width alone
    annotation=True,  # the LaTeX inside, for whoever copies a formula
    fancy_error=False,
)


def markup(latex: str, *, block: bool) -> str:
    r"""The ``<math>`` element of a formula.

    A ``\tag`` is what numbers an equation: LaTeX has it in numbered environments alone, KaTeX and MathJax anywhere.

    Raises:
        LatexError: the formula has a mistake, or a command that is not known.

    >>> "<msub><mi>h</mi><mi>t</mi></msub>" in markup("h_t", block=False)
    True
    """
    if r"\tag" in latex:
        latex = rf"\begin{{equation}}{latex}\end{{equation}}"
    return _CONVERTER.convert_with_local_state(latex, displaystyle=block)


def _write_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(markup(node.astext(), block=False))
    raise nodes.SkipNode


def _write_block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula">{markup(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the writer of formulas, to be chosen by ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", (_write_inline, None), (_write_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
