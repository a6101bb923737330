# Call and Stream's arguments are those of call.hpp: sizes, and addresses of memory that the caller keeps alive; 0 is a
# null pointer.

from typing import Any

from numpy.typing import NDArray

class Call:
    B: int
    T: int
    I: int
    H: int
    reverse: int
    threads: int
    optioned: int
    rate_h: float
    rate_c: float
    x: tuple[int, int, int]  # address, and the strides of rows and steps
    y: tuple[int, int, int]
    dy: tuple[int, int, int]
    dx: tuple[int, int, int]
    resets: int
    lengths: int
    W_ih: int
    W_hh: int
    b_ih: int
    b_hh: int
    workspace: int
    gates: int
    q: int
    h_start: int
    c_start: int
    h_0: int
    c_0: int
    h_n: int
    c_n: int
    dh_n: int
    dc_n: int
    dh_0: int
    dc_0: int
    dW_ih: int
    dW_hh: int
    db_ih: int
    db_hh: int
    g_ih: int
    g_hh: int
    g_c: int
    b_c: int
    p: int
    keep_h: int
    keep_c: int
    v_x: int
    v_h: int
    inverse_x: int
    inverse_h: int
    dg_ih: int
    dg_hh: int
    dg_c: int
    db_c: int
    dp: int
    dh: int
    dc: int
    da: int
    def __init__(self) -> None: ...
    def describe(
        self,
        gates: int,
        time_first: bool,
        x: object,
        h_0: object,
        c_0: object,
        resets: object,
        W_ih: object,
        W_hh: object,
        b_ih: object,
        b_hh: object,
        W_hr: object,
        g_ih: object,
        g_hh: object,
        g_c: object,
        b_c: object,
        p: object,
        /,
    ) -> int: ...

def levels() -> list[str]: ...
def dtypes() -> list[str]: ...
def forward_workspace(level: int, dtype: int, cell: int, call: Call, /) -> int: ...
def backward_workspace(level: int, dtype: int, cell: int, call: Call, /) -> int: ...
def forward(level: int, dtype: int, cell: int, call: Call, /) -> None: ...
def backward(level: int, dtype: int, cell: int, call: Call, /) -> None: ...
def packed_layer_size(level: int, dtype: int, cell: int, I: int, H: int, /) -> int: ...
def pack_layer(level: int, dtype: int, cell: int, I: int, H: int, /, *pointers: int) -> None: ...
def stream_workspace_size(level: int, dtype: int, cell: int, B: int, I: int, H: int, /) -> int: ...

class Stream:
    def __init__(self, level: int, dtype: int, cell: int, /, *sizes_and_pointers: int) -> None: ...
    def run(self, T: int, row: int, step: int, x: int, y: int, /) -> None: ...

def address(array: NDArray[Any], /) -> int: ...
def evaluate(level: int, dtype: int, sigmoid: bool, n: int, x: int, y: int, /) -> None: ...
