"""What the doctor found, for the terminal."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from mirbench.benchmark.api import Task
from mirbench.benchmark.cli.tables import size
from mirbench.benchmark.datasets.clip_checks import PROBLEMS, Fault
from mirbench.benchmark.datasets.doctor import Checkup, FileState
from mirbench.benchmark.datasets.fetch import Fetched
from mirbench.benchmark.progress import count
from mirbench.benchmark.registry import task_argument

_WORDS = {
    "absent": "not there",
    "empty": "empty",
    "undecodable": "not decodable",
    "too short": "too short",
    "wrong checksum": "not the published file",
}

#: Clips that are named for each problem.
_EXAMPLES = 3
#: Downloads that are named, of those with the same fate.
_FILES = 8


def checkup_report(checkup: Checkup) -> str:
    """Tell what is there, what is wrong, and what to do next, wrapped to the terminal."""
    width = max(50, min(100, shutil.get_terminal_size((100, 24)).columns))
    return "\n".join(line for part in _paragraphs(checkup, width) for line in [*part, ""]).rstrip()


def _paragraphs(checkup: Checkup, width: int) -> Iterator[list[str]]:
    task = checkup.task
    yield [f"{task.title} ({task.name})"]
    yield [line for label, text in _facts(checkup) for line in _entry(label, text, width)]
    if checkup.usable:
        yield _split_table(checkup).splitlines()
    for text, command in _advice(checkup):
        # A command is never wrapped, so that it can be copied.
        yield [*_wrapped(text, width), *([f"    {command}"] if command else [])]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _facts(checkup: Checkup) -> Iterator[tuple[str, str]]:
    task = checkup.task
    there = "" if checkup.looked_in.is_dir() else ", which does not exist"
    yield "folder", f"{checkup.looked_in}{there}"
    if checkup.made:
        yield "source", "rendered by mirbench itself, on first use"
    lying = [state for state in checkup.files if state.state != "absent"]
    more = [state for state in lying if state.state in ("right", "unchecked")][_FILES:]
    lines = [f"{state.name}: {_state(state, checkup)}" for state in lying if state not in more]
    lines += [f"and {count(len(more), 'file')} more"] if more else []
    absent = [state.name for state in checkup.files if state.state == "absent"]
    # Archives are of interest as long as something that they would bring is wanting.
    if absent and not checkup.ready and (checkup.problem or task.list_files is None):
        others = [f"and {len(absent) - _FILES:,} more"] if len(absent) > _FILES else []
        lines.append(f"not there: {', '.join([*absent[:_FILES], *others])}")
    yield from zip(["downloads", *[""] * len(lines)], lines, strict=False)
    if checkup.problem is not None:
        # What to do about it is said once, at the end.
        yield "annotations", checkup.problem.replace(task.how_to_get, "").strip()
    if checkup.clips:
        if checkup.problem is None:
            yield "annotations", f"{count(checkup.clips, 'clip')} in the splits"
        good = checkup.clips - len(checkup.faults)
        how = "decoded to the end" if checkup.deep else "headers read; --deep decodes all"
        yield "audio", f"{count(good, 'clip', 'is', of=checkup.clips)} usable ({how})"
        for problem in PROBLEMS:
            found = [fault for fault in checkup.faults if fault.problem == problem]
            if found:
                yield "", f"{len(found):,} {_WORDS[problem]}: {_examples(found, checkup)}"


def _state(state: FileState, checkup: Checkup) -> str:
    amount = size(state.bytes)
    if state.state == "wrong":
        is_table = not any(d.unpack for d in checkup.task.downloads if d.filename == state.name)
        if is_table and checkup.problem is None:
            return f"{amount}, readable, but not byte for byte the published file"
        return f"{amount}, not the published file ({state.detail})"
    return {
        "absent": "not there",
        "part": f"partly downloaded ({amount} so far)",
        "right": f"{amount}, checksum right",
        "unchecked": f"{amount}",
    }[state.state]


def _examples(faults: Sequence[Fault], checkup: Checkup) -> str:
    """Name the first few: by file where that says it all, else with the reason."""
    bare = faults[0].problem in ("absent", "empty")
    texts = []
    for fault in faults[:_EXAMPLES]:
        path = fault.path
        if path is not None and path.is_relative_to(checkup.looked_in):
            path = path.relative_to(checkup.looked_in)
        texts.append(str(path or fault.clip_id) if bare else fault.reason)
    return (", " if bare else "; ").join([*texts, *["…"] * (len(faults) > _EXAMPLES)])


def _entry(label: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"  {label:<13}",
        subsequent_indent=" " * 15,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _split_table(checkup: Checkup) -> str:
    rows = []
    for name, parts in checkup.usable.items():
        counts = [*parts.values()]
        counts.append((sum(n for n, _ in counts), sum(n for _, n in counts)))
        cells = [f"{n:,}" if n == total else f"{n:,} of {total:,}" for n, total in counts]
        rows.append([name, *cells, "yes" if checkup.can_run(name) else "no"])
    header = ["usable clips", "train", "valid", "test", "all", "can run"]
    align = ("left", "right", "right", "right", "right", "left")
    table = tabulate(rows, header, tablefmt="plain", disable_numparse=True, colalign=align)
    return textwrap.indent(table, "  ")


def _advice(checkup: Checkup) -> Iterator[tuple[str, str]]:
    """Advise what to do next, as text and a command."""
    task, where = checkup.task, ""
    if checkup.data is not None and not checkup.made:
        where = f" --data {shlex.quote(str(checkup.data))}"
    faults = len(checkup.faults)
    if checkup.ready:
        many = count(faults, "clip", "is")
        left = f", though {many} left out and counted as missing in the result" if faults else ""
        run = f"mirbench run --rep mfcc --task {_argument(task)}{where}"
        yield f"{task.name} can run{left}. Next:", run
        return
    if checkup.usable and checkup.problem is None:
        unusable = f"{count(faults, 'clip', 'is', of=checkup.clips)} unusable"
        allowed = f"{100 * checkup.max_missing:g} % may be (--max-missing)"
        yield f"{task.name} cannot run yet: {unusable}, and {allowed}.", ""
    else:
        yield f"{task.name} cannot run yet.", ""
    lying = {state.name for state in checkup.files if state.state in ("right", "unchecked")}
    absent = [item for item in task.downloads if item.filename not in lying]
    fetch = f"mirbench data fetch {_argument(task)}{where}"
    if any(not item.mirrors for item in absent):
        yield f"Next: {task.how_to_get}", ""
        yield f"Archives that lie in {checkup.fetch_into} are checked and unpacked by:", fetch
    elif task.downloads or task.list_files is not None:
        yield f"Next, to download and unpack what is missing into {checkup.fetch_into}:", fetch
        yield f"Or by hand: {task.how_to_get}", ""
    else:
        yield f"Next: {task.how_to_get}", ""


def fetch_report(fetched: Fetched) -> str:
    """Tell what a fetch did and what to do next."""
    task, folder = fetched.task, fetched.folder
    if fetched.downloaded or fetched.unpacked:
        done = f"files downloaded: {fetched.downloaded}, unpacked: {fetched.unpacked}, in {folder}"
    else:
        done = f"nothing to fetch: {folder} is complete"
    lines = [f"{task.name}: {done}"]
    if fetched.archives:
        names = ", ".join(path.name for path in fetched.archives)
        space = size(sum(path.stat().st_size for path in fetched.archives))
        lines.append(f"The archives are not needed any more and may be deleted ({space}): {names}")
    where = "" if task.prepare is not None else f" --data {shlex.quote(str(folder.parent))}"
    if fetched.annotations:
        lines.append(f"The audio was left out. Next:\n    mirbench reproduce castellon2021{where}")
        return "\n".join(lines)
    lines.append(f"Next:\n    mirbench data doctor {_argument(task)}{where}")
    return "\n".join(lines)


def _argument(task: Task) -> str:
    return shlex.quote(task_argument(task))
