"""The original package of a representation, run by another interpreter and timed there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType


class OriginalMusicnn:
    """A process of ``original_musicnn.py`` with a model's own weights, ended on leaving.

    Parameters
    ----------
    python : Path
        Interpreter that has the packages.
    model : str
        One that the package brings.
    """

    def __init__(self, python: Path, model: str) -> None:
        self.process = subprocess.Popen(
            [python, Path(__file__).with_name("original_musicnn.py"), model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_USE_LEGACY_KERAS": "1"},
        )

    def __enter__(self) -> OriginalMusicnn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.communicate()

    def seconds(self, paths: Sequence[Path]) -> float:
        """Seconds that it takes to embed files."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(list(map(str, paths))), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("the original package stopped; what it said stands above")
        return float(answer)
