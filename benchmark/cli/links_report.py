"""What ``mirbench data links`` prints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from mirbench.benchmark.cli.tables import size
from mirbench.benchmark.files.links import Finding, State
from mirbench.benchmark.progress import count

#: In the order in which they are told.
_STATES: tuple[State, ...] = ("alive", "moved", "wrong size", "gone", "unclear")


def links_json(findings: Sequence[Finding]) -> str:
    """Write what was found in JSON, sizes in bytes."""
    content = [
        {
            "url": finding.link.url,
            "declared_by": list(finding.link.names),
            "page": finding.link.page,
            "state": finding.state,
            "moved_to": finding.moved_to,
            "bytes": finding.bytes,
            "declared_bytes": finding.link.bytes,
            "why": finding.why,
        }
        for finding in findings
    ]
    return json.dumps(content, indent=1, ensure_ascii=False)


def links_report(findings: Sequence[Finding]) -> str:
    """Write what was found for people, a line per address and one more where it must be."""
    lines = []
    for finding in sorted(findings, key=lambda finding: _STATES.index(finding.state)):
        lines.append(_line(finding))
        if finding.moved_to is not None:
            lines.append(f"{'':12}now at {finding.moved_to}")
        if finding.why:
            lines.append(f"{'':12}{finding.why}")
    states = Counter(finding.state for finding in findings)
    told = ", ".join(f"{states[state]:,} {state}" for state in _STATES if states[state])
    return "\n".join([*lines, f"{count(len(findings), 'link')}: {told or 'none is declared'}"])


def _line(finding: Finding) -> str:
    what = "page" if finding.link.page else "" if finding.bytes is None else size(finding.bytes)
    return f"{finding.state:10}  {what:>8}  {', '.join(finding.link.names)}: {finding.link.url}"
