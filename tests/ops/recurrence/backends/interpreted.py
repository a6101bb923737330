"""Triton's interpreter with the programs of a group in threads: elsewhere they run one after the other, and one that
waits for another waits for ever."""

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

_place = threading.local()
_rewriting = threading.Lock()


@contextmanager
def programs_in_threads() -> Iterator[None]:
    """Within it the programs of a grid (groups, parts) that have the same group run at the same time."""
    from triton.runtime import interpreter

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    own_place = property(lambda self: getattr(_place, "value", None), lambda self, place: _set(place))
    rewrite = interpreter.InterpretedFunction.rewrite
    patch_lang = interpreter._patch_lang
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(interpreter.interpreter_builder), "grid_idx", own_place, raising=False)
            patch.setattr(interpreter.GridExecutor, "__call__", _run_in_threads)
            patch.setattr(interpreter.InterpretedFunction, "rewrite", lambda self: _alone(rewrite, self))
            patch.setattr(interpreter, "_patch_lang", lambda function: _alone(patch_lang, function))
            yield
    finally:
        sys.setswitchinterval(switching)


def _set(place: Any) -> None:
    _place.value = place


def _alone(prepare: Callable[[Any], Any], function: Any) -> Any:
    """Two programs that come to a function first at once would disturb each other: in reading its source, and as one
    looks through the names of its module while the other adds to them."""
    with _rewriting:
        return prepare(function)


class _AbandonedError(Exception):
    """Another program of the group has failed, and would be waited for for ever."""


@contextmanager
def _given_up_when(failed: threading.Event) -> Iterator[None]:
    """Atomic operations, which a program that waits goes on making, fail once another program has."""
    from triton.runtime import interpreter

    atomically = interpreter.InterpreterBuilder.create_atomic_rmw

    def unless_failed(builder: Any, *given: Any) -> Any:
        if failed.is_set():
            raise _AbandonedError
        return atomically(builder, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter.InterpreterBuilder, "create_atomic_rmw", unless_failed)
        yield


def _run_in_threads(self: Any, *given: Any, **options: Any) -> None:
    from triton.runtime import interpreter

    signature = inspect.getfullargspec(self.fn)
    options = {name: value for name, value in options.items() if name in signature.args}
    hosted = self._init_args_hst(given, options)
    scope = interpreter._patch_lang(self.fn)
    try:
        named = inspect.getcallargs(self.fn, *hosted[0], **hosted[1])
        arguments = {
            name: value if name in self.constexprs else interpreter._implicit_cvt(value)
            for name, value in named.items()
        }
        groups, parts = self.grid
        interpreter.interpreter_builder.set_grid_dim(groups, parts, 1)

        failed = threading.Event()

        def run(group: int, part: int) -> None:
            interpreter.interpreter_builder.set_grid_idx(group, part, 0)
            try:
                self.fn(**arguments)
            except BaseException:
                failed.set()
                raise

        for group in range(groups):
            with _given_up_when(failed), ThreadPoolExecutor(parts) as pool:
                programs = [pool.submit(run, group, part) for part in range(parts)]
            _raise_first([program.exception() for program in programs])
    finally:
        scope.restore()
    self._restore_args_dev(given, hosted[0], options, hosted[1])


def _raise_first(errors: list[BaseException | None]) -> None:
    """The error of the program that failed, rather than of those that gave up, whose name the interpreter repeats."""
    raised = [error for error in errors if error is not None]
    own = [error for error in raised if _AbandonedError.__name__ not in repr(error)]
    if raised:
        raise (own or raised)[0]
