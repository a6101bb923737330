"""The formats that tables are read from."""
