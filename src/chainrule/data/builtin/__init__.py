"""Built-in data sets, and how to write them to files."""
