"""The command line: a module per group of commands, and what each prints."""

from mirbench.benchmark.cli.app import app, main

__all__ = ["app", "main"]
