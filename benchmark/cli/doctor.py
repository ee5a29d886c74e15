"""``mirbench doctor``: one page about this installation."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mirbench.benchmark.cli.defaults import NAME, Defaults
from mirbench.benchmark.cli.options import Cache, Data

if TYPE_CHECKING:
    from mirbench.benchmark.runs.installation import Installation, Place
    from mirbench.benchmark.runs.listing import Listing


def doctor(
    ctx: typer.Context,
    data: Data = None,
    cache: Cache = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs")] = False,
) -> None:
    """Describe this installation: versions, devices, folders, and what is missing for what."""
    import dataclasses
    import json

    from mirbench.benchmark.runs.installation import examine

    found = examine(data, cache)
    if isinstance(ctx.obj, Defaults) and ctx.obj.path is not None:
        found = dataclasses.replace(found, defaults=str(ctx.obj.path))
    if as_json:
        content = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        content["environment"] = found.environment.model_dump(mode="json")
        typer.echo(json.dumps(content, indent=1, default=dataclasses.asdict))
        return
    typer.echo(page(found))


def page(found: Installation) -> str:
    """Write the page, wrapped to the terminal."""
    width = max(60, min(110, shutil.get_terminal_size((100, 24)).columns))
    lines = []
    for title, facts in _sections(found):
        lines.append(title)
        for label, text in facts:
            lines += textwrap.wrap(
                text,
                width,
                initial_indent=f"  {label:<15} ",
                subsequent_indent=" " * 18,
                break_on_hyphens=False,
                break_long_words=False,
            )
        lines.append("")
    return "\n".join(lines).rstrip()


Facts = list[tuple[str, str]]


def _sections(found: Installation) -> Iterator[tuple[str, Facts]]:
    yield "Versions", _versions(found)
    yield "Machine", _machine(found)
    yield "Folders", _folders(found)
    yield "Plugins", _plugins(found)
    yield _summary("Representations", found.representations), _missing(found.representations)
    yield _summary("Tasks", found.tasks), _missing(found.tasks)


def _versions(found: Installation) -> Facts:
    environment = found.environment
    packages = dict(environment.packages)
    own = packages.pop("mirbench", "not installed as a package")
    commit = "" if environment.commit is None else f", commit {environment.commit[:12]}"
    changed = ", with changes" if environment.dirty else ""
    others = ", ".join(f"{name} {version}" for name, version in packages.items())
    return [
        ("mirbench", f"{own}{commit}{changed}"),
        ("Python", f"{environment.python} on {environment.platform}"),
        ("packages", others),
    ]


def _machine(found: Installation) -> Facts:
    from mirbench.benchmark.cli.tables import size
    from mirbench.benchmark.progress import count

    cpus = f"{count(found.processors, 'processor')} may be used; a computation takes "
    cpus += count(found.threads, "thread")
    limit = found.processor_limit
    if limit is not None and limit < found.processors:
        cpus += (
            f"; but the time of {limit:g} is all that the container or job leaves: "
            f"--jobs {max(1, round(limit))}, and OMP_NUM_THREADS={max(1, round(limit))}"
        )
    memory = f"{size(found.memory_free)} free"
    if found.memory_limit is not None:
        memory += f"; the container or job leaves {size(found.memory_limit)}"
    gpus = "none; everything runs on the processors"
    if found.gpus:
        gpus = f"{', '.join(found.gpus)}; PyTorch finds {found.usable_gpus} (--device cuda)"
        if not found.usable_gpus:
            gpus = (
                f"{', '.join(found.gpus)}, but PyTorch finds none: install a PyTorch with CUDA, "
                "see pytorch.org/get-started"
            )
    return [("processors", cpus), ("memory", memory), ("GPUs", gpus)]


def _folders(found: Installation) -> Facts:
    data = _place(found.data)
    if not found.data.exists:
        data = f"{found.data.path}, which does not exist: say --data, or set MIRBENCH_DATA"
    shared = _place(found.shared_memory)
    if not (found.shared_memory.exists and found.shared_memory.writable):
        shared = f"{found.shared_memory.path} cannot be written: plugins may not start processes"
    compiled = "compiled" if found.compiled else "compiled on first use, about a minute, once"
    return [
        ("defaults", found.defaults or f"no {NAME} is read"),
        ("cache", _place(found.cache)),
        ("data", data),
        ("shared memory", shared),
        ("librosa", compiled),
    ]


def _place(place: Place) -> str:
    from mirbench.benchmark.cli.tables import size

    if not place.writable:
        state = "cannot be written"
        if not place.exists:
            state = "does not exist and cannot be made"
        return f"{place.path}, which {state}"
    taken = "" if place.bytes is None else f", {size(place.bytes)}"
    made = "" if place.exists else " (made on first use)"
    free = "" if place.free is None else f", {size(place.free)} free on its disk"
    return f"{place.path}{made}{taken}{free}"


def _plugins(found: Installation) -> Facts:
    names = [f"{kind} {name} [{origin}]" for kind, name, origin in found.plugins]
    sandbox = f"{found.sandbox} (--sandbox)" if found.sandbox is not None else found.no_sandbox
    hidden = "nothing: no environment variable looks like a secret"
    if found.secrets:
        hidden = f"from plugins (--pass-env): {', '.join(found.secrets)}"
    return [
        ("installed", ", ".join(names) or "none but the built-in ones"),
        ("sandbox", sandbox),
        ("hidden", hidden),
    ]


def _summary(title: str, listings: tuple[Listing, ...]) -> str:
    ready = sum(line.ready for line in listings)
    rest = ", missing for" if ready < len(listings) else ""
    return f"{title}: {ready} of {len(listings)} ready{rest}"


def _missing(listings: tuple[Listing, ...]) -> Facts:
    return [(line.name, line.status) for line in listings if not line.ready]
