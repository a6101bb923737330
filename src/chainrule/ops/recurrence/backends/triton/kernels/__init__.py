"""The kernels: a file for each cell with its scan and its reverse, and what they share. Triton reads their source."""
