"""A fleet: the probes of a group, trained as one stack on a device that must not wait.

On a GPU an update is bound by launches and by whatever waits for them. So
the evaluation and the updates up to the next one, a round, are recorded once
and replayed; early stopping happens on the device; and scores are read some
rounds later, when they have long arrived. A probe that has stopped keeps its
place, and its remembered weights, until so many have stopped that the rest is
worth moving together.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch

from mirbench.benchmark.probing.ahead import Ahead
from mirbench.benchmark.probing.bank import Finished, Learner
from mirbench.benchmark.probing.data import ProbeRecord
from mirbench.benchmark.probing.draws import Draws
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.network import Network
from mirbench.benchmark.probing.replay import Mark, Replay
from mirbench.benchmark.probing.rounds import Round
from mirbench.benchmark.probing.setup import Shared
from mirbench.benchmark.probing.stack import Stack
from mirbench.benchmark.probing.testing import score_test, test_outputs
from mirbench.benchmark.probing.views import View
from mirbench.benchmark.protocol import ProbeConfig

#: Rounds that the device may have before it while the scores of an earlier one are read.
LAG = 2
#: The others move together when no more than this share of the places is still needed.
SPARSE = 0.75
#: Threads that score finished probes on the test set.
SCORING = 4


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Scores of the places `learners` after `number` updates, on their way to the CPU."""

    number: int
    learners: list[Learner | None]
    scores: torch.Tensor
    arrived: Mark


class Fleet:
    """Some probes of a group, or all, on one device; to be closed.

    Parameters
    ----------
    shared : Shared
        Of their group.
    configs : sequence of ProbeConfig

    Attributes
    ----------
    number : int
        Updates that were launched.
    """

    def __init__(self, shared: Shared, configs: Sequence[ProbeConfig]) -> None:
        self.shared, self.number = shared, 0
        self._device = shared.setup.threads.device
        self._evaluated: deque[Evaluated] = deque()
        self._pool = ThreadPoolExecutor(min(SCORING, os.cpu_count() or 1))
        self._testing: deque[Future[ProbeRecord]] = deque()
        self._begin(configs)

    def _begin(self, configs: Sequence[ProbeConfig]) -> None:
        shared, setup = self.shared, self.shared.setup
        protocol = setup.protocol
        draws = Draws(
            protocol.seed,
            len(setup.data.X_train),
            shared.batch,
            widths=shared.widths,
            dropouts=shared.dropouts,
            device=self._device,
        )
        views, self._places = _arranged([Learner(config) for config in configs])
        places = _configs(self._places)
        stack = Stack.begin(shared.widths, views, places, draws.initial, self._device)
        stack.waited.masked_fill_(self._vacant(), protocol.patience)
        self._ahead = Ahead(draws, protocol.eval_every, self._device)
        self._round = Round(shared, draws.rates, self._ahead.numbers)
        self._board(stack)

    @property
    def learners(self) -> list[Learner]:
        """Every probe that has not stopped, as far as is known."""
        return [learner for learner in self._places if learner is not None]

    @property
    def recorded(self) -> bool:
        """Whether rounds are replayed."""
        return self._replay.recorded

    def draw(self) -> None:
        """Take the random numbers of the next round; a round uses the last that were taken."""
        self._ahead.send()

    def batches(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Compute the batches and the hidden layer's masks of the last round, see `Round`."""
        return self._round.batches(self.stack.views)

    def close(self) -> None:
        """Stop the threads."""
        self._ahead.close()
        self._pool.shutdown(cancel_futures=True)

    def rounds(self) -> Iterator[list[ProbeRecord]]:
        """Train to the end, round by round; yield the probes that are done."""
        while self.learners:
            self._advance()
            yield self._tested(wait=False)
        self._evaluated.clear()
        yield self._tested(wait=True)

    def _advance(self) -> None:
        self.launch()
        before = len(self.learners)
        while len(self._evaluated) > LAG:
            self._read()
        if 0 < len(self.learners) < before and self._is_sparse():
            self._compact()

    def launch(self) -> None:
        """Begin one round: evaluate, and make the updates up to the next evaluation."""
        self.draw()
        scores, arrived = self._logs[0]
        self._logs.rotate(-1)
        self._replay()
        scores.copy_(self._scores, non_blocking=True)
        arrived.set()
        self._evaluated.append(Evaluated(self.number, list(self._places), scores, arrived))
        self.number += self.shared.setup.protocol.eval_every

    def _board(self, stack: Stack) -> None:
        """Let `stack` be what is trained."""
        self.stack, on_gpu = stack, self._device.type == "cuda"
        shape = len(self._round.score.ways), len(stack.places)
        scores = torch.zeros(shape, dtype=torch.float64, device=self._device)
        self._scores, work = scores, self._round
        self._logs = deque(
            (torch.zeros(shape, dtype=torch.float64, pin_memory=on_gpu), Mark(self._device))
            for _ in range(LAG + 2)
        )
        self._replay = Replay(lambda: work(stack, scores), self._device)

    def _read(self) -> None:
        """Take note of the oldest evaluation, and send those that stopped to the test set."""
        evaluated = self._evaluated.popleft()
        evaluated.arrived.wait()
        protocol, ways = self.shared.setup.protocol, self._round.score.ways
        scores, best = (tensor.tolist() for tensor in evaluated.scores.max(dim=0))
        for place, learner in enumerate(evaluated.learners):
            if learner is None or learner.waited >= protocol.patience:
                continue
            learner.see(evaluated.number, scores[place], ways[best[place]])
            if learner.waited >= protocol.patience:
                self._leave(place, learner, evaluated.number + protocol.eval_every)

    def _leave(self, place: int, learner: Learner, updates: int) -> None:
        layout = Layout(self.stack.layout.widths, 1)
        network = Network(layout, self.stack.remembered(place))
        finished = Finished(learner, updates, network)
        outputs = test_outputs(self.shared.setup, finished)
        scoring = self._pool.submit(score_test, self.shared.setup, finished, outputs)
        self._testing.append(scoring)
        self._places[place] = None

    def _tested(self, wait: bool) -> list[ProbeRecord]:
        records = []
        while self._testing and (wait or self._testing[0].done()):
            records.append(self._testing.popleft().result())
        return records

    def _is_sparse(self) -> bool:
        _, places = _arranged(self.learners)
        return len(places) <= SPARSE * len(self._places)

    def _compact(self) -> None:
        while self._evaluated:
            self._read()
        if not self.learners:
            return
        views, places = _arranged(self.learners)
        del self._replay  # gives its memory back, before there are two stacks
        old = {id(learner): place for place, learner in enumerate(self._places) if learner}
        # A place that nobody needs takes any probe's weights, as one that has stopped.
        index = [old[id(learner)] if learner else next(iter(old.values())) for learner in places]
        self._places = places
        stack = self.stack.rearranged(views, _configs(places), index)
        stack.waited.masked_fill_(self._vacant(), self.shared.setup.protocol.patience)
        self._board(stack)

    def _vacant(self) -> torch.Tensor:
        return torch.tensor([learner is None for learner in self._places], device=self._device)


def _arranged(learners: Sequence[Learner]) -> tuple[list[View], list[Learner | None]]:
    """Sort probes by what they see, and give every view as many places as the largest needs."""
    seen: dict[View, list[Learner]] = {}
    for learner in learners:
        config = learner.config
        seen.setdefault((config.standardise, config.dropout), []).append(learner)
    views, most = sorted(seen), max(len(some) for some in seen.values())
    return views, [
        learner for view in views for learner in seen[view] + [None] * (most - len(seen[view]))
    ]


def _configs(places: Sequence[Learner | None]) -> list[ProbeConfig]:
    """Of each place, the configuration; of one that nobody needs, that of some probe."""
    some = next(learner.config for learner in places if learner is not None)
    return [some if learner is None else learner.config for learner in places]
