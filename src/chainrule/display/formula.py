"""Formulas, typeset by the browser itself: LaTeX as MathML."""

import html
from functools import cache

from chainrule._optional import require

__all__ = ["typeset"]

_NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'  # which XML needs and HTML knows: pages name nothing outside


@cache
def typeset(latex: str) -> str:
    """A formula in LaTeX as a line of MathML, which browsers draw and screen readers read without any script.

    >>> typeset(r"x_t")  # doctest: +ELLIPSIS
    '<math alttext="x_t" ...><mrow><msub><mi>x</mi><mi>t</mi></msub></mrow></math>'
    """
    written: str = require("latex2mathml.converter").convert(latex, display="block")
    in_html = written.replace(_NAMESPACE, "", 1)
    return in_html.replace("<math ", f'<math alttext="{html.escape(latex)}" ', 1)
