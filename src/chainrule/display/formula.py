"""Formulas, typeset by the browser itself: LaTeX as MathML."""

import html
import re
from functools import cache

from chainrule._optional import require

__all__ = ["typeset"]


@cache
def typeset(latex: str) -> str:
    """A formula in LaTeX as a line of MathML, which browsers draw and screen readers read without any script.

    >>> typeset(r"x_t")
    '<math alttext="x_t" display="block"><msub><mi>x</mi><mi>t</mi></msub></math>'
    >>> "style" in typeset(r"\\left( a \\right)^{\\top} b")
    False
    """
    converter = require("math_core").LatexToMathML()
    written: str = converter.convert_with_local_state(latex, displaystyle=True)
    written = re.sub(r' style="[^"]*"', "", written)  # a little space, which the pages' security policy would refuse
    written = written.replace("&ApplyFunction;", "&#x2061;")  # a name that HTML knows, and XML does not
    return written.replace("<math ", f'<math alttext="{html.escape(latex)}" ', 1)
