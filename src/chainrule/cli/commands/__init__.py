"""The commands, a file for each group of them. None imports torch before it is run, so that help comes at once."""
