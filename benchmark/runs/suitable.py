"""What goes together: tasks with protocols and deformations, parts and limits with whole rows."""

from __future__ import annotations

from collections.abc import Sequence

from mirbench.benchmark.api import Task, UsageError
from mirbench.benchmark.datasets.deform import get_deformation, why_not
from mirbench.benchmark.embedding.pair import Pair
from mirbench.benchmark.machine.share import Share
from mirbench.benchmark.progress import say
from mirbench.benchmark.protocol import AnyProtocol, Protocol


def keep_suitable(pairs: Sequence[Pair], protocol: AnyProtocol, named: bool) -> list[Pair]:
    """Leave out the pairs whose task cannot be probed by a protocol, which is said.

    Parameters
    ----------
    pairs : sequence of Pair
    protocol : AnyProtocol
    named : bool
        Whether the tasks were asked for by name.

    Raises
    ------
    UsageError
        If one that was asked for cannot, or none can.
    """
    refused = {pair.task.name: protocol.refusal(pair.task) for pair in pairs}
    reasons = [reason for reason in refused.values() if reason is not None]
    if reasons and (named or len(reasons) == len(refused)):
        raise UsageError("\n".join(reasons))
    for reason in reasons:
        say(f"left out: {reason}")
    return [pair for pair in pairs if refused[pair.task.name] is None]


def check_deformations(names: Sequence[str], tasks: Sequence[Task], share: Share | None) -> None:
    """Check, before anything is computed, that the clips of tasks can be deformed as asked.

    Raises
    ------
    UsageError
        If there is no deformation of a name, or labels may depend on what it changes.
    """
    if names and share is not None:
        raise UsageError("--deform goes with whole rows: leave out --part")
    deformations = [get_deformation(name) for name in names]
    reasons = [why_not(each, task) for each in deformations for task in tasks]
    problems = dict.fromkeys(reason for reason in reasons if reason is not None)
    if problems:
        raise UsageError("\n".join(problems))


def check_limit(limit: int | None, share: Share | None) -> None:
    """Refuse no clips, and parts of what is small as a whole; raises `UsageError`."""
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: at least one clip per split is needed")
    if limit is not None and share is not None:
        raise UsageError("--limit is for trying things, and takes no parts: leave out --part")


def check_share(protocol: AnyProtocol, share: Share | None) -> None:
    """Refuse parts of what takes seconds as a whole; raises `UsageError`."""
    if share is not None and not isinstance(protocol, Protocol):
        raise UsageError(
            f"protocol {protocol.name} has no parts, and takes seconds: leave out --part"
        )
