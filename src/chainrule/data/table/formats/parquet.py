"""Tables in Parquet files, which tell what they unpack to before any of it is unpacked."""

from pathlib import Path
from typing import Any

from chainrule._optional import require
from chainrule.data.table.formats.arrow import load_arrow, most_bytes, together, too_large_table
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.loaded import LoadedTable, check_cells

__all__ = ["load_parquet"]

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}  # bytes of Parquet's types
_FEW = 64  # rows


def load_parquet(path: Path, options: TableOptions) -> LoadedTable:
    """Load a Parquet file; the index of a DataFrame that was written comes back as columns."""
    parquet = require("pyarrow.parquet")

    def read() -> Any:
        with parquet.ParquetFile(path) as file:
            check_cells(file.metadata.num_rows, file.metadata.num_columns, path.name, options.most_columns)
            _check_promised(file, path.name, options)
            columns = [file.schema.column(i) for i in range(len(file.schema))]
            text = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        plain = [name for name in text if "." not in name]
        with parquet.ParquetFile(path, read_dictionary=plain) as file:  # long text that repeats is kept but once,
            groups = (file.read_row_group(i) for i in range(file.num_row_groups))
            if len(plain) < len(text):  # but within lists and structures, which are read a few rows at a time
                pa = require("pyarrow")
                groups = (pa.Table.from_batches([batch]) for batch in file.iter_batches(_FEW))
            return together(groups, file.schema_arrow, path.name, options)

    return load_arrow(path, "Parquet", read)


def _check_promised(file: Any, name: str, options: TableOptions) -> None:
    """Refuse what unpacks to too much, as a Parquet file tells before any of it is unpacked; of text, but its size."""
    columns = [file.schema.column(i) for i in range(len(file.schema))]
    widths = [_WIDTHS.get(column.physical_type, column.length or 0) for column in columns]
    size = 0
    for i in range(file.num_row_groups):
        group = file.metadata.row_group(i)
        for width, column in zip(widths, map(group.column, range(group.num_columns)), strict=True):
            size += max(column.total_uncompressed_size, column.num_values * width)
    if size > most_bytes(options):
        raise too_large_table(name, options)
