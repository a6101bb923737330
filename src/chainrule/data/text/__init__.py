"""Text as symbols: encodings, alphabets, documents, and characters that a model does not know."""
