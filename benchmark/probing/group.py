"""One group: the probes of one architecture and batch size, from first to last update."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from mirbench.benchmark.batched_metrics import Scorer
from mirbench.benchmark.metrics import evaluate, merge_windows
from mirbench.benchmark.probing.bank import Bank, Course, Finished, Learner
from mirbench.benchmark.probing.data import ProbeData, ProbeRecord, clip_targets
from mirbench.benchmark.probing.draws import Draws, Update
from mirbench.benchmark.probing.features import Features
from mirbench.benchmark.probing.losses import Loss
from mirbench.benchmark.probing.memory import Need
from mirbench.benchmark.probing.threads import Crew, Job, Scratch
from mirbench.benchmark.protocol import ProbeConfig, Protocol

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
        largest = max(len(bank) for bank in self._banks(configs))
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
            yield from self._train(part, on_round)

    def draws(self) -> Draws:
        """Begin the group's stream of random numbers."""
        return Draws(
            self.protocol.seed,
            len(self.data.X_train),
            self.batch,
            self.widths,
            self.dropouts,
            self.crew.device,
        )

    def banks(self, configs: Iterable[ProbeConfig], draws: Draws) -> list[Bank]:
        """Give every probe its place, with the initial weights."""
        return [Bank(self.course, bank, draws, self.widths) for bank in self._banks(configs)]

    def _banks(self, configs: Iterable[ProbeConfig]) -> list[list[ProbeConfig]]:
        alike: dict[tuple[bool, float], list[ProbeConfig]] = {}
        for config in configs:
            alike.setdefault((config.standardise, config.dropout), []).append(config)
        return [part for same in alike.values() for part in _batched(same, self.bank_size)]

    def valid_rows(self) -> dict[bool, torch.Tensor]:
        """Give the validation rows, raw and standardised, as probes want them."""
        wanted = {config.standardise for config in self.configs}
        return {std: self.course.features.rows("valid", std) for std in wanted}

    def _train(self, configs: Sequence[ProbeConfig], on_round: OnRound) -> Iterator[ProbeRecord]:
        draws, ahead = self.draws(), self.protocol.eval_every
        banks, X_valid = self.banks(configs, draws), self.valid_rows()
        updates, number = draws.next(ahead), 0
        while banks:
            following: list[Update] = []
            finished: list[list[ProbeRecord]] = [[] for _ in banks]

            def draw(scratch: Scratch, into: list[Update] = following) -> None:
                into.extend(draws.next(ahead))

            jobs: list[Job] = [draw]
            for bank, records in zip(banks, finished, strict=True):
                jobs.append(functools.partial(self._round, bank, number, updates, X_valid, records))
            self.crew.run(jobs)
            yield from itertools.chain.from_iterable(finished)
            banks = [bank for bank in banks if bank.learners]
            updates, number = following, number + ahead
            on_round(number, [learner for bank in banks for learner in bank.learners])

    def _round(
        self,
        bank: Bank,
        number: int,
        updates: list[Update],
        X_valid: dict[bool, torch.Tensor],
        records: list[ProbeRecord],
        scratch: Scratch,
    ) -> None:
        for finished in bank.train(number, updates, X_valid[bank.standardise], scratch):
            records.append(self._test(finished))

    def _test(self, finished: Finished) -> ProbeRecord:
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


def _batched(items: list[ProbeConfig], size: int) -> list[list[ProbeConfig]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
