"""Recurrent layers and convolutions beside the same layers of the peers, each engine in a process of its own."""
