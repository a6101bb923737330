"""The interactive part of a page: what Python sends, and the script that shows it (README.md)."""

from chainrule.display.interactive.bundle import bundle, styles
from chainrule.display.interactive.view import View, exact

__all__ = ["View", "bundle", "exact", "styles"]
