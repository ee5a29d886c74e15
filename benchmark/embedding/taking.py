"""Which run makes which part of a shard: claimed one by one, by this run or by others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mirbench.benchmark.embedding.parts import Part, UnfinishedShard
from mirbench.benchmark.files.claims import Claims
from mirbench.benchmark.progress import count, say


def take_parts(left: Mapping[int, UnfinishedShard], claims: Claims) -> Iterator[Part]:
    """Claim what is lacking of shards, part by part, and pass over what others are at.

    Parameters
    ----------
    left : mapping
        Shards by their numbers; may lose some meanwhile.
    claims : Claims
        Those of this run.
    """
    for number, shard in list(left.items()):
        for place in shard.mine:
            spec = shard.parts[place]
            if number not in left:
                break
            if shard.lacks(place) and claims.take(spec.path):
                if shard.lacks(place):
                    yield Part(shard, place, len(spec.clips))
                else:
                    claims.release(spec.path)


def tell_who_is_at_it(left: Mapping[int, UnfinishedShard], claims: Claims) -> bool:
    """Say for whom this run waits; false where nobody is at it any more."""
    paths = [shard.parts[place].path for shard in left.values() for place in shard.mine]
    owners = sorted({owner for path in paths if (owner := claims.owner(path))})
    if owners:
        clips = sum(shard.clips for shard in left.values())
        say(
            f"the shards of the last {count(clips, 'clip')} are being embedded by other runs "
            f"({', '.join(owners[:3])}); waiting for them"
        )
    return bool(owners)
