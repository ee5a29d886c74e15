"""The command line: a thin shell over `mirbench.benchmark.runs.commands`.

Exit status: 0 done, 1 something failed (the reason is on stderr), 2 wrong
usage, 128 and the number of the signal that ended it. Modules that do the work
are imported inside the commands, so that ``mirbench --help`` stays quick.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError, UsageError
from mirbench.benchmark.cli.cache import cache_folder
from mirbench.benchmark.cli.check import check
from mirbench.benchmark.cli.data import datasets
from mirbench.benchmark.cli.defaults import Defaults, find_defaults
from mirbench.benchmark.cli.doctor import doctor
from mirbench.benchmark.cli.ends import Ending, heeded
from mirbench.benchmark.cli.measure import embed, probe, run
from mirbench.benchmark.cli.new import new
from mirbench.benchmark.cli.options import Cache, Data, Quiet
from mirbench.benchmark.cli.reproduce import reproduce
from mirbench.benchmark.cli.submissions import board
from mirbench.benchmark.cli.sweep import sweep
from mirbench.benchmark.cli.weights import weights
from mirbench.benchmark.progress import silence

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"mirbench {version('mirbench')}")
        except PackageNotFoundError:
            typer.echo("mirbench, not installed as a package")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show where an error comes from; before or after COMMAND"),
    ] = False,
    quiet: Quiet = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say which version this is", callback=_tell_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Benchmark music-audio representations with shallow probes."""
    del debug  # `main` has taken it, wherever it stood
    del version
    silence(quiet)


app.add_typer(board, name="leaderboard")
app.add_typer(datasets, name="data")
for command in (run, embed, probe, sweep, reproduce, check, doctor):
    app.command()(command)
app.add_typer(new, name="new")
app.add_typer(weights, name="weights")
app.add_typer(cache_folder, name="cache")


@app.command("list")
def list_(
    what: Annotated[
        str | None, typer.Argument(help="representations or tasks [default: both]")
    ] = None,
    data: Data = None,
    cache: Cache = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, for programs; with licence, dims and more")
    ] = False,
) -> None:
    """List what there is, and for each whether it is ready or what is missing."""
    if what not in (None, "representations", "tasks"):
        raise UsageError(f"list representations or tasks, not {what!r}")
    if as_json:
        import json

        from mirbench.benchmark.runs.catalogue import catalogue

        typer.echo(json.dumps(catalogue(what, data, cache), indent=1, ensure_ascii=False))
        return
    from mirbench.benchmark.cli.tables import listing_table
    from mirbench.benchmark.runs.listing import list_representations, list_tasks

    if what != "tasks":
        typer.echo(listing_table("Representations", list_representations(cache)))
    if what != "representations":
        typer.echo(listing_table("Tasks", list_tasks(data, cache)))


@app.command()
def schema() -> None:
    """Print the JSON schema of a result row."""
    import json

    from mirbench.benchmark.result import Result

    typer.echo(json.dumps(Result.model_json_schema(), indent=1))


def main() -> None:
    """Run the command line; errors are one message on stderr, never a traceback."""
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    arguments = [one for n, one in enumerate(arguments) if one != "--debug" or n > end]
    with heeded() as ending:
        status = _run(arguments, debug, ending)
    ending.leave(status)


def _asks_only(arguments: list[str]) -> bool:
    """Whether help, the version or a completion is asked for, even where a file is wrong."""
    return (
        not arguments
        or "_MIRBENCH_COMPLETE" in os.environ
        or bool(
            {"--help", "--version", "--show-completion", "--install-completion"} & set(arguments)
        )
    )


def _run(arguments: list[str], debug: bool, ending: Ending) -> int:
    try:
        given = Defaults() if _asks_only(arguments) else find_defaults()
        options = given.of_options(typer.main.get_command(app)) if given.values else None
        with given.as_environment():
            # Typer turns Ctrl-C into a status that it returns, as it does typer.Exit.
            status: int = (
                app(
                    args=arguments,
                    prog_name="mirbench",
                    standalone_mode=False,
                    default_map=options,
                    obj=given,
                )
                or 0
            )
    except MirbenchError as error:
        if debug:
            traceback.print_exception(error)
        typer.echo(f"mirbench: {error}", err=True)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        if hasattr(error, "show"):
            error.show()
        return int(error.exit_code)
    if status == 130:
        with contextlib.suppress(OSError):  # the terminal is closed
            typer.echo(f"mirbench: {ending.message}", err=True)
        return ending.status
    return status
