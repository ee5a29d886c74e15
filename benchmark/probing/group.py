"""One group: the probes of one architecture and batch size, from first to last update."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mirbench.benchmark.files.sealed import Arrays
from mirbench.benchmark.probing.bank import Bank, Learner
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord
from mirbench.benchmark.probing.device_scores import METRICS
from mirbench.benchmark.probing.draws import Draws, Update
from mirbench.benchmark.probing.fleet import Fleet
from mirbench.benchmark.probing.layout import Layout
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.memory import BUFFERS, FLOAT, Need
from mirbench.benchmark.probing.saved_state import SavedStates
from mirbench.benchmark.probing.setup import Setup, Shared
from mirbench.benchmark.probing.testing import test
from mirbench.benchmark.probing.threads import Scratch, Work
from mirbench.benchmark.probing.views import Views
from mirbench.benchmark.protocol import ProbeConfig

#: Called after some rounds: updates made, the probes that still learn, and the updates since
#: the last call.
OnRound = Callable[[int, list[Learner], int], None]
#: Of a fleet.
TELL_EVERY_SECONDS = 0.2


class Group:
    """Probes that share batches and masks.

    Parameters
    ----------
    setup : Setup
        What all probes of the grid share; its `budget` decides how many train at once.
    configs : sequence of ProbeConfig
        All with the same hidden layer and batch size.
    saved : SavedStates, optional
        Where probes that learn are saved, and looked for first.
    """

    def __init__(
        self, setup: Setup, configs: Sequence[ProbeConfig], saved: SavedStates | None = None
    ) -> None:
        self.setup, self.configs, self.saved = setup, configs, saved
        data, device, hidden = setup.data, setup.threads.device, configs[0].hidden
        self.widths, self.batch = _shape(data, configs)
        self.loss = Loss(data.kind, data.y_train, data.outputs, self.batch, device)
        self.dropouts = sorted({config.dropout for config in configs})
        ways = sorted({config.standardise for config in configs})
        self.shared = Shared(
            setup, self.loss, self.widths, self.batch, tuple(ways), tuple(self.dropouts)
        )
        self.bank_size = 1 if hidden and device.type == "cpu" else len(configs)
        #: Whether its probes are trained as one stack, for a device that must not wait.
        self.as_fleet = device.type != "cpu" and data.metrics[0] in METRICS
        if self.as_fleet:
            need = fleet_need(data, configs, setup.protocol.eval_every)
        else:
            need = Need.of(
                widths=self.widths,
                batch=self.batch,
                n_dropouts=len(self.dropouts),
                n_ahead=setup.protocol.eval_every,
                n_valid=len(data.X_valid),
                bank=max(len(bank) for bank in self.banks(configs)),
                threads=setup.threads.size,
            )
        self.fit = need.fit(setup.budget, len(configs))

    def train(self, on_round: OnRound) -> Iterator[list[ProbeRecord]]:
        """Train all probes, as many at once as fit; yield those that each round has ended."""
        fit = self.fit
        if self.saved is not None and not self.as_fleet:
            fit = min(fit, self.saved.pace.most(BUFFERS * FLOAT * Layout(self.widths, 1).size))
        for part in _batched(list(self.configs), fit):
            if self.as_fleet:
                yield from self._sail(part, on_round)
            else:
                yield from self._step(part, on_round)

    def _step(self, part: list[ProbeConfig], on_round: OnRound) -> Iterator[list[ProbeRecord]]:
        cohort = Cohort(self, part)
        while cohort.banks:
            yield cohort.round()
            cohort.forget_finished()
            on_round(cohort.number, cohort.learners, self.setup.protocol.eval_every)

    def _sail(self, part: list[ProbeConfig], on_round: OnRound) -> Iterator[list[ProbeRecord]]:
        with contextlib.closing(Fleet(self.shared, part)) as fleet:
            told, when = 0, time.monotonic()
            for records in fleet.rounds():
                yield records
                # Rounds are short, and what is told of them costs the CPU more than they do.
                if records or not fleet.learners or time.monotonic() - when > TELL_EVERY_SECONDS:
                    on_round(fleet.number, fleet.learners, fleet.number - told)
                    told, when = fleet.number, time.monotonic()

    def banks(
        self, configs: Iterable[ProbeConfig], files: Mapping[int, Path] | None = None
    ) -> list[list[ProbeConfig]]:
        """Divide probes into banks: those that see the same input, at most `bank_size`.

        Parameters
        ----------
        configs : iterable of ProbeConfig
        files : mapping of int to Path, optional
            By grid index, where probes are saved; those of a bank are in the same file.
        """
        alike: dict[tuple[bool, float, Path | None], list[ProbeConfig]] = {}
        for config in configs:
            file = (files or {}).get(config.index)
            alike.setdefault((config.standardise, config.dropout, file), []).append(config)
        return [part for same in alike.values() for part in _batched(same, self.bank_size)]


class Cohort:
    """The probes of a group that are trained at the same time.

    Parameters
    ----------
    group : Group
    configs : sequence of ProbeConfig
        Some of the group's, or all.
    """

    def __init__(self, group: Group, configs: Sequence[ProbeConfig]) -> None:
        self.group, self.number = group, 0
        self.setup = setup = group.setup
        self._ahead = setup.protocol.eval_every
        self._draws = Draws(
            setup.protocol.seed,
            len(setup.data.X_train),
            group.batch,
            widths=group.widths,
            dropouts=group.dropouts,
            device=setup.threads.device,
        )
        self.banks: list[Bank] = []
        self._joins: dict[Bank, int] = {}
        self._begin(configs)
        ways = {config.standardise for config in configs}
        self._X_valid = {way: setup.inputs.rows("valid", way) for way in ways}

    def _begin(self, configs: Sequence[ProbeConfig]) -> None:
        """Make the banks, put those that were saved where they were, and begin with the last.

        The others join when as many updates have been made as they have made already.
        """
        group, saved = self.group, self.group.saved
        files = saved.find(configs) if saved is not None else {}
        self._streams: dict[int, Arrays] = {0: self._draws.state()}
        for configs_of_bank in group.banks(configs, files):
            bank = Bank(self.setup, group.loss, configs_of_bank, self._draws, group.widths)
            self.banks.append(bank)
            file = files.get(configs_of_bank[0].index)
            if saved is None or file is None:
                continue
            restored = saved.restore(file, bank, self._draws.masked)
            if restored is not None:
                self._joins[bank], self._streams[self._joins[bank]] = restored
        if saved is not None:
            saved.expect(self.banks)
        self._go_to_the_last()

    def _go_to_the_last(self) -> None:
        self.number = min(self._joins.get(bank, 0) for bank in self.banks)
        self._draws.restore(self._streams[self.number])
        self._updates = self.draw()

    @property
    def learners(self) -> list[Learner]:
        """Every probe that is trained now."""
        return [learner for bank in self._present() for learner in bank.learners]

    def forget_finished(self) -> None:
        """Forget the saved states of the probes that the last round returned, all recorded now."""
        if self.group.saved is not None:
            for bank in self._emptied:
                self.group.saved.forget(bank)

    def draw(self) -> list[Update]:
        """Draw the random numbers up to the next evaluation."""
        return self._draws.next(self._ahead)

    def round(self) -> list[ProbeRecord]:
        """Evaluate all probes, train them up to the next evaluation, return those that stopped.

        Meanwhile one thread draws the random numbers of the next round.
        """
        following: list[Update] = []
        self._stream = self._draws.state()
        self.setup.threads.run([lambda scratch: following.extend(self.draw()), *self.work()])
        finished = [record for bank in self.banks for record in self._stopped.pop(bank, [])]
        self._emptied = [bank for bank in self.banks if not bank.learners]
        self.banks = [bank for bank in self.banks if bank.learners]
        self._updates, self.number = following, self.number + self._ahead
        if self.banks and not self._present():  # all that came last have stopped
            self._go_to_the_last()
        return finished

    def work(self) -> list[Work]:
        """Divide one round into work for threads: one per bank."""
        self._stopped: dict[Bank, list[ProbeRecord]] = {}
        banks = self._present()
        views = Views(self.setup.inputs, self._updates, [bank.view for bank in banks])
        return [functools.partial(self._train, bank, views) for bank in banks]

    def _present(self) -> list[Bank]:
        return [bank for bank in self.banks if self._joins.get(bank, 0) <= self.number]

    def _train(self, bank: Bank, views: Views, scratch: Scratch) -> None:
        X_valid = self._X_valid[bank.view[0]]
        stopped = bank.train(self.number, self._updates, views.take, X_valid, scratch)
        self._stopped[bank] = [test(self.setup, finished) for finished in stopped]
        # Probes that have stopped stay in the file of their bank until they are recorded.
        if self.group.saved is not None and not stopped:
            number = self.number + self._ahead
            self.group.saved.offer(bank, number, self._stream, self._draws.masked)


def fleet_need(data: ProbeData, configs: Sequence[ProbeConfig], updates: int) -> Need:
    """Add up what a group needs on a GPU.

    Parameters
    ----------
    data : ProbeData
    configs : sequence of ProbeConfig
        Those of the group.
    updates : int
        Between two evaluations.
    """
    widths, batch = _shape(data, configs)
    return Need.of_fleet(
        widths=widths,
        batch=batch,
        views=len({(config.standardise, config.dropout) for config in configs}),
        n_ahead=updates,
        rows=(len(data.X_train), len(data.X_valid)),
    )


def _shape(data: ProbeData, configs: Sequence[ProbeConfig]) -> tuple[tuple[int, ...], int]:
    """Units of the layers of a group, and rows of its batches."""
    dims, hidden = data.X_train.shape[1], configs[0].hidden
    widths = (dims, hidden, data.outputs) if hidden else (dims, data.outputs)
    return widths, min(configs[0].batch_size, len(data.X_train))


def _batched(items: list[ProbeConfig], size: int) -> list[list[ProbeConfig]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
