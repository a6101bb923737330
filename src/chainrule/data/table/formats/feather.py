"""Tables in Feather files, which are Arrow's file format; what they unpack to is known before it is unpacked.

Arrow's library unpacks a whole batch at once, and tells its size no earlier. But each buffer of a packed batch begins
with the number of bytes that it unpacks to, and the batch's header, a flatbuffer, says where its buffers lie. See
https://arrow.apache.org/docs/format/Columnar.html, "RecordBatch message" and "Compression", and
https://flatbuffers.dev/internals, "Tables".
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chainrule._optional import require
from chainrule.data.table.formats.arrow import load_arrow, most_bytes, together, too_large_table
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.loaded import LoadedTable

__all__ = ["load_feather"]

_MAGIC = b"ARROW1\0\0"  # then the messages of a stream, then a footer that tells where they are
_HEADER = 2  # of the fields of a message, from zero
_DATA = 1  # of those of a dictionary's batch
_BUFFERS = 2  # of those of a batch
_COMPRESSION = 3


def load_feather(path: Path, options: TableOptions) -> LoadedTable:
    """Load a Feather file: its messages in order, without its footer, so that those are read that were checked."""
    pa = require("pyarrow")

    def read() -> Any:
        with pa.OSFile(str(path)) as source:
            if source.read(len(_MAGIC)) != _MAGIC:
                raise ValueError("it does not begin as Arrow's files do")
            size = 0
            for message in pa.ipc.MessageReader.open_stream(source):
                size += sum(_unpacked_sizes(message))
                if size > most_bytes(options):
                    raise too_large_table(path.name, options)
            source.seek(len(_MAGIC))
            with pa.ipc.open_stream(source) as stream:
                batches = (pa.Table.from_batches([batch]) for batch in stream)
                return together(batches, stream.schema, path.name, options)

    return load_arrow(path, "Feather", read)


def _unpacked_sizes(message: Any) -> Iterator[int]:
    """The bytes of each buffer of a message, once it is unpacked."""
    raw = memoryview(message.metadata)
    header = _follow(raw, _field(raw, _follow(raw, 0), _HEADER))
    if message.type == "dictionary":
        header = _follow(raw, _field(raw, header, _DATA))
    elif message.type != "record batch":
        return
    packed = _field(raw, header, _COMPRESSION) is not None
    buffers = _follow(raw, _field(raw, header, _BUFFERS))
    for i in range(struct.unpack_from("<I", raw, buffers)[0]):
        start, length = struct.unpack_from("<qq", raw, buffers + 4 + 16 * i)
        if packed and length:
            length = max(length, struct.unpack_from("<q", message.body, start)[0])  # -1 is one that is not packed
        yield length


def _follow(raw: memoryview, place: int | None) -> int:
    """Where an offset leads to."""
    if place is None:
        raise ValueError("a message lacks its header")
    return place + int(struct.unpack_from("<I", raw, place)[0])


def _field(raw: memoryview, table: int, index: int) -> int | None:
    """Where a field of a flatbuffer's table lies; None for one that is left out."""
    names = table - struct.unpack_from("<i", raw, table)[0]
    if 4 + 2 * index >= struct.unpack_from("<H", raw, names)[0]:
        return None
    offset = struct.unpack_from("<H", raw, names + 4 + 2 * index)[0]
    return table + offset if offset else None
