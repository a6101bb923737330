"""Sources: the table of file formats, what a path or a name is, which settings apply to it, and how it is read."""
