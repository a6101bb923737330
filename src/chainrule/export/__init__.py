"""A trained model as a file that others run: ONNX, or a program of torch's own operations; checked before it is given.

What leaves here computes what the model computes: both are run on the inputs given and on others of another batch and
length, and where they differ, :class:`chainrule.errors.ExportError` says by how much and nothing is written.
"""

from chainrule.export.agreement import TOLERANCES
from chainrule.export.onnx_model import onnx
from chainrule.export.programs import program

__all__ = ["TOLERANCES", "onnx", "program"]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
