"""Who must not stand on two sides of a split: acts that share a musician, directly or not.

Datasets name acts, not musicians: "Black Twig Pickers and Steve Gunn" is an
act of its own beside "Steve Gunn". An act is therefore taken apart into
names, and acts that share a name form one connected component. Taking apart
too much ("Above & Beyond") joins too much, which leaks nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

# White space around is none of its: to look for that takes time by the square of its length.
_JOINTS = re.compile(
    r"[,;/+&(]|\b(?:and|with|feat|ft|featuring|vs|versus|remixes|conducted by)\b\.?"
)

#: Parts of acts that name nobody; nor does a part of one or two letters ("T&A").
_NOBODY = frozenset({"friends", "sons", "the"})


def letters_only(name: str) -> str:
    """Lower case, ASCII letters and white space only, single spaces.

    It makes "C. Layne" and "C Layne" one, and is the normalisation under
    which Castellon et al. (2021) split Emomusic.
    """
    return " ".join(re.sub(r"[^a-z\s]", "", name.lower()).split())


def names_of(act: str) -> list[str]:
    """Names in an act: the whole, and its parts without punctuation and articles."""
    names = [letters_only(act) or act.strip().lower()]
    for part in _JOINTS.split(act.lower()):
        name = letters_only(part).removeprefix("the ")
        if len(name) > 2 and name not in _NOBODY:
            names.append(name)
    return list(dict.fromkeys(name for name in names if name))


def components(acts: Iterable[Sequence[str]]) -> list[str | None]:
    """Find the connected components of acts that share a name.

    Parameters
    ----------
    acts : iterable of sequence of str
        For each clip the names of its act, empty where the act is unknown.

    Returns
    -------
    list of str or None
        For each clip the alphabetically first name of its component; None
        for an unknown act.
    """
    parent: dict[str, str] = {}

    def root_of(name: str) -> str:
        root = name
        while parent.setdefault(root, root) != root:
            root = parent[root]
        while name != root:
            parent[name], name = root, parent[name]
        return root

    first: list[str | None] = []
    for names in acts:
        first.append(names[0] if names else None)
        for name in names:
            low, high = sorted((root_of(names[0]), root_of(name)))
            parent[high] = low
    return [None if name is None else root_of(name) for name in first]


def number_of(name: str) -> int:
    """Turn a name into a number that is the same everywhere: its SHA-1.

    Splits are drawn by it where nobody has published one, or not one that can be repeated.
    """
    return int(hashlib.sha1(name.encode()).hexdigest(), 16)
