"""This machine: its processors and devices, the memory of its processes, worker processes."""
