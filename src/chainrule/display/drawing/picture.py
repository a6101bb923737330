"""A figure that a notebook displays. Imported when something is first drawn, as matplotlib may be absent."""

import io
from typing import Any

from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from chainrule.display.drawing.fonts import give_fallbacks, quietly
from chainrule.display.saving import writing

__all__ = ["Picture"]

_SHARP = 2  # pixels for each of a screen's, as high-resolution screens have


class Picture(Figure):
    """A matplotlib Figure of 100 dots an inch that a notebook displays, and that pyplot does not keep alive.

    >>> picture = Picture(2.0)
    >>> png, shown_as = picture._repr_png_()
    >>> png[:4], shown_as
    (b'\\x89PNG', {'width': 800, 'height': 200})
    """

    def __init__(self, height: float) -> None:
        super().__init__((8.0, height), dpi=100, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))

    def draw(self, renderer: RendererBase) -> None:
        """As every Figure, with installed fonts for letters that its own lack, and no warning where none has them.

        To save a figure, matplotlib draws it twice, the first time on nothing, for its layout, which needs no drawing.
        """
        give_fallbacks(self)
        engine = self.get_layout_engine()
        with quietly():
            if self.axes and self.canvas.is_saving() and isinstance(engine, ConstrainedLayoutEngine):
                engine.execute(self)
            else:
                super().draw(renderer)

    def savefig(self, fname: Any, **options: Any) -> None:
        """As every Figure; a file that cannot be written is named.

        Raises:
            WriteError: it cannot be written.
        """
        with writing(fname):
            super().savefig(fname, **options)

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        """What IPython asks for: the PNG, and the size to display it at."""
        written = io.BytesIO()
        self.savefig(written, format="png", dpi=_SHARP * self.dpi)
        width, height = self.get_size_inches() * self.dpi
        return written.getvalue(), {"width": int(width), "height": int(height)}
