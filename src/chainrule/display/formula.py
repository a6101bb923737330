"""Formulas, typeset by the browser itself: LaTeX as MathML."""

import html
from functools import cache

from chainrule._optional import require

__all__ = ["typeset"]


@cache
def typeset(latex: str) -> str:
    """A formula in LaTeX as a line of MathML, which browsers draw and screen readers read without any script.

    >>> typeset(r"x_t")  # doctest: +ELLIPSIS
    '<math alttext="x_t" ...><mrow><msub><mi>x</mi><mi>t</mi></msub></mrow></math>'
    """
    written: str = require("latex2mathml.converter").convert(latex, display="block")
    return written.replace("<math ", f'<math alttext="{html.escape(latex)}" ', 1)
