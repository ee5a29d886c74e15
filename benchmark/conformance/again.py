"""What else than its audio an embedding depends on, where it is another at another call."""

from __future__ import annotations

from dataclasses import replace

from mirbench.benchmark.api import FloatArray, PluginError
from mirbench.benchmark.conformance.findings import Finding
from mirbench.benchmark.conformance.subject import FIRST, Subject
from mirbench.benchmark.embedding.difference import difference
from mirbench.benchmark.embedding.judge import AGAIN
from mirbench.benchmark.embedding.listening import SHORT, company
from mirbench.benchmark.embedding.sounds import chords
from mirbench.benchmark.embedding.trial import embed_copies
from mirbench.benchmark.embedding.verdicts import kind_of
from mirbench.benchmark.embedding.worker import loaded_model

_SEEDS = (
    "other numbers with other seeds of the global random generators",
    "turn dropout off (model.eval()), and draw what must be random from a generator that is made "
    "with a seed at every call: np.random.default_rng(0), torch.Generator().manual_seed(0)",
)
_BEFORE = (
    "other numbers after another clip",
    "keep nothing of one clip for the next: no buffer, no running mean, no state of a recurrent "
    "network",
)
_COUNTS = (
    "others at each call, but the same ones when it is loaded anew, so they depend on how many "
    "clips came before, and on their order",
    "keep nothing from one call to the next: no counter, no list that grows, no generator that "
    "goes on (make one with a seed at every call)",
)
_RANDOM = (
    "others at each call, and each time that it is loaded: they are random",
    "turn dropout off (model.eval()), and give each generator a seed at every call: "
    "np.random.default_rng(0)",
)


def explained(finding: Finding, subject: Subject) -> Finding:
    """Add to a failed finding of ``repeat`` what the numbers depend on, as far as that shows.

    Parameters
    ----------
    finding : Finding
    subject : Subject
        Its model is loaded anew where that tells more.
    """
    try:
        cause = _cause(subject)
    except PluginError:  # by chance, it may be
        cause = None
    if cause is None:
        return finding
    found, advice = cause
    return replace(finding, found=f"{finding.found}: {found}", advice=advice)


def _cause(subject: Subject) -> tuple[str, str] | None:
    seconds = subject.at_most(SHORT[-1])
    clip, other = (chords(seconds, subject.info.sample_rate, seed=number) for number in (0, 1))
    kind = kind_of(subject.question.model.device)

    def row(audio: FloatArray, seed: int = 0) -> dict[str, FloatArray]:
        clips = {"chords": audio, **company(subject.info)}
        return embed_copies(subject.question.model, clips, subject.question.limit * FIRST, seed)

    def loaded_anew() -> dict[str, FloatArray]:
        loaded_model.cache_clear()
        return row(clip)

    def same(rows: dict[str, FloatArray], others: dict[str, FloatArray]) -> bool:
        return difference(rows, others).share <= AGAIN[kind]

    row(clip)
    after_itself = row(clip)
    if not same(after_itself, row(clip)):
        return _COUNTS if same(loaded_anew(), loaded_anew()) else _RANDOM
    if not same(after_itself, row(clip, seed=1)):
        return _SEEDS
    row(other)
    return None if same(after_itself, row(clip)) else _BEFORE
