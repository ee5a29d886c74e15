"""What a task is, and what its dataset is downloaded as."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mirbench.benchmark.api.clip import Clip
from mirbench.benchmark.api.errors import PluginError
from mirbench.benchmark.api.types import Kind, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file that a dataset is downloaded as.

    Attributes
    ----------
    filename : str
        Where it goes below the dataset's folder, with ``/`` between folders.
    mirrors : tuple of str
        http or https addresses, in the order in which they are tried; none
        if the file is only given on request.
    sha256, md5 : str or None
        Of the file, in hex, where its publishers or earlier users wrote it down.
    bytes : int or None
        Its size, where that is known.
    unpack : {"zip", "tar.gz", "tar"} or None
        The file is an archive, to be unpacked into the dataset's folder. Files
        ``name.001``, ``name.002``, … are one archive in pieces.
    """

    filename: str
    mirrors: tuple[str, ...]
    sha256: str | None = None
    md5: str | None = None
    bytes: int | None = None
    unpack: Literal["zip", "tar.gz", "tar"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One dataset with labels, fixed splits and metrics, as data.

    Attributes
    ----------
    name : str
        As in ``--task`` and ``splits/<name>.<split>.csv``.
    version : int
        Raised whenever `read_clips` changes what it yields; rows of another
        version are measured again.
    audio_version : int or None
        The version that first yielded the present audio, where only labels or
        groups have changed since: its stored embeddings are still used.
        None: `version`.
    labels : tuple of str
        Class names, tags or output names, in frozen order.
    metrics : tuple of str
        Names from `mirbench.benchmark.scoring.metrics`; the first decides early stopping.
    read_clips : callable
        ``read_clips(root)`` yields every clip of the dataset below the folder
        `root`. It raises `DataError` where files it needs are absent.
    folder : str
        Default name of the dataset's folder; tasks with one folder share their audio.
    z_score : bool
        Regression targets are z-scored before probes are trained on them;
        False where the metrics need them as they are (`tempo_label`).
    window : float or None
        Clips are cut into full windows of so many seconds, embedded one by
        one and scored together: a clip's outputs are the means of its windows'; for a
        multiclass task, the way of merging them is chosen on the validation set.
    partial : bool
        Whether a clip may leave labels `unobserved` (multilabel). An unobserved cell of the
        label matrix takes no part in the loss, in early stopping or in any score.
    compute_split : callable or None
        ``compute_split(root, name)`` maps clip ids to the parts of a split,
        from files of the dataset, where a list of its clips may not be or has
        not been published with the task. It depends on nothing else, and
        raises `DataError` where they are absent. None: the splits are frozen
        in ``splits/<name>.<split>.csv``.
    splits : tuple of str
        Names of the splits that it offers, in letters, digits, ``_`` and ``-``. ``paper`` is the
        published one, or yours, and what ``--split`` is by default; ``artist`` keeps every
        group within one part.
    downloads : tuple of Download
        What ``mirbench data fetch`` downloads and unpacks, in order.
    list_files : callable or None
        ``list_files(root)`` yields a `Download` for each single file of audio,
        for datasets that are not published as archives. It may read what
        `downloads` brought, and raises `DataError` where that is absent.
    prepare : callable or None
        ``prepare(root)`` makes the dataset, for tasks that need no download.
    group : str
        What the groups of its clips are, in the singular: ``artist``, ``song``, ``voice``.
    by_default : bool
        Whether a run that names no task takes it where its data is.
    transposable : bool
        Whether clips keep their labels a semitone higher or lower, so that
        ``--deform pitch_up`` and ``pitch_down`` may be asked for.
    faulty : frozenset of str
        Clips whose audio cannot be decoded as it is published. They may be missing; of other
        clips of a test split that are, the scores count the worst outcome.
    board : str
        Table of the leaderboard: ``paper``, ``rendered``, ``theory`` or ``other``.
    stem : callable
        Name of a row's file in the feature archives that Castellon et al.
        published, from the row's id (a clip's id, or ``<clip>-<k>`` for
        window k). Their code orders the rows of a split by it before it
        shuffles them, so it decides which rows share a batch.
    """

    name: str
    title: str
    version: int
    kind: Kind
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    read_clips: Callable[[Path], Iterator[Clip]] = field(repr=False)
    folder: str
    licence: str
    citation: str
    how_to_get: str
    splits: tuple[str, ...] = ("paper",)
    audio_version: int | None = None
    z_score: bool = True
    window: float | None = None
    partial: bool = False
    compute_split: Callable[[Path, str], Mapping[str, Split]] | None = field(
        default=None, repr=False
    )
    downloads: tuple[Download, ...] = ()
    list_files: Callable[[Path], Iterator[Download]] | None = field(default=None, repr=False)
    prepare: Callable[[Path], None] | None = field(default=None, repr=False)
    group: str = "group"
    by_default: bool = True
    transposable: bool = False
    faulty: frozenset[str] = frozenset()
    board: str = "other"
    stem: Callable[[str], str] = field(default=str, repr=False)

    @property
    def never_missing(self) -> bool:
        """Whether a row must have every clip, since mirbench makes the audio itself."""
        return self.prepare is not None or self.board == "rendered"

    def __post_init__(self) -> None:
        if self.kind not in ("multiclass", "multilabel", "regression"):
            raise PluginError(f"task {self.name!r}: unknown kind {self.kind!r}")
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", self.name):
            raise PluginError(f"task {self.name!r}: a name has letters, digits and _ . - only")
        for member in ("labels", "metrics", "splits"):
            names = getattr(self, member)
            if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
                raise PluginError(f"task {self.name!r}: {member} must be a tuple of str")
            if not names or len(set(names)) != len(names):
                raise PluginError(f"task {self.name!r}: {member} must be non-empty and distinct")
        if not re.fullmatch(r"[A-Za-z][A-Za-z -]*", self.group):
            raise PluginError(
                f"task {self.name!r}: group must be a word for what its groups are, such as artist"
            )
        for split in self.splits:
            if not re.fullmatch(r"[A-Za-z0-9_-]+", split):
                raise PluginError(
                    f"task {self.name!r}: {split!r} cannot name a split, and its file: use "
                    "letters, digits, _ and -"
                )
        if self.window is not None and not self.window > 0:
            raise PluginError(f"task {self.name!r}: window must be positive, is {self.window!r}")
        if self.partial and self.kind != "multilabel":
            raise PluginError(f"task {self.name!r}: only a multilabel task may be partial")
