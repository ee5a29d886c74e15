"""Read and write names: ``name:key=value,key=value`` and ``adapter:target?key=value&key=value``.

No other module knows how a name is written. What the parts of a name stand for
is looked up by `mirbench.benchmark.registry`.
"""

from __future__ import annotations

import ast
import os
import re
import unicodedata
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.files.foreign import DAMAGES, show
from mirbench.benchmark.plugins.adapters import adapter_form
from mirbench.benchmark.plugins.finding import Plugin

#: Characters of a value that is read as a number or a quoted text, and the largest number.
_LONGEST_VALUE, _LARGEST_VALUE = 1000, 1e300


@dataclass(frozen=True, slots=True)
class Name:
    """The parts of a name, before anything is looked up.

    Attributes
    ----------
    text : str
        The whole name, as it was written.
    base : str
        Name of a plugin, or path of its file.
    target : str or None
        What an adapter is to run; None if `base` is no adapter.
    rest : str
        What follows: the parameters, separated by commas.
    """

    text: str
    base: str
    target: str | None
    rest: str

    def params(self) -> dict[str, str]:
        """Split the parameters into keys and values, which stay text.

        Raises
        ------
        UsageError
            If one is not written ``key=value``, or a key comes twice.
        """
        params: dict[str, str] = {}
        for part in filter(None, self.rest.split(",")):
            key, equals, value = part.partition("=")
            if not equals or not key.isidentifier():
                form = (
                    "adapter:target?key=value&key=value"
                    if "?" in self.text
                    else "name:key=value,key=value"
                )
                raise UsageError(f"{show(self.text)}: write parameters as {form}")
            if key in params:
                raise UsageError(f"{show(self.text)}: the parameter {show(key)} is given twice")
            params[key] = value
        return params


def base_name(text: str) -> str:
    """Name of the plugin in a row's name or that of an adapter; a file's path may differ."""
    return text.partition(":")[0]


def named_adapter(text: str, plugins: Iterable[Plugin]) -> str | None:
    """How names of the adapter are written with which a name begins; None if it is none."""
    base = base_name(text)
    return next((adapter_form(plugin) for plugin in plugins if plugin.name == base), None)


def split_name(text: str, plugins: Iterable[Plugin]) -> Name:
    """Split a name as it is written on the command line.

    The target of an adapter may hold any character but ``?``; its parameters
    are separated by ``&`` or ``,``.

    Parameters
    ----------
    text : str
        The name.
    plugins : iterable of Plugin
        All representations, among which adapters are looked for.

    Raises
    ------
    UsageError
        If an adapter is named without a target, or a row could not hold the name.
    """
    if not _is_writable(text):
        raise UsageError(
            f"{show(text)} holds characters that are not seen, or are no characters; a name and "
            "its parameters are one line of text"
        )
    form = named_adapter(text, plugins)
    if form is not None:
        base, _, rest = text.partition(":")
        target, _, params = rest.partition("?")
        if not target:
            raise UsageError(f"{base!r} runs other models; say which: {form}")
        return Name(text, base, target, params.replace("&", ","))
    if ".py:" in text:
        base, _, rest = text.partition(".py:")
        return Name(text, f"{base}.py", None, rest)
    base, _, rest = text.partition(":")
    return Name(text, base, None, rest)


def _is_writable(text: str) -> bool:
    """Whether a text stands in one line, and in UTF-8."""
    return not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text)


def read_value(text: str) -> Any:
    """Read a value whose type is not known: a number, true, false or none; else it is text."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if len(text) > _LONGEST_VALUE:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (SyntaxError, MemoryError, *DAMAGES):
        return text
    if isinstance(value, str):
        return value if _is_writable(value) else text
    # What is no finite number, or too long for one, no row could hold.
    plain = isinstance(value, int | float) and -_LARGEST_VALUE < value < _LARGEST_VALUE
    return value if plain else text


def read_value_like(text: str, default: Any, who: str) -> Any:
    """Read a value as the type of the parameter's default, so that 1 and 1.0 are one model.

    Parameters
    ----------
    text : str
        The value, as it was written.
    default : bool, int, float, str or None
        Of the parameter; None allows every type.
    who : str
        What the message begins with: whose parameter it is.

    Raises
    ------
    UsageError
        If it is of another type.
    """
    if isinstance(default, str):
        return text
    value = read_value(text)
    if default is None or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    raise UsageError(f"{who}: {show(text)} is not of type {type(default).__name__}")


def write_name(base: str, params: Mapping[str, Any], target: str | None = None) -> str:
    """Write a name as it is read by `split_name`.

    Parameters
    ----------
    base : str
        Name of a plugin, or path of its file.
    params : mapping of str to value
        The parameters, which keep their order.
    target : str, optional
        What an adapter is to run.
    """
    values = [f"{key}={value}" for key, value in params.items()]
    if target is None:
        return ":".join([base, *([",".join(values)] if values else [])])
    return "?".join([f"{base}:{target}", *(["&".join(values)] if values else [])])


def write_label(base: str, params: Mapping[str, Any], target: str | None = None) -> str:
    """Write the name of a row, in which parameters stand in alphabetical order.

    Parameters
    ----------
    base : str
        Name of the plugin.
    params : mapping of str to value
        The parameters that differ from the defaults.
    target : str, optional
        What an adapter runs; it is written in `allowed_characters`.
    """
    values = [f"{key}={params[key]}" for key in sorted(params)]
    if target is not None:
        values.insert(0, allowed_characters(target))
    return f"{base}:{','.join(values)}" if values else base


def allowed_characters(text: str) -> str:
    """Write the name of a target or file in the characters that a row's name may have.

    ``/`` becomes a colon, which neither a hub id nor a module's name holds, so different
    ones stay different; a file or folder is told by its digest.
    """
    return re.sub(r"[^A-Za-z0-9._=,+:-]", "_", text.replace("/", ":"))


def plugin_argument(plugin: Plugin) -> str:
    """Write what names a plugin on the command line: its name, or the path of its file."""
    if plugin.module is not None or plugin.source is None:
        return plugin.name
    near = os.path.relpath(plugin.source.path)
    return str(plugin.source.path) if near.startswith("..") else near
