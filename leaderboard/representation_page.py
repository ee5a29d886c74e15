"""One page for each representation: its card, its rows, its layers, and how to run it."""

from __future__ import annotations

import base64
import shlex
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mirbench.benchmark.progress import count
from mirbench.benchmark.result import Result, Row, slug
from mirbench.leaderboard import wording
from mirbench.leaderboard.bibliography import COMMON, entry_of
from mirbench.leaderboard.cards import BUILT_IN, NOT_STATED
from mirbench.leaderboard.curves import layer_figures
from mirbench.leaderboard.curves_svg import layer_svg
from mirbench.leaderboard.escaping import one_line
from mirbench.leaderboard.facets import CHOICES, Facets, facets_of
from mirbench.leaderboard.lacks import command_for
from mirbench.leaderboard.names import task_name
from mirbench.leaderboard.overlap import OVERLAPS, overlaps
from mirbench.leaderboard.scores_csv import Part, scores_csv
from mirbench.leaderboard.tables import Cell, Column, Table
from mirbench.leaderboard.templating import page_environment
from mirbench.leaderboard.version import data_version

#: Folder of the pages, beside the main one.
FOLDER = "rep"

#: Characters that need no escape in an address.
_PLAIN = frozenset(string.ascii_letters + string.digits + "-._~")

#: Of the table of rows.
ROW_HEADS = (
    "Row",
    "Task",
    "Split",
    "Protocol",
    "Test clips",
    "Missing",
    "Layer",
    "Validation",
    "Embedding, s",
    "Probing, s",
    "Memory, MiB",
    "Device",
    "Made on",
)


@dataclass(frozen=True)
class RowLine:
    """A line of the table of rows: its cells after the first as `ROW_HEADS` has them."""

    address: str
    file: str
    facts: tuple[str, ...]
    software: str
    digest: str


def page_name(name: str) -> str:
    """Name of a representation's page: safe characters only, distinct for distinct names."""
    return f"{slug(name)}.html"


def representation_pages(
    rows: Sequence[Row], tables: Sequence[Table], place: str
) -> dict[str, str]:
    """Render the page of every representation; names of pages to their texts.

    Parameters
    ----------
    rows : sequence of Row
    tables : sequence of Table
    place : str
        What leads from the main page to the folders of the rows: nothing, or ``results/``.
    """
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.result.representation.name, []).append(row)
    parts: dict[str, list[Part]] = {name: [] for name in by_name}
    for table in tables:
        for line in table.lines:
            scores = tuple((c, line.cells[c.key]) for c in table.columns if c.key in line.cells)
            parts[line.name].append(Part(table, line.status, scores))
    template = page_environment().get_template("rep.html")
    pages = {}
    for name, own in sorted(by_name.items()):
        results = [row.result for row in own]
        facets = facets_of(results)
        entry = entry_of(results[0].representation, facets.known)
        references = "\n".join([*COMMON, *([entry] if entry else [])])
        pages[page_name(name)] = template.render(
            wording=wording,
            name=name,
            version=data_version(own).words,
            anchor=f"../compare.html#{_address({'a': name})}",
            facts=_facts(results, facets),
            commands=_commands(results, facets),
            parts=parts[name],
            number=wording.signed,
            interval=_interval,
            standing=_standing,
            rows=[_row(result, place) for result in results],
            row_heads=ROW_HEADS,
            row_wraps=("Task", "Protocol", "Device"),
            figures=[(figure, Markup(layer_svg(figure))) for figure in layer_figures(results)],
            references=references,
            csv_address=_download("text/csv", scores_csv(name, facets.known, parts[name])),
            bib_address=_download("application/x-bibtex", references),
            file_name=slug(name),
        )
    return pages


def _facts(results: Sequence[Result], facets: Facets) -> list[tuple[str, str]]:
    """Say what is known of a representation: terms and words for people."""
    known = facets.known
    records = [result.representation for result in results]
    parameters = NOT_STATED if known.parameters is None else f"{known.parameters:,}"
    first = records[0]
    facts = [
        ("Model", known.title or NOT_STATED),
        ("Licence", f"{known.licence or NOT_STATED} (commercial use: {known.commercial})"),
        ("Year", str(known.year or NOT_STATED)),
        ("Paper", known.paper or NOT_STATED),
        ("Code", _code(first.origin, known.module)),
        ("Parameters", "none: it is no model" if known.parameters == 0 else parameters),
        ("Dimensions", _distinct(f"{record.dims:,}" for record in records)),
        ("Layers", _distinct(_layers(record.layers) for record in records)),
        ("Layer used", CHOICES["layer"][facets.layer]),
        ("Trained on", _distinct(record.trained_on or NOT_STATED for record in records)),
        ("Overlaps", _overlaps(results)),
        ("Options", _distinct(_options(record.params) for record in records)),
        ("Fingerprint", _distinct(record.fingerprint for record in records)),
    ]
    weights = dict.fromkeys(
        f"{file}, SHA-256 {sha256}" for record in records for file, sha256 in record.weights.items()
    )
    return [*facts, *(("Weights", one) for one in weights)]


def _distinct(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def _code(origin: str, module: str | None) -> str:
    if module is not None:
        return f"representations/{module} of mirbench"
    words = {
        BUILT_IN: "built in, in a version of mirbench that had it",
        "file": "a file of whoever made the rows, not part of mirbench",
        "precomputed": "embeddings from a file; what made them is not part of mirbench",
    }
    return words.get(origin, f"the distribution {origin}")


def _layers(layers: int) -> str:
    return count(layers, "layer") if layers else "one output"


def _options(params: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={params[key]}" for key in sorted(params)) or "as they are by default"


def _overlaps(results: Sequence[Result]) -> str:
    trained = {result.representation.trained_on for result in results}
    if trained == {None}:
        return "not known, since its training data is not stated"
    tasks = sorted({*OVERLAPS, *(result.task.name for result in results)})
    found = [task_name(task) for task in tasks if any(overlaps(text, task) for text in trained)]
    return "; ".join(found) or "with no task, as far as the names of the data tell"


def _commands(results: Sequence[Result], facets: Facets) -> list[str]:
    """Write what runs it: what it needs, its weights, then the rows of the main protocol."""
    first = results[0].representation
    commands = list(facets.known.install)
    if facets.known.weights is not None and first.weights:
        base = first.name.partition(":")[0]
        commands.append(f"mirbench weights fetch {base}:{facets.known.weights}")
    shown = [result for result in results if result.protocol.main_board] or list(results)
    commands += [_command(result) for result in shown]
    return [one_line(command) for command in dict.fromkeys(commands)]


def _command(result: Result) -> str:
    command = command_for(result, result.task.name, result.task.split)
    if not result.protocol.main_board:
        command += f" --protocol {shlex.quote(result.protocol.name)}"
    return command


def _row(result: Result, place: str) -> RowLine:
    cost, file = result.cost, result.place
    seconds = cost.embedding_seconds
    made = result.environment
    return RowLine(
        address=f"../{place}{_quoted(file.parent.name)}/{_quoted(file.name)}",
        file=file.name,
        facts=(
            f"{task_name(result.task.name)}, version {result.task.version}",
            result.task.split,
            result.protocol_label,
            f"{result.task.tested:,}",
            f"{len(result.task.missing):,}",
            result.probe.layer or "–",
            wording.signed(100 * result.probe.valid),
            f"{seconds:,.1f}" if seconds else "not measured",
            f"{cost.probing_seconds:,.1f}",
            f"{cost.peak_memory_bytes >> 20:,}",
            cost.device,
            made.date.isoformat() if made.date else NOT_STATED,
        ),
        software=_distinct(f"{k} {v}" for k, v in sorted(made.embedded_with.items())) or NOT_STATED,
        digest=result.task.embeddings_sha256,
    )


def _standing(column: Column, cell: Cell) -> str:
    if cell.alone:
        return "the only one ranked"
    return f"{cell.rank} among {len(column.names)}" if cell.group else "not ranked"


def _download(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _address(state: Mapping[str, str]) -> str:
    """Write a view of a page as the part of its address that a script reads."""
    return "&".join(f"{key}={_quoted(one_line(value))}" for key, value in state.items())


def _quoted(text: str) -> str:
    """Write a text as a part of an address, as every browser reads it."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def _interval(cell: Cell) -> str:
    return f"{wording.signed(cell.low)} to {wording.signed(cell.high)}"
