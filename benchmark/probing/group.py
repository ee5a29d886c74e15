"""One group: the probes of one architecture and batch size, from first to last update."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from mirbench.benchmark.api import FloatArray
from mirbench.benchmark.probing.bank import Bank, Finished, Learner
from mirbench.benchmark.probing.data import ProbeRecord, clip_targets
from mirbench.benchmark.probing.device_scores import METRICS
from mirbench.benchmark.probing.draws import Draws, Update
from mirbench.benchmark.probing.fleet import Fleet
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.memory import Need
from mirbench.benchmark.probing.setup import Setup
from mirbench.benchmark.probing.threads import Scratch, Work
from mirbench.benchmark.probing.views import Views
from mirbench.benchmark.protocol import ProbeConfig
from mirbench.benchmark.scoring.metrics import evaluate, merge_windows

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
    """

    def __init__(self, setup: Setup, configs: Sequence[ProbeConfig]) -> None:
        self.setup, self.configs = setup, configs
        data, device, hidden = setup.data, setup.threads.device, configs[0].hidden
        dims = data.X_train.shape[1]
        self.widths = (dims, hidden, data.outputs) if hidden else (dims, data.outputs)
        self.batch = min(configs[0].batch_size, len(data.X_train))
        self.loss = Loss(data.kind, data.y_train, data.outputs, self.batch, device)
        self.dropouts = sorted({config.dropout for config in configs})
        self.bank_size = 1 if hidden and device.type == "cpu" else len(configs)
        #: Whether its probes are trained as one stack, for a device that must not wait.
        self.as_fleet = device.type != "cpu" and data.metrics[0] in METRICS
        if self.as_fleet:
            need = Need.of_fleet(
                widths=self.widths,
                batch=self.batch,
                views=len({(c.standardise, c.dropout) for c in configs}),
                n_ahead=setup.protocol.eval_every,
                rows=(len(data.X_train), len(data.X_valid)),
            )
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

    def train(self, on_round: OnRound) -> Iterator[ProbeRecord]:
        """Train all probes, as many at once as fit; yield each when it has stopped."""
        for part in _batched(list(self.configs), self.fit):
            yield from (self._sail if self.as_fleet else self._step)(part, on_round)

    def _step(self, part: list[ProbeConfig], on_round: OnRound) -> Iterator[ProbeRecord]:
        cohort = Cohort(self, part)
        while cohort.banks:
            yield from cohort.round()
            on_round(cohort.number, cohort.learners, self.setup.protocol.eval_every)

    def _sail(self, part: list[ProbeConfig], on_round: OnRound) -> Iterator[ProbeRecord]:
        with contextlib.closing(Fleet(self, part)) as fleet:
            told, when = 0, time.monotonic()
            for records in fleet.rounds():
                yield from records
                # Rounds are short, and what is told of them costs the CPU more than they do.
                if records or not fleet.learners or time.monotonic() - when > TELL_EVERY_SECONDS:
                    on_round(fleet.number, fleet.learners, fleet.number - told)
                    told, when = fleet.number, time.monotonic()

    def banks(self, configs: Iterable[ProbeConfig]) -> list[list[ProbeConfig]]:
        """Divide probes into banks: those that see the same input, at most `bank_size`."""
        alike: dict[tuple[bool, float], list[ProbeConfig]] = {}
        for config in configs:
            alike.setdefault((config.standardise, config.dropout), []).append(config)
        return [part for same in alike.values() for part in _batched(same, self.bank_size)]

    def test(self, finished: Finished) -> ProbeRecord:
        """Score a probe that has stopped on the test set, with its remembered weights."""
        return self.record(finished, self.test_outputs(finished))

    def test_outputs(self, finished: Finished) -> FloatArray:
        """Outputs for the rows of the test set, float32 ``[n, n_outputs]``."""
        X_test = self.setup.inputs.rows("test", finished.learner.config.standardise)
        outputs: FloatArray = finished.network.outputs(X_test)[0].cpu().numpy()
        return outputs

    def record(self, finished: Finished, outputs: FloatArray) -> ProbeRecord:
        """Score the outputs for the test set."""
        data, learner = self.setup.data, finished.learner
        if data.clips_test is not None:
            outputs = merge_windows(outputs, data.clips_test, learner.way or "gmean")
        return ProbeRecord(
            index=learner.config.index,
            config=learner.config,
            updates=finished.updates,
            best_update=learner.best_update,
            valid=learner.valid,
            way=learner.way,
            test=evaluate(
                data.metrics, clip_targets(data.y_test, data.clips_test), outputs, data.labels
            ),
            test_outputs=outputs,
        )


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
        self.banks = [
            Bank(setup, group.loss, bank, self._draws, group.widths)
            for bank in group.banks(configs)
        ]
        ways = {config.standardise for config in configs}
        self._X_valid = {way: setup.inputs.rows("valid", way) for way in ways}
        self._updates = self.draw()

    @property
    def learners(self) -> list[Learner]:
        """Every probe that has not stopped."""
        return [learner for bank in self.banks for learner in bank.learners]

    def draw(self) -> list[Update]:
        """Draw the random numbers up to the next evaluation."""
        return self._draws.next(self._ahead)

    def round(self) -> list[ProbeRecord]:
        """Evaluate all probes, train them up to the next evaluation, return those that stopped.

        Meanwhile one thread draws the random numbers of the next round.
        """
        following: list[Update] = []
        self.setup.threads.run([lambda scratch: following.extend(self.draw()), *self.work()])
        finished = [record for bank in self.banks for record in self._stopped.pop(bank, [])]
        self.banks = [bank for bank in self.banks if bank.learners]
        self._updates, self.number = following, self.number + self._ahead
        return finished

    def work(self) -> list[Work]:
        """Divide one round into work for threads: one per bank."""
        self._stopped: dict[Bank, list[ProbeRecord]] = {}
        views = Views(self.setup.inputs, self._updates, [bank.view for bank in self.banks])
        return [functools.partial(self._train, bank, views) for bank in self.banks]

    def _train(self, bank: Bank, views: Views, scratch: Scratch) -> None:
        X_valid = self._X_valid[bank.view[0]]
        stopped = bank.train(self.number, self._updates, views.take, X_valid, scratch)
        self._stopped[bank] = [self.group.test(finished) for finished in stopped]


def _batched(items: list[ProbeConfig], size: int) -> list[list[ProbeConfig]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
