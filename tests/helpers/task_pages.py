"""Write ``docs/tasks/``: a page per task from its spec, its counts and what is written by hand.

``PYTHONPATH=tests python -m helpers.task_pages`` writes them. Counts are in
``docs/tasks/counts.json`` (`helpers.task_counts`), the rest in ``docs/tasks/notes.toml``.
"""

from __future__ import annotations

import json
import statistics
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from helpers.import_graph import ROOT
from helpers.task_counts import built_in_tasks, read_counts

from mirbench.benchmark.api import SPLITS, Task
from mirbench.benchmark.registry import load_split
from mirbench.leaderboard.overlap import OVERLAPS

FOLDER = ROOT / "docs" / "tasks"
NOTES = FOLDER / "notes.toml"
PUBLISHED = ROOT / "leaderboard" / "published"

#: Labels of a task above which a page sums their counts up.
MOST_LABELS = 60

HEAD = (
    "<!-- Written by PYTHONPATH=tests python -m helpers.task_pages from the task's spec, "
    "counts.json and notes.toml; edit those. -->"
)


def read_notes() -> dict[str, Any]:
    """Read what is written by hand, by task; ``left_out`` says which tasks there are not."""
    with NOTES.open("rb") as file:
        return tomllib.load(file)


def pages() -> dict[Path, str]:
    """Every page with its content."""
    counts, notes = read_counts(), read_notes()
    tasks = built_in_tasks()
    written = {
        FOLDER / f"{task.name}.md": _page(task, counts.get(task.name), notes.get(task.name, {}))
        for task in tasks
    }
    return {FOLDER / "README.md": _index(tasks, counts, notes), **written}


def _index(tasks: list[Task], counts: Mapping[str, Any], notes: Mapping[str, Any]) -> str:
    rows = [["task", "what it asks", "metric", "train / valid / test"]]
    for task in tasks:
        told = notes.get(task.name, {})
        sizes = _sizes(task, counts.get(task.name), told)
        asks = told.get("short", task.title)
        rows.append([f"[`{task.name}`]({task.name}.md)", asks, task.metrics[0], sizes])
    out = [["what", "why not"], *notes["left_out"]]
    return "\n".join(
        [
            "# Tasks",
            "",
            HEAD,
            "",
            "A page for each: what it asks, who is in which split, what a constant answer scores, "
            "what others have published, what may have been heard in pre-training, and what is "
            "wrong with the data. Figures are × 100.",
            "",
            *table(rows),
            "",
            "Sizes are those of the first split of each task. [datasets.md](../datasets.md) says "
            "how to get the data, [splits/README.md](../../splits/README.md) how the splits were "
            "made.",
            "",
            "## Left out",
            "",
            *table(out),
            "",
        ]
    )


def _page(task: Task, counts: Any, notes: Mapping[str, Any]) -> str:
    if counts is not None and counts["version"] != task.version:
        raise ValueError(f"{task.name}: counts.json is of another version; see helpers.task_counts")
    sections = [
        [f"# {task.title}", "", HEAD, "", notes.get("asks", f"{task.title}.")],
        table([["", ""], *_facts(task, notes)]),
        ["## How to get it", "", *_how_to_get(task)],
        ["## Splits", "", *_splits(task, counts, notes)],
        ["## Chance", "", *_chance(task, counts)],
        ["## Published figures", "", *_figures(task, notes)],
        ["## Heard in pre-training", "", *_overlaps(task, notes)],
        ["## Faults and limits", "", *_listed(notes.get("faults"))],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _facts(task: Task, notes: Mapping[str, Any]) -> Iterator[list[str]]:
    yield ["name", f"`--task {task.name}`, version {task.version}"]
    noun = "output" if task.kind == "regression" else "label"
    labels = f"{len(task.labels)} {noun}{'s' if len(task.labels) > 1 else ''}"
    if len(task.labels) <= MOST_LABELS:
        labels += f": {', '.join(task.labels)}"
    else:
        labels += f": {task.labels[0]} to {task.labels[-1]}"
    yield ["labels", f"{task.kind}, {labels}"]
    yield ["metrics", ", ".join(task.metrics) + "; the first decides early stopping"]
    heard = notes.get("heard", "each clip as a whole")
    if task.window is not None:
        heard = f"full windows of {task.window:g} s, whose outputs are merged into one answer"
    yield ["heard", heard]
    yield ["splits", ", ".join(task.splits)]
    yield ["licence", task.licence]
    yield ["citation", task.citation]


def _how_to_get(task: Task) -> list[str]:
    lines = [task.how_to_get]
    commands = [f"    mirbench data doctor {task.name}"]
    if task.prepare is not None or any(item.mirrors for item in task.downloads):
        commands.insert(0, f"    mirbench data fetch {task.name}")
    lines += ["", *commands]
    if task.prepare is not None:
        root = Path("CACHE") / "data" / task.folder
        test = set(load_split(task, task.splits[0]).ids("test"))
        clip = next(clip for clip in task.read_clips(root) if clip.id in test)
        label = clip.label
        if isinstance(label, tuple):
            label = ", ".join(f"{one:.3f}" if isinstance(one, float) else one for one in label)
        lines += [
            "",
            f"To listen: the first command renders the clips. One of the test set, labelled "
            f"*{label}*, is then `{clip.path}`, where `mirbench cache info` says what CACHE is.",
        ]
    return lines


def _sizes(task: Task, counts: Any, notes: Mapping[str, Any]) -> str:
    first = task.splits[0]
    if counts is not None:
        return " / ".join(f"{counts[first][part]['clips']:,}" for part in SPLITS)
    if task.compute_split is not None:
        return str(notes.get("sizes", "computed from the dataset"))
    table = load_split(task, first)
    return " / ".join(f"{len(table.ids(part)):,}" for part in SPLITS)


def _splits(task: Task, counts: Any, notes: Mapping[str, Any]) -> list[str]:
    if counts is None:
        return [
            f"`{task.splits[0]}`, by its rule: {_sizes(task, None, notes)}. Labels and groups are "
            "not counted here: the publishers' tables were not at hand when this page was written."
        ]
    rows = [["split", "part", "clips", "groups"]]
    for split in task.splits:
        for part in SPLITS:
            content = counts[split][part]
            rows.append([split, part, f"{content['clips']:,}", f"{content['groups']:,}"])
    lines = [*table(rows), "", "Intervals are over groups.", ""]
    if task.kind == "regression":
        return [*lines, *table(list(_moments(task, counts)))]
    if len(task.labels) > MOST_LABELS:
        return [*lines, *table(list(_ranges(task, counts)))]
    head = [f"{split}, {part}" for split in task.splits for part in SPLITS]
    columns = [counts[split][part] for split in task.splits for part in SPLITS]
    rows = [["label", *head]]
    for number, label in enumerate(task.labels):
        rows.append([label, *(_cell(column, number) for column in columns)])
    return [*lines, *table(rows)]


def _cell(column: Mapping[str, Any], number: int) -> str:
    """Clips that bear a label; of how many where not every clip has been asked about it."""
    told = f"{column['labels'][number]:,}"
    observed = column.get("observed", [column["clips"]] * (number + 1))[number]
    return told if observed == column["clips"] else f"{told} of {observed:,}"


def _moments(task: Task, counts: Any) -> Iterator[list[str]]:
    yield ["split", "part", *(f"{label}: mean ± standard deviation" for label in task.labels)]
    for split in task.splits:
        for part in SPLITS:
            content = counts[split][part]
            pairs = zip(content["mean"], content["deviation"], strict=True)
            yield [split, part, *(f"{mean:z.2f} ± {deviation:.2f}" for mean, deviation in pairs)]


def _ranges(task: Task, counts: Any) -> Iterator[list[str]]:
    yield ["split", "part", "labels with clips", "clips a label: least", "median", "most"]
    for split in task.splits:
        for part in SPLITS:
            found = [n for n in counts[split][part]["labels"] if n]
            middle = f"{statistics.median(found):g}"
            yield [split, part, f"{len(found)}", f"{min(found):,}", middle, f"{max(found):,}"]


def _chance(task: Task, counts: Any) -> list[str]:
    if counts is None:
        return ["Not computed: it needs the labels of the training set."]
    rows = [["split", "metric", "the one answer that is best on train", "scores on test"]]
    for split in task.splits:
        for metric, told in counts[split]["constant"].items():
            rows.append([split, metric, told["answer"], f"{100 * told['score']:z.1f}"])
    return table(rows)


def _figures(task: Task, notes: Mapping[str, Any]) -> list[str]:
    rows = [["who", "score", "source"]]
    for path in sorted(PUBLISHED.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        for row in content["rows"]:
            if task.name in row["scores"]:
                told = ", ".join(_scores(row, task.name))
                source = row.get("source", content["source"])
                link = f"[{content['protocol']}]({source['url']})"
                rows.append([row["representation"], told, link])
    for figure in notes.get("figures", []):
        rows.append([figure["who"], figure["score"], figure["source"]])
    note = []
    if any("*" in row[1] for row in rows):
        note = ["", "\\* On another subset than the split here, hence not comparable."]
    return [*table(rows), *note] if len(rows) > 1 else ["None is known."]


def _overlaps(task: Task, notes: Mapping[str, Any]) -> list[str]:
    if task.prepare is not None:
        return ["mirbench renders the audio itself; no published training data holds it."]
    told = list(notes.get("overlaps", []))
    if task.name in OVERLAPS:
        names = ", ".join(OVERLAPS[task.name])
        told.append(f"The leaderboard marks models whose training data has one of these: {names}.")
    return _listed(told)


def _scores(row: Mapping[str, Any], task: str) -> Iterator[str]:
    for metric, score in row["scores"][task].items():
        if score is not None:
            star = "\\*" if f"{task}.{metric}" in row.get("starred", ()) else ""
            yield f"{metric} {100 * score:z.1f}{star}"


def _listed(items: list[str] | None) -> list[str]:
    return [f"- {item}" for item in items] if items else ["Nothing is known."]


def table(rows: list[list[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def main() -> None:
    """Write the pages."""
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
