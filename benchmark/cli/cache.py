"""``mirbench cache``: what the cache folder holds, whether it is whole, what may go."""

from __future__ import annotations

from typing import Annotated

import typer

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.cli.options import Cache

cache_folder = typer.Typer(
    help="Say what the cache folder holds, whether it is whole, and what may go.",
    no_args_is_help=True,
)


@cache_folder.command("info")
def cache_info(
    cache: Cache = None,
    as_json: Annotated[bool, typer.Option("--json", help="In JSON, sizes in bytes")] = False,
) -> None:
    """Say where the cache folder is and what is in it: sizes, representations, tasks."""
    from mirbench.benchmark.cli.cache_report import info_json, info_report
    from mirbench.benchmark.files.cache import CacheFolder

    folder = CacheFolder.find(cache)
    typer.echo(info_json(folder) if as_json else info_report(folder))


@cache_folder.command("verify")
def cache_verify(cache: Cache = None) -> None:
    """Read every file that carries a digest; name those that are damaged or foreign."""
    from mirbench.benchmark.files.cache import CacheFolder
    from mirbench.benchmark.progress import count
    from mirbench.benchmark.runs.cache_check import verify

    folder = CacheFolder.find(cache)
    found = 0
    for problem in verify(folder):
        found += 1
        typer.echo(f"{problem.what}: {problem.file.path} ({problem.why})")
    if found:
        raise MirbenchError(
            f"{count(found, 'file')} of {folder.root} should not be as they are; what is damaged "
            "is made again when it is needed, or removed by: mirbench cache prune"
        )
    typer.echo(f"{folder.root}: whole")


@cache_folder.command("prune")
def cache_prune(
    rep: Annotated[
        list[str] | None,
        typer.Option("--rep", help="All embeddings of it: NAME or fingerprint (repeat)"),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", min=0, help="Embeddings and grids of so many days ago"),
    ] = None,
    older_audio: Annotated[
        bool, typer.Option("--older-audio", help="All that an older reading of audio has made")
    ] = False,
    weights: Annotated[bool, typer.Option("--weights", help="Converted weights, too")] = False,
    data: Annotated[
        bool, typer.Option("--made-data", help="Datasets that mirbench has made, too")
    ] = False,
    features: Annotated[bool, typer.Option("--features", help="Published features, too")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go")] = False,
    cache: Cache = None,
) -> None:
    """Remove what can no longer be used, and what is asked for."""
    import time

    from mirbench.benchmark.cli.cache_report import prune_report
    from mirbench.benchmark.files.cache import CacheFolder
    from mirbench.benchmark.files.contents import remove_files
    from mirbench.benchmark.runs.cache_check import KEPT, Pruning, prunable

    folder = CacheFolder.find(cache)
    kinds = [kind for kind, go in zip(KEPT, (weights, data, features), strict=True) if go]
    asked = Pruning(
        representations=rep or (), older_audio=older_audio, older_than=older_than, kinds=kinds
    )
    found = prunable(folder, asked, time.time())
    typer.echo(prune_report(folder, found, dry_run))
    if dry_run:
        return
    failed = remove_files(folder, [file.path for file, _ in found])
    if failed:
        raise MirbenchError("\n".join(f"cannot remove {path}: {why}" for path, why in failed))
