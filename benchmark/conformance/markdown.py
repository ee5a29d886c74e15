"""The report that goes with a submission, in Markdown."""

from __future__ import annotations

from mirbench.benchmark.conformance.findings import CHECKS, Finding, Report

_MARKS = {
    "passed": "✓ passed",
    "warning": "⚠ warning",
    "failed": "✗ failed",
    "skipped": "– skipped",
}


def markdown(report: Report) -> str:
    """Write a report as a page: what was checked, a table of findings, measures, versions."""
    outcome = "conforms" if report.passed else "does not conform"
    lines = [
        f"# `{report.representation}` {outcome}",
        "",
        f"`mirbench check` on {report.device}: {report.summary}.",
        "",
        "| check | finding | what was found | what to do |",
        "|---|---|---|---|",
        *map(_row, report.findings),
        "",
        "| | |",
        "|---|---|",
        f"| fingerprint | `{report.fingerprint}` |",
        *(f"| {name} | {_cell(value)} |" for name, value in report.declared.items()),
        *(f"| {name} | {value:.4g} |" for name, value in report.measures.items()),
        f"| Python | {report.environment.python}, {report.environment.platform} |",
        *(f"| {name} | {version} |" for name, version in _versions(report).items()),
    ]
    commit = report.environment.commit
    if commit is not None:
        changed = ", with changes" if report.environment.dirty else ""
        lines.append(f"| commit of mirbench | `{commit}`{changed} |")
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    cells = (CHECKS[finding.check], _MARKS[finding.state], finding.found, finding.advice)
    return f"| {' | '.join(map(_cell, cells))} |"


def _versions(report: Report) -> dict[str, str]:
    return dict(sorted((report.environment.packages | report.requires).items()))


def _cell(text: str) -> str:
    """Keep text of a plugin within its cell."""
    plain = " ".join(text.split())
    for sign in ("\\", "|", "<", "`", "["):
        if sign != "`" or plain.count("`") % 2:
            plain = plain.replace(sign, f"\\{sign}" if sign != "<" else "&lt;")
    return plain
