"""Every error a user can cause, as one tree.

    ChainruleError
    ├── ArgumentError (ValueError)        an argument or option has a value that cannot work
    │   ├── ArgumentTypeError (TypeError) a layer of torch.nn's arguments got one of a type that it cannot be
    │   ├── ShapeError (RuntimeError)     a tensor has the wrong shape, dtype or device
    │   └── DeviceError (RuntimeError)    a device asked for by name is not there, or cannot compute this
    ├── BackendError (RuntimeError)       a backend asked for by name cannot run this call
    ├── TraceError (RuntimeError)         gradients are asked for before a backward pass
    ├── DisagreementError (ArithmeticError)  two ways to compute the same number differ
    ├── ExportError (RuntimeError)        a model cannot be exported as what it computes
    ├── MissingExtraError (ImportError)   an optional dependency is not installed
    ├── DataError (ValueError)            what was read cannot be used as it is
    │   ├── TooShortError                 fewer steps than the model needs
    │   ├── ColumnError                   a column is missing or not numeric
    │   ├── MissingValuesError            blanks in a series
    │   ├── TransformError                values outside a transform's domain
    │   └── UnseenSymbolError             symbols that were not in the training data
    ├── RunError                          a run folder cannot be used
    │   ├── RunExistsError                it exists and would be overwritten
    │   └── RunFormatError                it is broken, incomplete or not a run
    ├── WriteError (OSError)               a file cannot be written, as the disk is full
    ├── DivergedError                     the loss became NaN or infinite
    └── ProcessError (RuntimeError)       one of several processes that train together has ended

Each message says what was wrong, what was got, what was expected, and how to mend it. It names
settings in backticks as Python has them: `fill="drop"` is a field of Reading. The command line tells
them as its options, --fill drop, prints the message and exits with code 2.
"""

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "BackendError",
    "ChainruleError",
    "ColumnError",
    "DataError",
    "DeviceError",
    "DisagreementError",
    "DivergedError",
    "ExportError",
    "MissingExtraError",
    "MissingValuesError",
    "ProcessError",
    "RunError",
    "RunExistsError",
    "RunFormatError",
    "ShapeError",
    "TooShortError",
    "TraceError",
    "TransformError",
    "UnseenSymbolError",
    "WriteError",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__


class ChainruleError(Exception):
    """The root: catches every error that chainrule raises on purpose.

    >>> import torch
    >>> import chainrule
    >>> try:
    ...     chainrule.nn.GRU(3, 4)(torch.zeros(5, 1, 2))
    ... except ChainruleError as error:
    ...     print(type(error).__name__)
    ShapeError
    """


class ArgumentError(ChainruleError, ValueError):
    """An argument or option has a value that cannot work."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument of a layer has a type that it cannot have (torch raises TypeError for these)."""


class ShapeError(ArgumentError, RuntimeError):
    """A tensor has the wrong shape, dtype or device (torch raises RuntimeError for these)."""


class DeviceError(ArgumentError, RuntimeError):
    """A device asked for by name is not there, or cannot compute what is asked of it."""


class BackendError(ChainruleError, RuntimeError):
    """A backend asked for by name cannot run this call."""


class TraceError(ChainruleError, RuntimeError):
    """Gradients are asked for before a backward pass has computed them."""


class DisagreementError(ChainruleError, ArithmeticError):
    """What the lens derives by hand and what autograd finds differ by more than rounding."""


class ExportError(ChainruleError, RuntimeError):
    """A model cannot be exported, or what was exported computes something else; nothing was written."""


class MissingExtraError(ChainruleError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class DataError(ChainruleError, ValueError):
    """What was read cannot be used as it is."""


class TooShortError(DataError):
    """Fewer steps than the model needs; the message says how many it needs."""


class ColumnError(DataError):
    """A column is missing or not numeric."""


class MissingValuesError(DataError):
    """Blanks in a series; the message names the rows and the remedies."""


class TransformError(DataError):
    """Values outside a transform's domain, such as a negative price under log-return."""


class UnseenSymbolError(DataError):
    """Symbols that were not in the training data."""


class RunError(ChainruleError):
    """A run folder cannot be used."""


class RunExistsError(RunError):
    """The run folder exists and would be overwritten."""


class RunFormatError(RunError):
    """The folder is broken, incomplete or not a run of chainrule."""


class WriteError(ChainruleError, OSError):
    """A file cannot be written, as where the disk is full; what was there before is kept."""


class DivergedError(ChainruleError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""


class ProcessError(ChainruleError, RuntimeError):
    """One of several processes that train together has ended; the last checkpoint is complete."""
