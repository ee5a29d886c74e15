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
    """Read a shard; None if there is none. A damaged one is removed, which is said."""
    shard = read_shard(spec.path, say, spec)
    if shard is not None:
        return let_go(shard, spec)
    remove_damaged(spec.path)
    return None


def let_go(shard: Shard, spec: ShardSpec) -> Shard:
    """Leave layers on disk; but the rows of batches have yet to be put together."""
    if spec.rows is not None:
        return shard
    return replace(shard, embedding=leave_on_disk(spec.path, shard.embedding))


def remove_damaged(path: Path) -> None:
    """Remove a file that holds something else than it should.

    Raises
    ------
    MirbenchError
        If that fails, as where a folder has its name.
    """
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise MirbenchError(
            f"cannot replace {path}, which is damaged: {error.strerror or error}; remove it"
        ) from error
