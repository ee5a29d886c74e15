"""Names are read as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.plugins.finding import Plugin
from mirbench.benchmark.plugins.naming import (
    Name,
    read_value,
    read_value_like,
    split_name,
    write_label,
    write_name,
)
from mirbench.benchmark.plugins.source import file_source


@pytest.fixture
def plugins(tmp_path: Path) -> list[Plugin]:
    found = []
    for name, card in (("plain", {}), ("text", {"adapter": "text:<file>"})):
        path = tmp_path / f"{name}.py"
        path.write_text(f"CARD = {card}")
        found.append(Plugin("representation", name, "built-in", name, file_source(path)))
    return found


@pytest.mark.parametrize(
    ("text", "base", "target", "rest"),
    [
        ("plain", "plain", None, ""),
        ("plain:layer=2,norm=clip", "plain", None, "layer=2,norm=clip"),
        ("plain:large", "plain", None, "large"),
        ("plain:path=a:b", "plain", None, "path=a:b"),
        ("dir/mine.py", "dir/mine.py", None, ""),
        ("dir:x/mine.py:layer=2", "dir:x/mine.py", None, "layer=2"),
        ("text:a/b:c.py:d", "text", "a/b:c.py:d", ""),
        ("text:x?layer=2&norm=clip", "text", "x", "layer=2,norm=clip"),
        ("text:x?layer=2,norm=clip", "text", "x", "layer=2,norm=clip"),
    ],
)
def test_split(plugins: list[Plugin], text: str, base: str, target: str | None, rest: str) -> None:
    assert split_name(text, plugins) == Name(text, base, target, rest)


@pytest.mark.parametrize("params", [{}, {"layer": 2}, {"norm": "clip", "fast": True, "x": 0.5}])
@pytest.mark.parametrize(
    ("base", "target"), [("plain", None), ("./mine.py", None), ("text", "a/b:c")]
)
def test_what_is_written_is_read_back(
    plugins: list[Plugin], base: str, target: str | None, params: dict[str, Any]
) -> None:
    name = split_name(write_name(base, params, target), plugins)
    assert (name.base, name.target) == (base, target)
    assert {key: read_value(text) for key, text in name.params().items()} == params


def test_labels_do_not_depend_on_the_order_of_parameters() -> None:
    assert write_label("plain", {"b": 1, "a": "x"}) == write_label("plain", {"a": "x", "b": 1})
    assert write_label("plain", {"b": 1, "a": "x"}) == "plain:a=x,b=1"
    assert write_label("text", {"b": 1}, "org/a model") == "text:org:a_model,b=1"
    assert write_label("text", {}, "x") == "text:x"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("plain:layer", "name:key=value,key=value"),
        ("plain:2=layer", "name:key=value,key=value"),
        ("text:x?layer", "adapter:target\\?key=value&key=value"),
    ],
)
def test_what_are_no_parameters_is_told(plugins: list[Plugin], text: str, form: str) -> None:
    with pytest.raises(UsageError, match=f"write parameters as {form}$"):
        split_name(text, plugins).params()


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.50", 0.5), ("TRUE", True), ("none", None), ("[1]", "[1]"), ("a b", "a b")],
)
def test_values_of_no_known_type(text: str, value: Any) -> None:
    read = read_value(text)
    assert (read, type(read)) == (value, type(value))
    assert read_value_like(text, "text", "who") == text
