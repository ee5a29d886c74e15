"""Check a representation's model card: one sentence on what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

_TEXTS = {"title", "paper", "licence", "trained_on", "install", "weights_parameter", "adapter"}

_SET_KEYS = ("licence", "files", "package", "install", "trained_on", "parameters")

#: What a set of weights may be called: it is the name of a file in the store.
_SET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


def card_mistake(card: dict[Any, Any]) -> str | None:
    """Say what is wrong with a card; None if nothing is."""
    for key, value in card.items():
        if key in _TEXTS and not isinstance(value, str):
            return f"{key} must be text"
    required = card.get("requires", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return "requires must be a list of names"
    if not _is_count(card.get("parameters", 1)):
        return "parameters must be a number of weights"
    weights = card.get("weights", {})
    if not isinstance(weights, dict):
        return "weights must be a dict of sets"
    for name, content in weights.items():
        if not isinstance(name, str) or _SET_NAME.fullmatch(name) is None:
            return f"weights: the name {name!r} has other characters than letters, digits and _.+-"
        mistake = _set_mistake(content)
        if mistake is not None:
            return f"weights {name!r}: {mistake}"
    if len(weights) > 1 and "weights_parameter" not in card:
        return "with several sets of weights it must name the weights_parameter that chooses one"
    return None


def _set_mistake(content: Any) -> str | None:
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        return "it must be a dict with licence and files"
    if not isinstance(content.get("licence"), str):
        return "licence must be text"
    unknown = sorted(map(str, set(content) - set(_SET_KEYS)))
    if unknown:
        return f"there is no key {unknown[0][:50]!r}; there are: {', '.join(_SET_KEYS)}"
    if not isinstance(content.get("trained_on", ""), str):
        return "trained_on must be text"
    if not _is_count(content.get("parameters", 1)):
        return "parameters must be a number of weights"
    if not isinstance(content.get("install", ""), str):
        return "install must be the command that installs the package"
    package = content.get("package", "package")
    if not isinstance(package, str) or ".." in package.split("/") or package.startswith("/"):
        return "package must be a folder inside an installed package, such as 'name/folder'"
    if not content["files"]:
        return "it has no files"
    for name, file in content["files"].items():
        if not isinstance(name, str) or name in ("", ".", "..") or re.search(r"[/\\\0]", name):
            return f"{name!r} is no file name"
        mistake = _file_mistake(file)
        if mistake is not None:
            return f"file {name!r}: {mistake}"
    return None


def _file_mistake(file: Any) -> str | None:
    if not isinstance(file, dict) or not isinstance(file.get("source"), str):
        return "it must be a dict with the source, an address"
    unknown = sorted(map(str, set(file) - {"source", "mirrors", "bytes", "sha256"}))
    if unknown:
        return f"there is no key {unknown[0][:50]!r}; there are: source, mirrors, bytes, sha256"
    mirrors = file.get("mirrors", [])
    if not isinstance(mirrors, list) or not all(isinstance(url, str) for url in mirrors):
        return "mirrors must be a list of addresses"
    if not _is_count(file.get("bytes", 1)):
        return "bytes must be a positive number"
    sha256 = file.get("sha256", "0" * 64)
    if not isinstance(sha256, str) or re.fullmatch(r"[0-9a-fA-F]{64}", sha256) is None:
        return "sha256 must be 64 hex digits"
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
