"""Imports that an extra brings, made when first needed, so that the core starts fast and stands alone."""

from importlib import import_module
from types import ModuleType

from chainrule.errors import MissingExtraError


def require(module: str, extra: str = "app") -> ModuleType:
    """Import ``module``, or say which extra installs it.

    >>> require("json").dumps([1])
    '[1]'
    >>> require("no_such_module")
    Traceback (most recent call last):
    ...
    chainrule.errors.MissingExtraError: this needs the package 'no_such_module', which is not installed. \
Install it with: pip install 'chainrule[app]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise MissingExtraError(
            f"this needs the package {missing!r}, which is not installed. "
            f"Install it with: pip install 'chainrule[{extra}]'"
        ) from error
