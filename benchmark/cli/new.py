"""``mirbench new``: begin a representation or a task of one's own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mirbench.benchmark.runs.new_plugin import NewPlugin

new = typer.Typer(help="Begin a representation or a task of your own.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What to call it: a Python identifier")]
Package = Annotated[
    bool, typer.Option("--package", help="An installable package with a test, not a file")
]
Into = Annotated[Path, typer.Option("--into", help="Folder that it goes to")]


@new.command("representation")
def new_representation(
    name: Name,
    package: Package = False,
    layers: Annotated[bool, typer.Option("--layers", help="With several layers")] = False,
    batch: Annotated[bool, typer.Option("--batch", help="That embeds clips in batches")] = False,
    into: Into = Path(),
) -> None:
    """Write a representation that runs as it is, and says where choices are made."""
    from mirbench.benchmark.runs.new_plugin import NewPlugin

    plugin = NewPlugin(
        kind="representation", name=name, package=package, layers=layers, batch=batch
    )
    commands = [f"mirbench run --rep {plugin.argument} --task rendered_key --protocol quick"]
    if layers:
        commands.append(f"mirbench sweep --rep {plugin.argument} --task rendered_key")
    _write(plugin, into, commands)


@new.command("task")
def new_task(name: Name, package: Package = False, into: Into = Path()) -> None:
    """Write a task with a split, which runs on an example that it makes itself."""
    from mirbench.benchmark.runs.new_plugin import NewPlugin

    plugin = NewPlugin(kind="task", name=name, package=package)
    run = f"mirbench run --rep mfcc --task {plugin.argument} --data data --protocol quick"
    _write(plugin, into, [f"{plugin.program} example data/{name}", run])


def _write(plugin: NewPlugin, into: Path, commands: list[str]) -> None:
    from mirbench.benchmark.runs.new_plugin import write_plugin

    for path in write_plugin(plugin, into):
        typer.echo(f"wrote {path}")
    if plugin.package:
        place = into / plugin.name
        commands = [f"cd {shlex.quote(str(place))}", "pip install -e .", *commands]
    elif into != Path():
        commands = [f"cd {shlex.quote(str(into))}", *commands]
    typer.echo("Next:")
    for command in commands:
        typer.echo(f"    {command}")
