"""Probe protocols as data: the grid, early stopping and selection; few labels; neighbours.

`CASTELLON2021` is the protocol of Castellon, Donahue & Liang, "Codified audio
language modeling learns useful representations for music information
retrieval" (ISMIR 2021, section 5.2), with the details of the code that
produced its Table 3. A protocol is a value with a hash: another grid is
another protocol, under another name.

`FEWSHOT` and `KNN` train no grid: their probes have nothing to be selected but the layer.
docs/protocols.md says how they compare with what MTEB and X-ARES call so.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict, dataclass

from mirbench.benchmark.api import Task, UsageError


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """One point of a grid.

    Attributes
    ----------
    index : int
        Its place in the grid.
    standardise : bool
        Whether features are standardised with the statistics of the training set.
    hidden : int
        Units of the hidden layer; 0: a linear probe.
    batch_size : int
        Rows a step, never more than there are.
    learning_rate, dropout, l2 : float
        Of Adam; of the input and the hidden layer; coupled, biases included.
    """

    index: int
    standardise: bool
    hidden: int
    batch_size: int
    learning_rate: float
    dropout: float
    l2: float


class _Rules:
    """What all protocols have."""

    __slots__ = ()

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of everything that defines the protocol."""
        assert isinstance(self, AnyProtocol)
        content = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def on_board(self) -> bool:
        """Whether its rows are kept on the leaderboard, in whichever table."""
        return True

    def refusal(self, task: Task) -> str | None:
        """Say why a task cannot be probed so; None: it can."""
        return None


@dataclass(frozen=True, slots=True)
class Protocol(_Rules):
    """How probes are trained and one of them is selected.

    Attributes
    ----------
    standardise, hidden, batch_size, learning_rate, dropout, l2 : tuple
        The values of each hyperparameter; the last varies fastest in the grid.
    eval_every : int
        The validation set is scored before every update whose number is a multiple of it.
    patience : int
        Evaluations without a strictly higher score after which training stops.
    seed : int
        Of the batches and of the initial weights and dropout masks.
    main_board : bool
        Whether rows may stand on the main leaderboard.
    """

    name: str
    standardise: tuple[bool, ...]
    hidden: tuple[int, ...]
    batch_size: tuple[int, ...]
    learning_rate: tuple[float, ...]
    dropout: tuple[float, ...]
    l2: tuple[float, ...]
    eval_every: int
    patience: int
    seed: int = 0
    main_board: bool = False

    def grid(self) -> tuple[ProbeConfig, ...]:
        """List every probe, in grid order."""
        points = itertools.product(
            self.standardise,
            self.hidden,
            self.batch_size,
            self.learning_rate,
            self.dropout,
            self.l2,
        )
        return tuple(ProbeConfig(i, *point) for i, point in enumerate(points))

    @property
    def probes(self) -> int:
        """Probes that are trained on a layer."""
        return len(self.grid())

    @property
    def on_board(self) -> bool:
        """Whether its rows are kept on the leaderboard, in whichever table."""
        return self.main_board


@dataclass(frozen=True, slots=True)
class FewShot(_Rules):
    """Logistic regression on a few labelled clips, drawn again and again.

    Attributes
    ----------
    clips_per_label : int
        Training clips of a draw that have a label, of distinct groups where there are as many.
    draws : int
        How often clips are drawn; the score is the mean over draws.
    c : float
        Inverse strength of the L2 penalty, as in scikit-learn.
    seed : int
        Of the draws.
    main_board : bool
        Whether rows may stand on the main leaderboard.
    """

    name: str
    clips_per_label: int
    draws: int
    c: float
    seed: int = 0
    main_board: bool = False

    @property
    def probes(self) -> int:
        """Probes that are trained on a layer."""
        return self.draws

    def refusal(self, task: Task) -> str | None:
        """Say why a task cannot be probed so; None: it can."""
        if task.kind != "regression":
            return None
        return (
            f"protocol {self.name} takes some clips of each label, and task "
            f"{task.name!r} has values, not labels; use --protocol knn"
        )


@dataclass(frozen=True, slots=True)
class Neighbours(_Rules):
    """The nearest training clips vote; nothing is trained.

    Attributes
    ----------
    k : int
        Training rows (clips or windows) that vote.
    temperature : float
        A vote weighs exp(similarity / temperature).
    main_board : bool
        Whether rows may stand on the main leaderboard.
    """

    name: str
    k: int
    temperature: float
    main_board: bool = False

    @property
    def probes(self) -> int:
        """Probes that are trained on a layer."""
        return 1


AnyProtocol = Protocol | FewShot | Neighbours


CASTELLON2021 = Protocol(
    name="castellon2021",
    standardise=(False, True),
    hidden=(0, 512),
    batch_size=(64, 256),
    learning_rate=(1e-5, 1e-4, 1e-3),
    dropout=(0.25, 0.5, 0.75),
    l2=(0.0, 1e-4, 1e-3),
    eval_every=8,
    patience=256,
    main_board=True,
)

QUICK = Protocol(
    name="quick",
    standardise=(True,),
    hidden=(0,),
    batch_size=(64,),
    learning_rate=(1e-5, 1e-4, 1e-3),
    dropout=(0.25,),
    l2=(0.0,),
    eval_every=8,
    patience=32,
)

FEWSHOT = FewShot(name="fewshot", clips_per_label=8, draws=10, c=1.0)

KNN = Neighbours(name="knn", k=10, temperature=0.07)

PROTOCOLS: dict[str, AnyProtocol] = {
    protocol.name: protocol for protocol in (CASTELLON2021, QUICK, FEWSHOT, KNN)
}


def get_protocol(name: str) -> AnyProtocol:
    """Look a protocol up by name.

    Raises
    ------
    UsageError
        If there is none of that name.

    Examples
    --------
    >>> protocol = get_protocol("castellon2021")
    >>> len(protocol.grid())
    216
    >>> protocol.grid()[0].batch_size
    64
    """
    try:
        return PROTOCOLS[name]
    except KeyError:
        known = ", ".join(PROTOCOLS)
        raise UsageError(f"there is no protocol {name!r}; choose one of: {known}") from None


def get_grid(name: str) -> Protocol:
    """Look up a protocol that trains a grid.

    Raises
    ------
    UsageError
        If there is none of that name, or it has no grid.
    """
    protocol = get_protocol(name)
    if not isinstance(protocol, Protocol):
        grids = ", ".join(n for n, known in PROTOCOLS.items() if isinstance(known, Protocol))
        raise UsageError(f"protocol {name!r} has no grid of probes; choose one of: {grids}")
    return protocol
