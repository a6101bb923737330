"""Fits that the page starts: what can be asked of them, the command that runs each, and the processes."""
