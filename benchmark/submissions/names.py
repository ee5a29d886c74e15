"""Names that are easily taken for another's: told to the reviewer, who decides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from mirbench.benchmark.files.foreign import show
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.plugins.naming import base_name
from mirbench.benchmark.result import RepresentationRecord

#: Signs that look like others, most of them in many a font, as what they are taken for.
_ALIKE = (("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("rn", "m"), ("vv", "w"))

#: Shortest name of a built-in representation that is looked for at the start of any longer word;
#: of a shorter one (clap), only if a number follows, since other words begin so (clapton).
_SHORTEST = 6


def looks(name: str) -> str:
    """Reduce a name to what it looks like: letters without case, separators and look-alikes."""
    text = "".join(_words(name))
    for sign, taken_for in _ALIKE:
        text = text.replace(sign, taken_for)
    return text


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.lower())


def _without_version(name: str) -> str:
    """Take off what a later version would add to a name: `mine-v2` and `mine2` are `mine`."""
    return re.sub(r"([-_.+=,]?v?\d+([._]\d+)*[a-z]?)?[-_.+=,]*$", "", name) or name


def confusable_notes(
    record: RepresentationRecord, published: Collection[str], others: Collection[str]
) -> Iterator[str]:
    """Say what a name is easily taken for.

    Parameters
    ----------
    record : RepresentationRecord
    published : collection of str
        Models whose published figures stand on the board.
    others : collection of str
        Names of other rows.
    """
    base = base_name(record.name)
    built_in = [p.name for p in find_plugins("representation") if p.origin == "built-in"]
    if base in built_in:
        return
    decide = "a reviewer decides whether it may be called so"
    taken = next((name for name in built_in if looks(name) == looks(base)), None)
    known = next((name for name in published if looks(name) == looks(base)), None)
    if taken is None and known is not None:
        yield (
            f"representation.name: {show(record.name)} is the name of a published model, "
            f"{show(known)}; {decide}, and whether it is that model"
        )
        return
    taken = taken or next((name for name in built_in if _named_after(base, name)), None)
    if taken is not None:
        yield (
            f"representation.name: {show(record.name)} is easily taken for the built-in "
            f"{show(taken)}, which it is not; {decide}"
        )
        return
    for other in others:
        theirs = base_name(other)
        if theirs == base:
            continue
        alike = looks(base) == looks(theirs) or (
            looks(_without_version(base)) == looks(_without_version(theirs))
        )
        if alike:
            yield (
                f"representation.name: {show(record.name)} is easily taken for {show(other)} of "
                f"another row; {decide}"
            )
            return


def _named_after(name: str, known: str) -> bool:
    """Whether a name holds a known one as a word, or begins with it."""
    whole, start = "".join(_words(name)), "".join(_words(known))
    if whole.startswith(start):
        rest = whole.removeprefix(start)
        if len(start) >= _SHORTEST or re.match(r"v?\d", rest):
            return True
    return looks(known) in map(looks, _words(name))
