"""What ``mirbench cache`` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from tabulate import tabulate

from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.contents import CachedFile, cached_files
from mirbench.benchmark.progress import count
from mirbench.benchmark.runs.cache_check import holdings


def human(size: float) -> str:
    """Write bytes for people: ``812 B``, ``1.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _kinds(cache: CacheFolder) -> list[dict[str, str | int]]:
    """Sum up files by kind."""
    sums: dict[str, list[int]] = {}
    for file in cached_files(cache):
        total = sums.setdefault(file.kind, [0, 0])
        total[0] += 1
        total[1] += file.size
    return [
        {"kind": kind, "files": files, "bytes": size}
        for kind, (files, size) in sorted(sums.items())
    ]


def info_json(cache: CacheFolder) -> str:
    """Say what the cache folder holds, in JSON."""
    kinds = _kinds(cache)
    content = {
        "folder": str(cache.root.absolute()),
        "files": sum(int(kind["files"]) for kind in kinds),
        "bytes": sum(int(kind["bytes"]) for kind in kinds),
        "kinds": kinds,
        "embeddings": [_renamed(asdict(holding)) for holding in holdings(cache)],
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def _renamed(holding: dict[str, object]) -> dict[str, object]:
    return {"bytes" if key == "size" else key: value for key, value in holding.items()}


def info_report(cache: CacheFolder) -> str:
    """Say what the cache folder holds, for people."""
    kinds = _kinds(cache)
    total = sum(int(kind["bytes"]) for kind in kinds)
    files = sum(int(kind["files"]) for kind in kinds)
    blocks = [f"{cache.root.absolute()}: {count(files, 'file')}, {human(total)}"]
    if kinds:
        lines = [[kind["kind"], f"{kind['files']:,}", human(int(kind["bytes"]))] for kind in kinds]
        blocks.append(tabulate(lines, ["what", "files", "size"], disable_numparse=True))
    held = [
        [
            one.representation,
            one.task + (" (older reading of audio)" if one.older_audio else ""),
            f"{one.files:,}",
            human(one.size),
            one.fingerprint,
        ]
        for one in holdings(cache)
    ]
    if held:
        header = ["representation", "embeddings for", "files", "size", "fingerprint"]
        blocks.append(tabulate(held, header, disable_numparse=True))
    return "\n\n".join(blocks)


def prune_report(cache: CacheFolder, found: Sequence[tuple[CachedFile, str]], dry_run: bool) -> str:
    """Say what goes, or would go, by reason; file by file where nothing is removed yet."""
    if not found:
        return f"{cache.root}: nothing to remove"
    lines = [f"{file.path} ({why})" for file, why in found] if dry_run else []
    reasons: dict[str, list[int]] = {}
    for file, why in found:
        total = reasons.setdefault(why.partition(":")[0], [0, 0])
        total[0] += 1
        total[1] += file.size
    verb = "would be removed" if dry_run else "removed"
    lines += [
        f"{verb}: {count(files, 'file')}, {human(size)} ({why})"
        for why, (files, size) in sorted(reasons.items())
    ]
    return "\n".join(lines)
