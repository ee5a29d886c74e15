"""Adapters: representations that run someone else's model, named ``adapter:target?key=value``.

An adapter is a representation module whose ``CARD`` has an ``adapter`` (how
its name is written, such as ``hear:<module>``), whose ``load_model`` takes the
target by that name, and which has a function ``target_files(target)``: names
and places of the files that decide what the target computes. They are part
of the fingerprint.
"""

from __future__ import annotations

import re
from pathlib import Path

from mirbench.benchmark.api import PluginError, UsageError
from mirbench.benchmark.files.checksums import digest, file_sha256
from mirbench.benchmark.plugins.finding import Plugin, find_plugins, forget_changed


def split_adapter(text: str) -> tuple[str, str, str] | None:
    """Split ``adapter:target?parameters``; None if the name is no adapter's.

    The target may hold any character but ``?``. Parameters are joined by ``&`` or ``,``.

    Raises
    ------
    UsageError
        If an adapter is named without a target.
    """
    name, _, rest = text.partition(":")
    form = next((adapter_form(p) for p in find_plugins("representation") if p.name == name), None)
    if form is None:
        return None
    target, _, params = rest.partition("?")
    if not target:
        raise UsageError(f"{name!r} runs other models; say which: {form}")
    return name, target, params.replace("&", ",")


def written_name(name: str) -> str:
    """Write the name of a target or file as it stands in a row's name, whose characters are few.

    ``/`` becomes a colon, which neither a hub id nor a module's name holds, so different
    ones stay different; a file or folder is told by its digest.
    """
    return re.sub(r"[^A-Za-z0-9._=,+:-]", "_", name.replace("/", ":"))


def adapter_form(plugin: Plugin) -> str | None:
    """How the name of an adapter is written; None if the plugin is none."""
    return plugin.card().get("adapter")


def target_files(plugin: Plugin, target: str) -> dict[str, Path]:
    """Ask an adapter which files decide what a target computes."""
    find = getattr(plugin.load_module(), "target_files", None)
    if not callable(find):
        raise PluginError(f"{plugin.place} is an adapter without a function target_files(target)")
    with plugin.state:
        files: dict[str, Path] = find(target)
    return files


def digest_files(files: dict[str, Path]) -> str:
    """Digest of the names and contents of files."""
    return digest([[name, file_sha256(files[name])] for name in sorted(files)])


def forget_target(plugin: Plugin, target: str, files: dict[str, Path], content: str) -> None:
    """Unload the modules of a target whose files have changed since they were imported."""
    forget_changed(f"{plugin.name}:{target}", content, files.values())
