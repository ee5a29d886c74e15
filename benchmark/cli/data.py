"""``mirbench data``: check or download datasets, and ask after their addresses."""

from __future__ import annotations

from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.cli.options import Cache, Data, Jobs, MaxMissing, Quiet, TaskName
from mirbench.benchmark.progress import count

datasets = typer.Typer(
    help="Check or download datasets, and ask after their addresses.", no_args_is_help=True
)


@datasets.command("doctor")
def data_doctor(
    task: TaskName,
    data: Data = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Decode every clip to its end, not only headers")
    ] = False,
    jobs: Jobs = None,
    cache: Cache = None,
    max_missing: MaxMissing = 0.05,
    quiet: Quiet = False,
) -> None:
    """Say what of a dataset is there, what is wrong with it, and what to do next."""
    from mirbench.benchmark.cli.data_report import checkup_report
    from mirbench.benchmark.datasets.doctor import check_dataset
    from mirbench.benchmark.datasets.locate import dataset_folder
    from mirbench.benchmark.files.cache import CacheFolder
    from mirbench.benchmark.registry import load_splits, load_task

    spec, where = load_task(task), CacheFolder.find(cache)
    checkup = check_dataset(
        spec,
        load_splits(spec, dataset_folder(spec, data, where)),
        data,
        cache=where,
        deep=deep,
        workers=jobs,
        max_missing=max_missing,
    )
    typer.echo(checkup_report(checkup))
    if not checkup.ready:
        raise MirbenchError(f"task {task} cannot run with the data that is here")


@datasets.command("fetch")
def data_fetch(
    task: TaskName,
    data: Data = None,
    annotations: Annotated[
        bool, typer.Option("--annotations", help="Leave the audio out, as for: mirbench reproduce")
    ] = False,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Download a dataset, check and unpack it; run it again to go on where it stopped."""
    from mirbench.benchmark.cli.data_report import fetch_report
    from mirbench.benchmark.datasets.fetch import fetch
    from mirbench.benchmark.files.cache import CacheFolder
    from mirbench.benchmark.registry import load_task

    fetched = fetch(load_task(task), data, CacheFolder.find(cache), annotations)
    typer.echo(fetch_report(fetched))


@datasets.command("links")
def data_links(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME…]", help="Tasks (or FILE.py) and representations [default: all]"
        ),
    ] = None,
    data: Data = None,
    cache: Cache = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds to wait for an answer")
    ] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="In JSON, sizes in bytes")] = False,
    quiet: Quiet = False,
) -> None:
    """Ask whether the addresses of datasets and weights still lead there; download nothing."""
    from mirbench.benchmark.cli.links_report import links_json, links_report
    from mirbench.benchmark.files.cache import CacheFolder
    from mirbench.benchmark.files.links import look_at_links
    from mirbench.benchmark.runs.links import declared_links

    links = declared_links(names or (), data, CacheFolder.find(cache))
    findings = look_at_links(links, timeout)
    typer.echo(links_json(findings) if as_json else links_report(findings))
    wrong = sum(finding.state not in ("alive", "moved") for finding in findings)
    if wrong:
        raise MirbenchError(
            f"{wrong} of {count(len(findings), 'link')} could not be seen to lead to what is "
            "declared; what is unclear may be otherwise later, or from another network"
        )
