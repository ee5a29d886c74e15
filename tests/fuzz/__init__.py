"""Damaged and hostile files for every reader of foreign bytes: ``tox -e fuzz``.

`readers` is the list, ``of_*`` add to it, `damage` spoils whole files, `trial` reads one input
and says how it ended, and `run` is the command.
"""
