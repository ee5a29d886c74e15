"""Shards that are in the store: read, or removed where they are damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.embedding.layers import leave_on_disk
from mirbench.benchmark.embedding.shard_spec import ShardSpec
from mirbench.benchmark.embedding.store import Shard, read_shard
from mirbench.benchmark.progress import say


def stored_shard(spec: ShardSpec) -> Shard | None:
    """Read a shard, as `read_or_remove` does, and leave its layers on disk."""
    shard = read_or_remove(spec)
    return None if shard is None else let_go(shard, spec)


def read_or_remove(spec: ShardSpec) -> Shard | None:
    """Read a shard, or a part of one; None if there is none.

    A damaged one is removed, which is said.
    """
    found = file_at(spec.path)
    shard = read_shard(spec.path, say, spec)
    if shard is None:
        remove_damaged(spec.path, found)
    return shard


def let_go(shard: Shard, spec: ShardSpec) -> Shard:
    """Leave layers on disk; but the rows of batches have yet to be put together."""
    if spec.rows is not None:
        return shard
    return replace(shard, embedding=leave_on_disk(spec.path, shard.embedding))


def file_at(path: Path) -> tuple[int, int, int] | None:
    """Tell which file lies at a path, as long as it is not written anew; None for none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def remove_damaged(path: Path, found: tuple[int, int, int] | None) -> None:
    """Remove a file that holds something else than it should.

    Parameters
    ----------
    path : Path
    found : tuple of int, or None
        What `file_at` said before it was read. Another is left alone: it is what another
        run has put in its place.

    Raises
    ------
    MirbenchError
        If that fails, as where a folder has its name.
    """
    if found is None or file_at(path) != found:
        return
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise MirbenchError(
            f"cannot replace {path}, which is damaged: {error.strerror or error}; remove it"
        ) from error
