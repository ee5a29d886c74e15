"""The contract between mirbench and its plugins.

A plugin author needs this file and no other: what a representation must
offer (`Representation`), what a task is (`Task`, `Clip`), and the errors a
plugin may raise. Nothing else of mirbench is imported here, and nothing
heavier than NumPy, so that importing a plugin stays cheap.

Conventions, used everywhere in mirbench: audio is mono float32, shape
``[n_samples]``, nominally in [-1, 1]; times are seconds; rates are Hz;
embeddings are float32.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypedDict, runtime_checkable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
TargetArray = npt.NDArray[np.int64] | npt.NDArray[np.float32]

Kind = Literal["multiclass", "multilabel", "regression"]
Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

#: What a `Clip.label` may be: a class name, the positive tags, or the regression outputs.
Label = str | tuple[str, ...] | tuple[float, ...]


class MirbenchError(Exception):
    """Base of every error that is explained to the user in one message, without a traceback."""


class UsageError(MirbenchError):
    """The command or call itself is wrong: an unknown name, a bad parameter (exit status 2)."""


class PluginError(MirbenchError):
    """A plugin breaks the contract; the message names the plugin and, if any, the clip."""


class DataError(MirbenchError):
    """A dataset, split or embeddings file is absent or wrong; the message says what to do."""


class MissingWeights(DataError):
    """The weights of a representation are not on this machine; the message says how to get them."""


class UnusableClip(MirbenchError):
    """One clip cannot be embedded (undecodable, too short). It is counted as missing.

    A representation may raise this from ``embed`` for audio that it cannot
    represent; any other exception of a plugin stops the run.
    """


class WeightsFile(TypedDict, total=False):
    """One file of a set of weights, as its publishers offer it."""

    #: Its address; of a ``.zip`` that holds it, if the file itself is none.
    source: str
    #: Other addresses, tried in order after `source`.
    mirrors: list[str]
    #: Size and checksum, where they are published or known.
    bytes: int
    sha256: str


class WeightsSet(TypedDict, total=False):
    """The files that make one model."""

    licence: str
    #: File name (no folder) to where it is from.
    files: dict[str, WeightsFile]
    #: Folder inside an installed package in which the files may lie: ``"musicnn/MTT_musicnn"``.
    package: str
    #: The command that installs it, if that is not ``pip install`` and its name.
    install: str
    #: As in the card, where the sets differ.
    trained_on: str
    parameters: int


class Card(TypedDict, total=False):
    """A model card: the module-level ``CARD`` of a representation, a plain dict literal.

    It is read without importing the module, so it must be a literal.
    """

    title: str
    #: Citation or link of the paper that describes the model.
    paper: str
    licence: str
    #: What the model was trained on: "none", or dataset names.
    trained_on: str
    #: Importable names that ``load_model`` needs, such as ``["librosa"]``.
    requires: list[str]
    #: The command that installs them, where it is not part of mirbench.
    install: str
    #: How the names of an adapter are written: ``hear:<module>``. Its ``load_model``
    #: also takes the ``target``, and it has ``target_files(target) -> {name: Path}``,
    #: which gives the files that decide what the target computes.
    adapter: str
    #: Number of weights of the model.
    parameters: int
    #: Sets of weights by name; see docs/weights.md.
    weights: dict[str, WeightsSet]
    #: The parameter of ``load_model`` whose value names the set; needed where there are several.
    weights_parameter: str


#: Finds the converted weights of (representation, set); set by the harness around `load_model`.
weights_lookup: ContextVar[Callable[[str, str], Path] | None] = ContextVar(
    "weights_lookup", default=None
)


def weights_file(representation: str, name: str) -> Path:
    """Locate the weights of a representation, converted to safetensors, for its ``load_model``.

    Parameters
    ----------
    representation : str
        Name of the plugin.
    name : str
        The set of weights, as in the ``weights`` of its ``CARD``.

    Returns
    -------
    Path
        A safetensors file with the tensors that ``convert_weights`` gave.

    Raises
    ------
    MissingWeights
        If they are not on this machine; one sentence that names the command
        that gets them.
    PluginError
        If the card declares no such set, or mirbench is not loading a model:
        only then is it known which plugin asks, and which cache folder is meant.
    """
    lookup = weights_lookup.get()
    if lookup is None:
        raise PluginError(
            f"the weights {name!r} are looked up while mirbench loads a model; get the model from "
            f"mirbench.benchmark.registry.load_representation({representation!r})"
        )
    return lookup(representation, name)


@runtime_checkable
class Representation(Protocol):
    """What ``load_model(device="cpu", **params)`` of a plugin module returns.

    Optional members, found by name:

    ``embed_batch(audios, sr)``
        A list of clips to ``[n_clips, dims]`` or ``[n_clips, n_layers, dims]``;
        equal to `embed` up to rounding, unless ``batch_dependent``.
    ``layers : tuple of str``
        Names of the layers that `embed` returns.
    ``max_seconds : float``
        The model looks at the first so many seconds only.
    ``batch_dependent : bool``, ``batch_size : int``
        An embedding depends on the other clips of its batch.

    ``note(audio, sr) -> str or None``
        A remark on a clip, such as "shorter than 23.78 s"; the result row says
        on how many clips or windows it was made.
    ``made_with : dict of str to str``
        What the result row should say of how embeddings were computed.

    A module whose model is large may also have a function
    ``plan_model(seconds, device="cpu", **params)``, with the parameters of
    ``load_model``, which gives the `ModelCost` of a clip of so many seconds,
    whether or not the weights are on this machine.
    """

    @property
    def sample_rate(self) -> int:
        """Rate, in Hz, in which the model wants its audio."""

    @property
    def dims(self) -> int:
        """Length of one embedding."""

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent one clip.

        Parameters
        ----------
        audio : ndarray of float32, shape [n_samples]
            Mono audio, nominally in [-1, 1]; not to be modified.
        sr : int
            Its rate in Hz, always `sample_rate`.

        Returns
        -------
        ndarray of float32, shape [dims] or [n_layers, dims]
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """What a model takes, as its module's ``plan_model`` tells ``mirbench run --dry-run``.

    Attributes
    ----------
    parameters : int
        Weights that are used.
    nbytes : int
        Memory that they take on the device.
    flops : float
        Floating-point operations of one clip.
    seconds : float
        What a clip is likely to take on the device, all of its processors together.
    shape : tuple of int
        Of an embedding: ``(dims,)`` or ``(n_layers, dims)``.
    """

    parameters: int
    nbytes: int
    flops: float
    seconds: float
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled excerpt of audio.

    Attributes
    ----------
    id : str
        Unique within the task, as used in ``splits/``.
    path : Path or None
        Audio file, which need not exist until the clip is embedded; None
        where the dataset is not on disk.
    label : str, tuple of str, or tuple of float
        A class name (multiclass), the positive labels (multilabel), or one
        value per output (regression).
    group : str
        What must not leak between splits: the artist, or the song.
    start : float
        Where the clip begins in the file, in seconds.
    duration : float or None
        Its length in seconds; None: to the end of the file.
    min_duration : float
        Seconds that the file has from `start` on if it is whole; a shorter
        one counts as missing.
    """

    id: str
    path: Path | None
    label: Label
    group: str
    start: float = 0.0
    duration: float | None = None
    min_duration: float = 0.0


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
    unpack : {"zip", "tar.gz"} or None
        The file is an archive, to be unpacked into the dataset's folder. Files
        ``name.001``, ``name.002``, … are one archive in pieces.
    """

    filename: str
    mirrors: tuple[str, ...]
    sha256: str | None = None
    md5: str | None = None
    bytes: int | None = None
    unpack: Literal["zip", "tar.gz"] | None = None


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
    window : float or None
        Clips are cut into full windows of so many seconds, embedded one by
        one and scored together.
    downloads : tuple of Download
        What ``mirbench data fetch`` downloads and unpacks, in order.
    list_files : callable or None
        ``list_files(root)`` yields a `Download` for each single file of audio,
        for datasets that are not published as archives. It may read what
        `downloads` brought, and raises `DataError` where that is absent.
    prepare : callable or None
        ``prepare(root)`` makes the dataset, for tasks that need no download.
    board : str
        Table of the leaderboard: ``paper``, ``rendered`` or ``other``.
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
    window: float | None = None
    downloads: tuple[Download, ...] = ()
    list_files: Callable[[Path], Iterator[Download]] | None = field(default=None, repr=False)
    prepare: Callable[[Path], None] | None = field(default=None, repr=False)
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
        if self.window is not None and not self.window > 0:
            raise PluginError(f"task {self.name!r}: window must be positive, is {self.window!r}")
        if self.window is not None and self.kind != "multiclass":
            raise PluginError(f"task {self.name!r}: windows are merged for multiclass tasks only")
