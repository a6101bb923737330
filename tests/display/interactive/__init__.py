"""Interactive pages in a browser: their numbers are Python's, and they work without network, mouse or colours."""
