"""The kit as tests for pytest, a test per check; nothing is installed into other tests.

A file ``test_my_model.py`` has all that an author writes:

>>> from mirbench.benchmark.conformance.testing import Conformance
>>> class TestMyModel(Conformance):
...     rep = "./my_model.py"
"""

from __future__ import annotations

import functools
import unittest
import warnings
from typing import Any, ClassVar

from mirbench.benchmark.conformance.findings import CHECKS, Report
from mirbench.benchmark.conformance.kit import check_representation


class Conformance:
    """Tests that a representation does what it should; a subclass ``Test…`` names it.

    A check that fails fails its test with what to do; a warning is one of pytest's; one that
    is skipped is skipped with the reason. The checks run once per class, before the first test.

    Attributes
    ----------
    rep : str
        As on the command line: a name or a file, either with ``:key=value``.
    device : str
        ``cpu`` or ``cuda``.
    clip_timeout : float
        Seconds that the model may take for a clip of 12 s.
    """

    rep: ClassVar[str]
    device: ClassVar[str] = "cpu"
    clip_timeout: ClassVar[float] = 60.0

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make a test per check; pytest calls it."""
        if "check" in metafunc.fixturenames:
            metafunc.parametrize("check", list(CHECKS))

    def test_conforms(self, check: str) -> None:
        """Hold the representation to one check."""
        report = _report(self.rep, self.device, self.clip_timeout)
        (finding,) = (each for each in report.findings if each.check == check)
        text = finding.found
        if finding.advice:
            text += f"; what to do: {finding.advice}"
        if finding.state == "skipped":
            raise unittest.SkipTest(text)
        if finding.state == "warning":
            warnings.warn(text, stacklevel=1)
        assert finding.state != "failed", text


@functools.cache
def _report(rep: str, device: str, clip_timeout: float) -> Report:
    return check_representation(rep, device=device, clip_timeout=clip_timeout)
