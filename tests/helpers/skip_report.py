"""Pytest plugin: skips tests that lack what they need, and lists them at the end of a run."""

from __future__ import annotations

from collections import defaultdict

import pytest
from helpers.needs import is_allowed, require


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-skips",
        action="store_true",
        help="fail if a test is skipped for want of what the environment of tox always has",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(*names): skipped where one of them, see helpers.needs, is lacking"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        require(*mark.args)


def _skipped(config: pytest.Config) -> dict[str, list[str]]:
    """Node ids of skipped tests by reason; none on a worker of xdist, which reports elsewhere."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    found = defaultdict(list)
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        found[reason.removeprefix("Skipped: ")].append(report.nodeid)
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    strict = session.config.getoption("--strict-skips")
    if strict and not all(map(is_allowed, _skipped(session.config))):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    skipped = _skipped(config)
    if not skipped:
        return
    terminalreporter.section("skipped")
    for reason, tests in sorted(skipped.items()):
        terminalreporter.line(f"{len(tests)} × {reason}")
        if config.getoption("--strict-skips") and not is_allowed(reason):
            terminalreporter.line(
                "  a failure with --strict-skips: tox has what it needs", red=True
            )
            for test in tests:
                terminalreporter.line(f"  {test}")
