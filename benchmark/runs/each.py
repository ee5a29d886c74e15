"""Pair after pair to its row, or to the share that this run has of its grids."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.embedding.compute import embed_task
from mirbench.benchmark.embedding.pair import EmbeddingSettings, ModelKey, Pair
from mirbench.benchmark.embedding.store import Store
from mirbench.benchmark.embedding.worker import model_info
from mirbench.benchmark.evaluation.evaluate import evaluate_pair, evaluate_share
from mirbench.benchmark.evaluation.robustness import evaluate_deformed
from mirbench.benchmark.evaluation.settings import Settings
from mirbench.benchmark.evaluation.subject import subject_of
from mirbench.benchmark.machine.code_lines import error_text
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
        If a pair failed, after all others have been finished: a line for each that failed, each
        that was not run, and each that was made. Of a single pair, its own error.
    """
    rows, failures, made = [], dict[str, Exception](), list[str]()
    for place, pair in enumerate(pairs):
        name, done = f"{pair.spec.label} on {pair.task.name}", list[Row]()
        try:
            _bring_to_rows(pair, settings, place, done)
        except BrokenPipeError:  # nobody listens any more
            raise
        except Exception as error:
            if len(pairs) == 1 and not missing:
                raise
            failures[name] = error
            say(f"failed: {name}: {_reason(error)}")
        else:
            made += [name] if done else []
        rows += done
        for row in done:
            if on_row is not None:
                on_row(row)
    if failures or missing:
        each = ExceptionGroup("each of them", list(failures.values())) if failures else None
        raise MirbenchError(_summary(failures, missing, made, len(pairs))) from each
    if settings.share is not None:
        tell_share_is_done(settings, len(rows), len(pairs))
    return rows


def _summary(
    failures: Mapping[str, Exception], missing: Sequence[str], made: Sequence[str], of: int
) -> str:
    """Say in a line each what failed, with the first line of why, what was not run, and made."""
    lines = []
    if failures:
        first = {name: _reason(error).splitlines()[0] for name, error in failures.items()}
        lines += [f"{len(failures)} of {of} failed:"]
        lines += [f"{name}: {reason.rstrip(' :')}" for name, reason in first.items()]
    if missing:
        lines += ["not run:", *missing]
    if made:
        lines += ["made:", *made]
    return "\n".join(lines)


def _reason(error: Exception) -> str:
    if isinstance(error, MirbenchError):
        return str(error) or type(error).__name__
    return f"{error_text(error)}, which mirbench did not foresee (--debug shows where)"


def tell_share_is_done(settings: Settings, rows: int, of: int) -> None:
    """Say that a share is done, and who writes the rows that it does not come with."""
    text = f"part {settings.share} is done"
    if rows < of:
        text += (
            f" with {count(rows, 'row', of=of)}; run the same (--force, too, if it was given) "
            "without --part when all are"
        )
    say(text)


def _bring_to_rows(pair: Pair, settings: Settings, place: int, done: list[Row]) -> None:
    """Add the rows of a pair to those that are done, each as soon as it is written."""
    row = _evaluate(pair, settings, place)
    if row is None:
        return
    done.append(row)
    for name in settings.deform:
        done.append(evaluate_deformed(pair, settings, row, name))


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
