"""Pair after pair to its row, or to the share that this run has of its grids."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.pair import EmbeddingSettings, ModelKey, Pair
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.worker import model_info
from mirbench.benchmark.evaluation.evaluate import evaluate_pair, evaluate_share, subject_of
from mirbench.benchmark.evaluation.robustness import evaluate_deformed
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.progress import count, say
from mirbench.benchmark.registry import RepresentationSpec
from mirbench.benchmark.result import Row


def evaluate_each(
    pairs: Sequence[Pair],
    settings: Settings,
    missing: Sequence[str],
    on_row: Callable[[Row], None] | None,
) -> list[Row]:
    """Evaluate all pairs, and say at the end which have failed.

    Parameters
    ----------
    pairs : sequence of Pair
    settings : Settings
    missing : sequence of str
        What is left out, and why.
    on_row : callable or None
        Called with every finished row.

    Returns
    -------
    list of Row
        Of a share, those that are written by now.

    Raises
    ------
    MirbenchError
        If a pair failed, after all others have been finished.
    """
    rows, failures, errors = [], [], list[Exception]()
    for place, pair in enumerate(pairs):
        try:
            row = _evaluate(pair, settings, place)
            deformed = [
                evaluate_deformed(pair, settings, row, name)
                for name in settings.deform
                if row is not None
            ]
        except MirbenchError as error:
            if len(pairs) == 1 and not missing:
                raise
            failures.append(f"{pair.spec.label} on {pair.task.name}: {error}")
            errors.append(error)
            say(f"failed: {failures[-1]}")
            continue
        if row is None:
            continue
        for made in (row, *deformed):
            rows.append(made)
            if on_row is not None:
                on_row(made)
    problems = []
    if failures:
        problems = [f"{len(failures)} of {len(pairs)} failed:", *failures]
    if missing:
        problems += ["not run:", *missing]
    if problems:
        each = ExceptionGroup("each of them", errors) if errors else None
        raise MirbenchError("\n".join(problems)) from each
    if settings.share is not None:
        tell_share_is_done(settings, len(rows), len(pairs))
    return rows


def tell_share_is_done(settings: Settings, rows: int, of: int) -> None:
    """Say that a share is done, and who writes the rows that it does not come with."""
    text = f"part {settings.share} is done"
    if rows < of:
        text += (
            f" with {count(rows, 'row', of=of)}; run the same (--force, too, if it was given) "
            "without --part when all are"
        )
    say(text)


def _evaluate(pair: Pair, settings: Settings, place: int) -> Row | None:
    """Bring a pair to its row; or do what a share has of it, if anything.

    The grids of the pair at `place` are numbered from there on: how many layers the pairs
    before it have need not be known then, and rows of one grid are dealt out evenly.
    """
    if settings.share is None:
        return evaluate_pair(pair, settings)
    (smallest,) = settings.share.places(settings.share.of, first=place)
    device = settings.device if settings.cluster is None else "cpu"
    if smallest > 0 and smallest >= count_layers(pair.spec, settings.store, device):
        return None
    embeddings = embed_task(pair, settings)
    subject = subject_of(pair.spec, pair.fingerprint)
    return evaluate_share(subject, pair.data, embeddings, settings, first=place)


def count_layers(spec: RepresentationSpec, store: Store, device: str) -> int:
    """Count the layers of a representation; its model is loaded, unless the store has shards.

    Parameters
    ----------
    spec : RepresentationSpec
        Its weights are on this machine.
    store : Store
    device : str
        Where the model is loaded.
    """
    fingerprint = spec.fingerprint()
    known = store.known_layers(fingerprint)
    if known is None:
        key = ModelKey(spec.text, fingerprint, device, spec.cache)
        with EmbeddingSettings(device=device, jobs=1).model_workers() as workers:
            (info,) = workers.unordered(model_info, [(key, os.getcwd())])
        known = info.layers
    return len(known)
