"""``mirbench data``: check or download datasets."""

from __future__ import annotations

from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.cli.options import Cache, Data, Jobs, MaxMissing, Quiet, TaskName

datasets = typer.Typer(help="Check or download datasets.", no_args_is_help=True)


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
    task: TaskName, data: Data = None, cache: Cache = None, quiet: Quiet = False
) -> None:
    """Download a dataset, check and unpack it; run it again to go on where it stopped."""
    from mirbench.benchmark.cli.data_report import fetch_report
    from mirbench.benchmark.datasets.fetch import fetch
    from mirbench.benchmark.files.cache import CacheFolder
    from mirbench.benchmark.registry import load_task

    typer.echo(fetch_report(fetch(load_task(task), data, CacheFolder.find(cache))))
