"""Write ``docs/representations/``: a page per built-in representation, from its card and source.

``PYTHONPATH=tests python -m helpers.representation_pages`` writes them. Nothing of a
representation is imported: the card is a literal, parameters are read off ``load_model``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from helpers.import_graph import ROOT
from helpers.task_pages import table

from mirbench.benchmark.plugins.finding import Plugin, find_plugins
from mirbench.benchmark.weights.sets import WeightSet, weight_sets

FOLDER = ROOT / "docs" / "representations"

HEAD = (
    "<!-- Written by PYTHONPATH=tests python -m helpers.representation_pages from the card and "
    "the source of the representation; edit those. -->"
)

#: Representations with a page of their own, written by hand.
MORE = {"jukebox": "jukebox.md", "musicgen": "musicgen.md"}

#: The six of the paper, in its order.
OF_THE_PAPER = ("chroma", "mfcc", "choi", "musicnn", "clmr", "jukebox")

UNKNOWN = "–"

ADAPTED = "[adapters.md](../adapters.md) says how the model is installed or downloaded."

SECTION = re.compile(r"^(Parameters|Returns|Raises|Notes|Attributes)\n-+\n", re.M)


def built_in() -> list[Plugin]:
    """Every representation of mirbench itself, the paper's six first."""
    found = [each for each in find_plugins("representation") if each.origin == "built-in"]
    order = {name: number for number, name in enumerate(OF_THE_PAPER)}
    return sorted(found, key=lambda each: (order.get(each.name, len(order)), each.name))


def pages() -> dict[Path, str]:
    """Every page with its content."""
    plugins = built_in()
    written = {FOLDER / f"{plugin.name}.md": _page(plugin) for plugin in plugins}
    return {FOLDER / "README.md": _index(plugins), **written}


def _index(plugins: list[Plugin]) -> str:
    rows = [["name", "what", "dims", "weights", "trained on"]]
    for plugin in plugins:
        card = plugin.card()
        told = f"[`{plugin.name}`]({plugin.name}.md)"
        trained_on = card.get("trained_on") or "not one model"
        rows.append([told, card["title"], _dims(plugin), _weights_word(plugin), trained_on])
    return "\n".join(
        [
            "# Representations",
            "",
            HEAD,
            "",
            "What `--rep` knows without a file, the six of the paper first. "
            "[models.md](../models.md) says of each how it was verified, and what it costs; "
            "[adapters.md](../adapters.md) how to run models that are not here, and "
            "[the tutorial](../tutorial.md) how to run one of your own.",
            "",
            *table(rows),
            "",
            "*dims*: length of one embedding, where it is one number whatever the parameters are; "
            "else models.md has it. *trained on* is as the model's card says; where a task has the "
            "same data, the leaderboard marks its scores.",
            "",
        ]
    )


def _page(plugin: Plugin) -> str:
    docstring = _docstring(plugin)
    sections = [
        [f"# {plugin.card()['title']}", "", HEAD, "", _summary(docstring)],
        table([["", ""], *_facts(plugin)]),
        ["## How to get it", "", *_how_to_get(plugin)],
        ["## Parameters", "", *_parameters(plugin, docstring)],
    ]
    more = ["- [How it was verified, and what it costs](../models.md)"]
    if "adapter" in plugin.card():
        more = ["- [Models that mirbench has not heard of](../adapters.md)"]
    elif plugin.name in MORE:
        more.append(f"- [Weights, cost and what was tested](../{MORE[plugin.name]})")
    sections.append(["## More", "", *more])
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _tree(plugin: Plugin) -> ast.Module:
    assert plugin.source is not None
    return ast.parse(plugin.source.path.read_text(encoding="utf-8"))


def _docstring(plugin: Plugin) -> str:
    return ast.get_docstring(_tree(plugin)) or ""


def _summary(docstring: str) -> str:
    """Take what stands before the first section, with code as Markdown writes it."""
    text = SECTION.split(docstring)[0].strip()
    listed = re.sub(r"^(``\w+``)\n    (.*(?:\n    .*)*)$", _item, text, flags=re.M)
    return _markdown(listed)


def _item(match: re.Match[str]) -> str:
    """Write an entry of a list of definitions as an item."""
    return f"- {match[1]}: {' '.join(match[2].split())}"


def _markdown(text: str) -> str:
    """Write code of a docstring as Markdown does, and its brackets as text."""
    return re.sub(r"``(.+?)``", r"`\1`", text, flags=re.S)


def _facts(plugin: Plugin) -> Iterator[list[str]]:
    card = plugin.card()
    yield ["name", f"`--rep {card.get('adapter', plugin.name)}`"]
    if _dims(plugin) != UNKNOWN:
        yield ["dims", _dims(plugin)]
    for key in ("paper", "licence", "trained_on"):
        if key in card:
            yield [key.replace("_", " "), str(card[key])]
    if "parameters" in card:
        yield ["weights of the network", f"{card['parameters']:,}"]
    yield ["needs", ", ".join(f"`{name}`" for name in card.get("requires", []))]


def _dims(plugin: Plugin) -> str:
    assert plugin.source is not None
    dims = plugin.source.stated_dims()
    return UNKNOWN if dims is None else f"{dims:,}"


def _sets(plugin: Plugin) -> list[WeightSet]:
    return list(weight_sets(plugin).values())


def _weights_word(plugin: Plugin) -> str:
    if _sets(plugin):
        return f"`mirbench weights fetch {plugin.name}`"
    if "install" in plugin.card():
        return "Hugging Face hub"
    return "the module's" if "adapter" in plugin.card() else "none"


def _how_to_get(plugin: Plugin) -> list[str]:
    card, sets = plugin.card(), _sets(plugin)
    lines = []
    if "adapter" in card:
        return [*([f"    {card['install']}", ""] if "install" in card else []), ADAPTED]
    if "install" in card:
        lines += [f"    {card['install']}", ""]
    if not sets:
        if "install" in card:
            return [
                *lines,
                "Weights are those of the Hugging Face hub: `mirbench list` says which "
                "`hf download` gets them, and whether they are here.",
            ]
        return ["It has no weights, and works at once."]
    lines += [f"    mirbench weights fetch {plugin.name}", ""]
    rows = [["set", "licence", "file", "bytes", "sha256"]]
    for each in sets:
        for file in each.files:
            size = "not known" if file.bytes is None else f"{file.bytes:,}"
            digest = "not published" if file.sha256 is None else f"`{file.sha256[:16]}…`"
            rows.append(
                [each.name, each.licence, f"[{file.name}]({file.sources[0]})", size, digest]
            )
    return [*lines, *table(rows)]


def _parameters(plugin: Plugin, docstring: str) -> list[str]:
    defaults = _defaults(plugin)
    if not defaults:
        return ["None."]
    told = _told(docstring)
    rows = [["name", "default", "what"]]
    for name, default in defaults.items():
        rows.append([f"`{name}`", f"`{default}`", told.get(name, "see above")])
    adapter = plugin.card().get("adapter")
    name = f"{plugin.name}:NAME=VALUE" if adapter is None else f'"{adapter}?NAME=VALUE"'
    return [f"As in `--rep {name}`.", "", *table(rows)]


def _defaults(plugin: Plugin) -> dict[str, str]:
    """Defaults of the parameters of ``load_model``, with constants of the module as values."""
    tree = _tree(plugin)
    constants = {
        ast.unparse(node.targets[0]): node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "load_model":
            given = node.args
            late = given.args[len(given.args) - len(given.defaults) :]
            pairs = [*zip(late, given.defaults, strict=True)]
            pairs += [
                (argument, default)
                for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
                if default is not None
            ]
            named = [(a.arg, d) for a, d in pairs if a.arg not in ("device", "target")]
            return {name: ast.unparse(constants.get(ast.unparse(d), d)) for name, d in named}
    return {}


def _told(docstring: str) -> dict[str, str]:
    """Take what the docstring of the module says of each parameter, in one line."""
    parts = SECTION.split(docstring)
    found: dict[str, str] = {}
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title == "Parameters":
            for match in re.finditer(r"^(\w+) :[^\n]*\n((?:    .*\n?|\n)+)", body + "\n", re.M):
                found[match[1]] = _markdown(" ".join(match[2].split()))
    return found


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
