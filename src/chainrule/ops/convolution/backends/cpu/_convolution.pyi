# The arguments are those of call.hpp: sizes, and addresses of memory that the caller keeps alive; 0 is a null pointer.
# level and dtype are places in what levels() and dtypes() return.

from collections.abc import Sequence

class Call:
    def __init__(
        self,
        *,
        B: int,
        G: int,
        C: int,
        O: int,
        threads: int,
        axes: Sequence[Sequence[int]],
        x_strides: Sequence[int],
    ) -> None: ...

def levels() -> list[str]: ...
def dtypes() -> list[str]: ...
def forward_workspace(level: int, dtype: int, call: Call, segments: int, count: int, /) -> int: ...
def input_gradient_workspace(level: int, dtype: int, call: Call, segments: int, count: int, /) -> int: ...
def kernel_gradient_workspace(level: int, dtype: int, call: Call, segments: int, count: int, /) -> int: ...

# then workspace, and: x, w, bias, y; dy, w, dx; x, dy, dw, dbias
def forward(level: int, dtype: int, call: Call, segments: int, count: int, /, *pointers: int) -> None: ...
def input_gradient(level: int, dtype: int, call: Call, segments: int, count: int, /, *pointers: int) -> None: ...
def kernel_gradient(level: int, dtype: int, call: Call, segments: int, count: int, /, *pointers: int) -> None: ...

class Stream:
    def __init__(
        self,
        *,
        level: int,
        dtype: int,
        B: int,
        G: int,
        C: int,
        O: int,
        K: int,
        dilation: int,
        padded: int,
        depthwise: bool,
        threads: int,
        w: int,
        bias: int,
        ring: int,
    ) -> None: ...
    def run(self, at: int, x: int, y: int, /) -> None: ...
