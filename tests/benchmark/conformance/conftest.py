"""Fixtures for the conformance kit: questions about models, and processes that answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.faulty_models import write_model

from mirbench.benchmark.api import Clip
from mirbench.benchmark.conformance import calls, kit
from mirbench.benchmark.conformance.asking import Step
from mirbench.benchmark.conformance.findings import Answer
from mirbench.benchmark.conformance.subject import Question
from mirbench.benchmark.embedding.pair import ModelKey
from mirbench.benchmark.machine.process import WorkerProcess
from mirbench.benchmark.registry import parse_representation


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, ...]:
    return kit._write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def process() -> Iterator[WorkerProcess]:
    worker = WorkerProcess()
    yield worker
    worker.close()


@pytest.fixture
def question(
    tmp_path: Path, clips: tuple[Clip, ...], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Question]:
    """Make a question about a model with these methods."""
    monkeypatch.setenv("MIRBENCH_CACHE", str(tmp_path / "cache"))

    def make(methods: str) -> Question:
        spec = parse_representation(str(write_model(tmp_path / "mine.py", methods)))
        key = ModelKey(spec.text, spec.fingerprint(), "cpu")
        return Question(key, spec.label, os.getcwd(), clips, 30.0)

    return make


@pytest.fixture
def ask(process: WorkerProcess) -> Iterator[Callable[[Step, Question], Answer]]:
    """Ask the process, or one of its own where its network is to be taken from it."""
    other: list[WorkerProcess] = []

    def call(step: Step, asked: Question) -> Answer:
        if step is calls.without_network:
            other.append(WorkerProcess())
        worker = other[-1] if step is calls.without_network else process
        answer: Answer = worker.call(step, asked)
        return answer

    yield call
    for worker in other:
        worker.close()
