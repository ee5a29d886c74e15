"""Adapters: representations that run someone else's model, named ``adapter:target?key=value``.

An adapter is a representation module whose ``CARD`` has an ``adapter`` (how
its name is written, such as ``hear:<module>``), whose ``load_model`` takes the
target by that name, and which has a function ``target_files(target)``: names
and places of the files that decide what the target computes. They are part
of the fingerprint.
"""

from __future__ import annotations

from pathlib import Path

from mirbench.benchmark.api import PluginError
from mirbench.benchmark.files.checksums import digest, file_sha256
from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.plugins.finding import Plugin, forget_changed


def adapter_form(plugin: Plugin) -> str | None:
    """How the name of an adapter is written; None if the plugin is none."""
    return plugin.card().get("adapter")


def target_files(plugin: Plugin, target: str) -> dict[str, Path]:
    """Ask an adapter which files decide what a target computes."""
    find = getattr(plugin.load_module(), "target_files", None)
    if not callable(find):
        raise PluginError(f"{plugin.place} is an adapter without a function target_files(target)")
    try:
        with plugin.running():
            files: dict[str, Path] = find(target)
    except (OSError, ValueError) as error:  # as where no file can have the name
        reason = (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
        raise PluginError(f"{plugin.name} cannot look for {show(target)}: {reason}") from error
    return files


def digest_files(files: dict[str, Path]) -> str:
    """Digest of the names and contents of files."""
    return digest([[name, file_sha256(files[name])] for name in sorted(files)])


def forget_target(plugin: Plugin, target: str, files: dict[str, Path], content: str) -> None:
    """Unload the modules of a target whose files have changed since they were imported.

    Parameters
    ----------
    plugin : Plugin
        The adapter.
    target : str
        What it runs.
    files : dict of str to Path
        The files of the target, by name; see `target_files`.
    content : str
        Their digest now; see `digest_files`.
    """
    forget_changed(f"{plugin.name}:{target}", content, files.values())
