"""Options that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirbench.benchmark.cli.completion import (
    complete_deformation,
    complete_device,
    complete_protocol,
    complete_representation,
    complete_split,
    complete_task,
)
from mirbench.benchmark.progress import silence

Reps = Annotated[
    list[str],
    typer.Option(
        "--rep",
        help="Representation: NAME, FILE.py, either with :key=value,… (repeat)",
        autocompletion=complete_representation,
    ),
]
Rep = Annotated[
    str,
    typer.Option(
        "--rep",
        help="Representation: NAME or FILE.py[:key=value,…]",
        autocompletion=complete_representation,
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        help="Task: NAME or FILE.py (repeat); default: every task whose data is here",
        autocompletion=complete_task,
    ),
]
SplitName = Annotated[
    str,
    typer.Option(
        "--split",
        help="paper, artist, or another that the task offers",
        autocompletion=complete_split,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the datasets [default: $MIRBENCH_DATA or ./data]"),
]
Device = Annotated[
    str, typer.Option("--device", help="cpu or cuda", autocompletion=complete_device)
]
Gpus = Annotated[
    int | None,
    typer.Option("--gpus", min=1, help="GPUs that embed, with --device cuda [default: all]"),
]
Engine = Annotated[
    str, typer.Option("--engine", help="local: processes of this machine; ray: a cluster")
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", help="Of a Ray cluster: auto, HOST:PORT [default: $RAY_ADDRESS or none]"
    ),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Worker processes [default: one a processor]")
]
ProtocolName = Annotated[
    str,
    typer.Option(
        "--protocol",
        help="castellon2021, quick, fewshot or knn",
        autocompletion=complete_protocol,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder of result rows [default: ./mirbench-results; in a checkout, "
        "leaderboard/results for all protocols but quick]",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", help="Cache folder [default: $MIRBENCH_CACHE or the system's]"),
]
MaxMissing = Annotated[
    float,
    typer.Option("--max-missing", min=0, max=1, help="Share of clips that may be undecodable"),
]
ClipTimeout = Annotated[
    float | None,
    typer.Option(
        "--clip-timeout",
        min=0.01,
        help="Seconds a clip may take to embed, before the run ends and names it [default: any]",
    ),
]
PartOfWork = Annotated[
    str | None,
    typer.Option(
        "--part", metavar="i/N", help="Only the i-th of N parts of the work, as in a job array"
    ),
]
Deform = Annotated[
    list[str] | None,
    typer.Option(
        "--deform",
        metavar="NAME",
        help="Test the selected probe on changed test clips, too: noise20, noise10, mp3, gain, "
        "room, pitch_up, pitch_down (repeat)",
        autocompletion=complete_deformation,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help="Only N clips of each split, to try things; the row is marked, and off the board",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Probe even if the identical row is there")]
FullHash = Annotated[
    bool, typer.Option("--full-hash", help="Know audio files by content, not size and time")
]
Memory = Annotated[
    float | None,
    typer.Option("--memory", min=0.01, help="GiB for probing [default: most of the free]"),
]
TrainedOn = Annotated[
    str | None,
    typer.Option(
        "--trained-on", help='What made the embeddings was trained on this: data sets, or "none"'
    ),
]
PassEnv = Annotated[
    list[str] | None,
    typer.Option(
        "--pass-env",
        metavar="NAME",
        help="Let plugins see this environment variable though it looks like a secret (repeat)",
    ),
]
InSandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox", help="Run plugins without network and without rights to write (Linux)"
    ),
]


def _silence(quiet: bool) -> bool:
    if quiet:
        silence(True)
    return quiet


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress", callback=_silence)]
TaskName = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="Task, as in: mirbench list tasks; or FILE.py",
        autocompletion=complete_task,
    ),
]


def gib(count: float | None) -> int | None:
    """Bytes of so many GiB."""
    return None if count is None else int(count * 1024**3)
