"""One group: the probes of one architecture and batch size, from first to last update."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence

from mirbench.benchmark.probing import adam, draws
from mirbench.benchmark.probing.bank import Bank, Course, Finished, Learner
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, clip_targets
from mirbench.benchmark.probing.draws import Draws, Update
from mirbench.benchmark.probing.inputs import Features
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.memory import Need
from mirbench.benchmark.probing.scorer import Scorer
from mirbench.benchmark.probing.threads import Crew, Job, Scratch
from mirbench.benchmark.probing.views import Batches
from mirbench.benchmark.protocol import ProbeConfig, Protocol
from mirbench.benchmark.scoring.metrics import evaluate, merge_windows

#: Called after every round: updates made, and the probes that still learn.
OnRound = Callable[[int, list[Learner]], None]


class Group:
    """Probes that share batches and masks.

    Parameters
    ----------
    configs : sequence of ProbeConfig
        All with the same hidden layer and batch size.
    budget : int
        Bytes of memory that may be used; the group is split if it must be.
    """

    def __init__(
        self,
        data: ProbeData,
        protocol: Protocol,
        features: Features,
        score: Scorer,
        configs: Sequence[ProbeConfig],
        crew: Crew,
        budget: int,
    ) -> None:
        self.data, self.protocol, self.configs, self.crew = data, protocol, configs, crew
        hidden = configs[0].hidden
        dims = data.X_train.shape[1]
        self.widths = (dims, hidden, data.outputs) if hidden else (dims, data.outputs)
        self.batch = min(configs[0].batch_size, len(data.X_train))
        loss = Loss(data.kind, data.y_train, data.outputs, self.batch, crew.device)
        self.course = Course(protocol, features, loss, score)
        self.dropouts = sorted({config.dropout for config in configs})
        self.bank_size = 1 if hidden and crew.device.type == "cpu" else len(configs)
        largest = max(len(bank) for bank in self.banks(configs))
        need = Need.of(
            self.widths,
            self.batch,
            len(self.dropouts),
            protocol.eval_every,
            len(data.X_valid),
            largest,
            crew.size,
        )
        self.fit = need.fit(budget, len(configs))

    def train(self, on_round: OnRound) -> Iterator[ProbeRecord]:
        """Train all probes, as many at once as fit; yield each when it has stopped."""
        for part in _batched(list(self.configs), self.fit):
            heat = Heat(self, part)
            while heat.banks:
                yield from heat.round()
                on_round(heat.number, heat.learners)

    def banks(self, configs: Iterable[ProbeConfig]) -> list[list[ProbeConfig]]:
        """Divide probes into banks: those that see the same input, at most `bank_size`."""
        alike: dict[tuple[bool, float], list[ProbeConfig]] = {}
        for config in configs:
            alike.setdefault((config.standardise, config.dropout), []).append(config)
        return [part for same in alike.values() for part in _batched(same, self.bank_size)]

    def test(self, finished: Finished) -> ProbeRecord:
        """Score a probe that has stopped on the test set, with its remembered weights."""
        data, learner = self.data, finished.learner
        X_test = self.course.features.rows("test", learner.config.standardise)
        outputs = finished.network.outputs(X_test)[0].cpu().numpy()
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


def prepare() -> None:
    """Compile what runs on the CPU (seconds, once a process), so that no timing includes it."""
    adam.prepare()
    draws.prepare()
    Features.prepare()


class Heat:
    """The probes of a group that are trained at the same time.

    Parameters
    ----------
    configs : sequence of ProbeConfig
        Some of the group's, or all.
    """

    def __init__(self, group: Group, configs: Sequence[ProbeConfig]) -> None:
        self.group, self.number = group, 0
        self._ahead = group.protocol.eval_every
        self._draws = Draws(
            group.protocol.seed,
            len(group.data.X_train),
            group.batch,
            group.widths,
            group.dropouts,
            group.crew.device,
        )
        self.banks = [
            Bank(group.course, bank, self._draws, group.widths) for bank in group.banks(configs)
        ]
        wanted = {config.standardise for config in configs}
        self._X_valid = {std: group.course.features.rows("valid", std) for std in wanted}
        self._updates = self.draw()

    @property
    def learners(self) -> list[Learner]:
        """Every probe that has not stopped."""
        return [learner for bank in self.banks for learner in bank.learners]

    def draw(self) -> list[Update]:
        """Draw the random numbers up to the next evaluation."""
        return self._draws.next(self._ahead)

    def round(self) -> list[ProbeRecord]:
        """Evaluate all probes and train them up to the next evaluation; give those that stopped.

        Meanwhile one thread draws the random numbers of the next round.
        """
        following: list[Update] = []
        self.group.crew.run([lambda scratch: following.extend(self.draw()), *self.jobs()])
        finished = [record for bank in self.banks for record in self._stopped.pop(bank, [])]
        self.banks = [bank for bank in self.banks if bank.learners]
        self._updates, self.number = following, self.number + self._ahead
        return finished

    def jobs(self) -> list[Job]:
        """Give the work of one round, bank by bank."""
        self._stopped: dict[Bank, list[ProbeRecord]] = {}
        views = [bank.view for bank in self.banks]
        batches = Batches(self.group.course.features, self._updates, views)
        return [functools.partial(self._train, bank, batches) for bank in self.banks]

    def _train(self, bank: Bank, batches: Batches, scratch: Scratch) -> None:
        X_valid = self._X_valid[bank.view[0]]
        stopped = bank.train(self.number, self._updates, batches.take, X_valid, scratch)
        self._stopped[bank] = [self.group.test(finished) for finished in stopped]


def _batched(items: list[ProbeConfig], size: int) -> list[list[ProbeConfig]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
