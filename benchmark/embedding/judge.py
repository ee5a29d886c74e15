"""Judge what was seen of a model: a word on how alike its embeddings are, or a stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mirbench.benchmark.api import FloatArray, PluginError
from mirbench.benchmark.embedding.difference import Difference, difference
from mirbench.benchmark.embedding.listening import ENDS, Heard, LongClip
from mirbench.benchmark.embedding.loading import LoadingInfo
from mirbench.benchmark.embedding.trial import Seen
from mirbench.benchmark.progress import count

#: How far numbers may be apart by the kind of device, see `Difference.share`: those of
#: one call and the next, and those of a clip by itself and in a batch. Those of one version
#: of a library and the next may be as far apart as the latter.
AGAIN, IN_BATCH = {"cpu": 1e-4, "cuda": 1e-2}, {"cpu": 1e-3, "cuda": 1e-2}

_UNTRIED = "not looked at"


def word(apart: Difference) -> str:
    """Say how far embeddings are apart that may be as far apart as they are."""
    return "equal" if apart.share == 0 else f"within {apart.share:.0e}"


def percent(share: float) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"


@dataclass(frozen=True)
class Judge:
    """Says in a word what was seen of a model, or stops the run.

    Attributes
    ----------
    label : str
        Name of the representation.
    task : str
        Name of the task whose clips were embedded.
    kind : str
        Of the device.
    seen : Seen
        In the first process.
    doubts : list of str
        What may be meant and may be a fault, in a sentence each: a model that hears the
        beginning only, or always says the same, has rows that others should read with care.
    """

    label: str
    task: str
    kind: str
    seen: Seen
    doubts: list[str] = field(default_factory=list)

    def verdict(self, others: Iterable[Seen], heard: Heard | None) -> dict[str, str]:
        """Judge everything.

        Parameters
        ----------
        others : iterable of Seen
            In other processes.
        heard : Heard or None
            Of synthetic clips, in any process.

        Raises
        ------
        PluginError
            In one sentence with the difference and what to do.
        """
        found = {"clips": f"{len(self.seen.rows)} of {self.task}"}
        found |= self.loading(self.seen.info.loading)
        found["twice"] = self.again()
        if self.seen.in_batch is not None:
            found["in a batch"] = self.in_batch(self.seen.in_batch)
        found["in another process"] = _UNTRIED
        for other in others:
            found["in another process"] = self.elsewhere(other.rows)
        return found | self._heard(heard or Heard())

    def loading(self, told: LoadingInfo) -> dict[str, str]:
        """Judge the tensors that model and weights do not share; raises as `verdict` does."""
        unused = f"{count(len(told.unexpected), 'tensor')}, the first {_first(told.unexpected)}"
        if told.missing:
            more = f", and hold {unused}, that it has no place for" if told.unexpected else ""
            raise self._stop(
                f"its weights lack {count(len(told.missing), 'tensor')} of the model, the first "
                f"{_first(told.missing)}, which are random{more}; load the whole checkpoint by the "
                "class that it was saved from and take the part that is wanted, or rename what "
                "has another prefix"
            )
        return {"unused weights": unused} if told.unexpected else {}

    def again(self) -> str:
        """Judge two calls with the same clips; raises as `verdict` does."""
        what = "embed gives other numbers for the same clip at another call"
        if self.seen.info.batch_dependent:
            what = "embed_batch gives other numbers for the same batch at another call"
        return self._within(
            self.seen.again,
            AGAIN,
            what,
            "an embedding must depend on the audio alone. Turn dropout off (model.eval()), seed "
            "what is drawn at random at every call, and keep nothing from one call to the next",
        )

    def in_batch(self, apart: Difference) -> str:
        """Judge clips by themselves and in a batch; raises as `verdict` does."""
        return self._within(
            apart,
            IN_BATCH,
            "embed_batch gives other numbers than embed",
            "mend embed_batch (the order of the clips, the padding of shorter ones, statistics "
            "of the batch) or leave it out; if embeddings are meant to depend on the other clips "
            "of a batch, declare batch_dependent = True and a batch_size",
        )

    def elsewhere(self, rows: Mapping[str, FloatArray]) -> str:
        """Judge the embeddings of another process, by clip id; raises as `verdict` does."""
        both = self.seen.rows.keys() & rows.keys()
        return self._within(
            difference({id_: self.seen.rows[id_] for id_ in sorted(both)}, rows),
            AGAIN,
            "another process gives other numbers for the same clip",
            "an embedding must depend on the audio alone. Seed what load_model draws at random "
            "(weights that are not read from a file, buffers that no file holds), and let nothing "
            "hang on hash(), the order of a set, the time or the process",
        )

    def _within(self, apart: Difference, most: Mapping[str, float], what: str, how: str) -> str:
        if apart.share > most[self.kind]:
            raise PluginError(
                f"representation {self.label!r}, clip {apart.clip!r} of {self.task}: {what} "
                f"(they differ by up to {percent(apart.share)}); {how}"
            )
        return word(apart)

    def _heard(self, heard: Heard) -> dict[str, str]:
        found = {"silence": _UNTRIED, "end of a long clip": _UNTRIED}
        if heard.vector is not None:
            found["silence"] = self.silence(heard.silence)
        if heard.long is not None:
            found["end of a long clip"] = self.end(heard.long)
        for declared in ("max_seconds", "heard_seconds"):
            seconds = getattr(self.seen.info, declared)
            if seconds is not None:
                found["end of a long clip"] += f" ({declared} = {seconds:g})"
        return found

    def silence(self, same: bool | None) -> str:
        """Judge whether silence is embedded as a chord is; `doubts` has more if it is."""
        if same is None:
            return "refused"
        if same:
            self._doubt(
                "embed gives the same numbers for music and for silence. Look whether the weights "
                "were loaded, whether samples lose their size on the way (as whole numbers, say), "
                "and whether it is the output that is wanted"
            )
            return "the same"
        return "differs"

    def end(self, long: LongClip) -> str:
        """Judge what is heard of a long clip; `doubts` has more if the end is not."""
        clip = f"a clip of {long.seconds:g} s"
        if long.refused:
            return f"{clip} is refused"
        if long.again.share > AGAIN[self.kind]:
            raise self._stop(
                f"embed gives other numbers for {clip} at another call (they differ by up to "
                f"{percent(long.again.share)}); an embedding must depend on the audio alone. If "
                "an excerpt of long clips is drawn at random, cut them into pieces instead, embed "
                "each and average"
            )
        if long.unheard > ENDS[-1]:
            most = max(end for end in ENDS if 2 * end <= long.seconds)
            self._doubt(
                f"whatever is in the last {most:g} s of {clip} leaves the embedding as it is. Cut "
                "long clips into pieces that the model takes, embed each, the last one too, and "
                "average; or, if it is meant to hear no more than the first N seconds, declare "
                "max_seconds = N, or heard_seconds = N if it needs whole clips (for their peak, "
                "say)"
            )
            return f"not heard: the last {most:g} s of {long.seconds:g} s"
        if long.unheard:
            return f"heard, but for the last {long.unheard:g} s, of {long.seconds:g} s"
        return f"heard, of {long.seconds:g} s"

    def _doubt(self, why: str) -> None:
        self.doubts.append(f"representation {self.label!r}: {why}")

    def _stop(self, why: str) -> PluginError:
        return PluginError(f"representation {self.label!r}: {why}")


def _first(names: tuple[str, ...]) -> str:
    return repr(names[0]) if names else ""
