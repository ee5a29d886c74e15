"""``python -m mirbench.benchmark.cli``."""

from mirbench.benchmark.cli.app import main

main()
