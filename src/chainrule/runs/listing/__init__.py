"""The runs in a folder: what each is of, how far it is and what it scored, by its small files alone."""
