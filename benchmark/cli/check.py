"""``mirbench check``: whether a representation does what it should, and what to do if not."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mirbench.benchmark.api import UsageError
from mirbench.benchmark.cli.options import Cache, Device, PassEnv, Quiet, Rep

if TYPE_CHECKING:
    from mirbench.benchmark.conformance.findings import Report


def check(
    ctx: typer.Context,
    rep: Rep,
    device: Device = "cpu",
    cache: Cache = None,
    clip_timeout: Annotated[
        float,
        typer.Option("--clip-timeout", min=0.1, help="Seconds that a clip of 12 s may take"),
    ] = 60.0,
    as_json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write JSON, too; -: and no table")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.md", help="Write a report for a submission, too"),
    ] = None,
    pass_env: PassEnv = None,
    quiet: Quiet = False,
) -> None:
    """Check a representation on synthetic audio, and say what to do about each finding."""
    from mirbench.benchmark.conformance.kit import check_representation
    from mirbench.benchmark.conformance.markdown import markdown
    from mirbench.benchmark.runs.plugin_rules import plugin_rules

    del quiet  # its callback has heeded it
    json_file = None if as_json in (None, "-") else Path(str(as_json))
    for place in (json_file, report):
        if place is not None:
            _writable(place)
    ctx.with_resource(plugin_rules([rep], pass_env=pass_env or (), cache=cache))
    found = check_representation(rep, device=device, cache=cache, clip_timeout=clip_timeout)
    content = json.dumps(found.content(), indent=1)
    if as_json == "-":
        typer.echo(content)
    else:
        typer.echo(table(found))
    if json_file is not None:
        _write(json_file, content + "\n")
    if report is not None:
        _write(report, markdown(found))
    if not found.passed:
        raise typer.Exit(1)


def _writable(path: Path) -> None:
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{path} cannot be written: name a file in a folder that exists")


def _write(path: Path, text: str) -> None:
    from mirbench.benchmark.files.atomic import write_atomic

    write_atomic(path, text.encode())
    typer.echo(f"wrote {path}", err=True)


def table(report: Report) -> str:
    """Write the findings, a line or more each, wrapped to the terminal."""
    width = max(70, min(110, shutil.get_terminal_size((100, 24)).columns))
    lines = [f"{report.representation} on {report.device}, fingerprint {report.fingerprint[:16]}"]
    for finding in report.findings:
        head = f"{finding.state:<8} {finding.check:<9} "
        for text, indent in ((finding.found, head), (finding.advice, " " * 18 + "→ ")):
            if text:
                lines += textwrap.wrap(
                    text,
                    width,
                    initial_indent=indent,
                    subsequent_indent=" " * (20 if indent != head else 18),
                    break_on_hyphens=False,
                )
    lines.append(report.summary)
    return "\n".join(lines)
