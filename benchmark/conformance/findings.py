"""What the conformance kit finds: a finding per check, and all of them in a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.result import Environment

State = Literal["passed", "warning", "failed", "skipped"]

#: The checks in the order in which they are told, and what each is about.
CHECKS = {
    "card": "the card says what reviewers ask for",
    "loading": "the model is loaded, with all of its weights",
    "contract": "shape, dtype, finite numbers, layers",
    "input": "the audio that it is given stays as it is",
    "repeat": "the same at every call, in any order of clips",
    "batch": "the same in batches of one, two and three",
    "process": "the same in another process, which loads it anew",
    "end": "the end of a long clip counts",
    "silence": "silence is embedded, and otherwise than music",
    "short": "very short clips are embedded or refused",
    "long": "ten minutes of audio are embedded or refused",
    "gain": "quiet and loud audio",
    "rate": "the declared sample rate is the one it computes with",
    "settings": "nothing is set for the process",
    "output": "nothing is printed",
    "network": "no network is needed",
    "pickle": "the model can be sent to other processes",
    "memory": "memory does not grow from clip to clip",
    "speed": "speed and peak memory",
    "device": "the same on a GPU as on a processor",
}


@dataclass(frozen=True)
class Finding:
    """What came of one check.

    Attributes
    ----------
    check : str
        One of `CHECKS`.
    state : str
        ``passed``, ``warning``, ``failed`` or ``skipped``.
    found : str
        What was seen; if it was skipped, why.
    advice : str
        What to do about it; empty where nothing need be done.
    """

    check: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Answer:
    """What one step of the kit found, in a worker process.

    Attributes
    ----------
    findings : tuple of Finding
    measures : dict
        Numbers by name, see `Report`.
    declared : dict
        What the model declares, in words.
    seen : Any
        What a later step compares with.
    """

    findings: tuple[Finding, ...] = ()
    measures: dict[str, float] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    seen: Any = None


@dataclass(frozen=True)
class Report:
    """All that the kit found of one representation.

    Attributes
    ----------
    representation : str
        Its canonical name.
    fingerprint : str
        Of its source, parameters and files.
    device : str
    environment : Environment
        Versions and platform, as in a row.
    requires : dict of str to str
        Versions of what its card requires.
    declared : dict of str to str
        What the model declares: ``sample_rate``, ``dims``, ``layers``, ``max_seconds``, …
    measures : dict of str to float
        ``load_seconds``, ``seconds_per_clip`` (of `CLIP_SECONDS` seconds), ``times_real_time``,
        ``peak_bytes``, ``growth_bytes_per_clip``, ``ten_minutes_seconds``; those that were taken.
    findings : tuple of Finding
        One per check, in the order of `CHECKS`.
    seconds : float
        What all checks took.
    """

    representation: str
    fingerprint: str
    device: str
    environment: Environment
    requires: dict[str, str]
    declared: dict[str, str]
    measures: dict[str, float]
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(finding.state != "failed" for finding in self.findings)

    def counts(self) -> dict[str, int]:
        """Count the findings of each state."""
        states = [finding.state for finding in self.findings]
        return {state: states.count(state) for state in ("passed", "warning", "failed", "skipped")}

    @property
    def summary(self) -> str:
        """Say how many findings of each state there are, and how long it took."""
        counts = ", ".join(f"{number} {state}" for state, number in self.counts().items() if number)
        return f"{counts}, in {self.seconds:.0f} s"

    def content(self) -> dict[str, Any]:
        """Return it as plain values for JSON; keys of `format` 1 stay as they are."""
        return {
            "format": 1,
            "representation": self.representation,
            "fingerprint": self.fingerprint,
            "device": self.device,
            "passed": self.passed,
            "counts": self.counts(),
            "seconds": round(self.seconds, 1),
            "declared": self.declared,
            "measures": self.measures,
            "requires": self.requires,
            "environment": self.environment.model_dump(mode="json"),
            "findings": [vars(finding) for finding in self.findings],
        }


def failure(check: str, error: MirbenchError, label: str, advice: str) -> Finding:
    """Make a finding of an error of the harness, which says what is wrong; what to do.

    Parameters
    ----------
    check : str
    error : MirbenchError
    label : str
        Name of the representation, which is left out.
    advice : str
        What to do where the error does not say.
    """
    found, _, told = without_label(error, label).partition("; ")
    return Finding(check, "failed", found, told or advice)


def without_label(error: MirbenchError, label: str) -> str:
    """Return the text of an error without the name of the representation that it begins with."""
    text, name = str(error), f"representation {label!r}"
    return text[len(name) + 2 :] if text.startswith((f"{name}: ", f"{name}, ")) else text


def complete(findings: Iterable[Finding], why: Mapping[str, str]) -> tuple[Finding, ...]:
    """Order findings, and put in that the other checks were skipped.

    Parameters
    ----------
    findings : iterable of Finding
        The first of each check counts.
    why : mapping of str to str
        Why a check was skipped, where that is known.
    """
    found: dict[str, Finding] = {}
    for finding in findings:
        # What a plugin has said may hold anything, such as what colours a terminal.
        text = "".join(sign if sign.isprintable() else " " for sign in finding.found)
        found.setdefault(finding.check, replace(finding, found=text))
    return tuple(
        found.get(check)
        or Finding(check, "skipped", why.get(check, "an earlier check kept it from being tried"))
        for check in CHECKS
    )
