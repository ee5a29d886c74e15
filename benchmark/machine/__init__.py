"""Processors and devices, the memory of processes, worker processes."""
