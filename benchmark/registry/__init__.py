"""From a name to a plugin: built in, installed by someone else, or a file.

A representation is named ``name``, ``path/to/file.py``, or either with
parameters: ``name:key=value,key=value``; or ``adapter:target?key=value``, see
`mirbench.benchmark.plugins.naming`. A task is named ``name`` or
``path/to/file.py``. Nothing is imported until it is loaded; see
`mirbench.benchmark.plugins.source`.
"""

from mirbench.benchmark.registry.parsing import load_representation, parse_representation
from mirbench.benchmark.registry.spec import RepresentationSpec
from mirbench.benchmark.registry.tasks import (
    load_named_task,
    load_split,
    load_splits,
    load_task,
    split_folder,
    task_argument,
    task_origin,
    task_plugin,
)

__all__ = [
    "RepresentationSpec",
    "load_named_task",
    "load_representation",
    "load_split",
    "load_splits",
    "load_task",
    "parse_representation",
    "split_folder",
    "task_argument",
    "task_origin",
    "task_plugin",
]
