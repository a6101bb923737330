"""Triton's interpreter with the programs of a group in threads: elsewhere they run one after the other, and one that
waits for another waits for ever."""

import inspect
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

_place = threading.local()


@contextmanager
def programs_in_threads() -> Iterator[None]:
    """Within it the programs of a grid (groups, parts) that have the same group run at the same time."""
    from triton.runtime import interpreter

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    own_place = property(lambda self: getattr(_place, "value", None), lambda self, place: _set(place))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(interpreter.interpreter_builder), "grid_idx", own_place, raising=False)
            patch.setattr(interpreter.GridExecutor, "__call__", _run_in_threads)
            yield
    finally:
        sys.setswitchinterval(switching)


def _set(place: Any) -> None:
    _place.value = place


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

        def run(group: int, part: int) -> None:
            interpreter.interpreter_builder.set_grid_idx(group, part, 0)
            self.fn(**arguments)

        for group in range(groups):
            with ThreadPoolExecutor(parts) as pool:
                for program in [pool.submit(run, group, part) for part in range(parts)]:
                    program.result()
    finally:
        scope.restore()
    self._restore_args_dev(given, hosted[0], options, hosted[1])
