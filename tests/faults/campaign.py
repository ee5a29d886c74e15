"""Do each fault many times, at random moments, and write a table of what became of it.

    PYTHONPATH=tests python -m faults.campaign --times 20
    PYTHONPATH=tests python -m faults.campaign --fault "kill of a worker" --times 40 --seed 3

Exit status 1 if anything was lost, or another row came of it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from faults.disturbances import BAD, FAULTS, OF_ROOT, counted
from faults.ground import Ground


def carried_out(ground: Ground, name: str, seed: int, row: dict[str, Any]) -> str:
    """Do one fault once."""
    trial = ground.trial(f"{name.replace(' ', '-')}-{seed}")
    try:
        outcome = FAULTS[name](trial, random.Random(f"{name} {seed}"), row)
    except Exception as error:
        outcome = f"{BAD}it could not be carried out ({type(error).__name__}: {error})"
    if outcome.startswith(BAD):
        print(f"{name}, seed {seed}: {outcome}", file=sys.stderr, flush=True)
    for folder in ground.root.glob(f"trials/{trial.folder.name}*"):
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def undisturbed(ground: Ground) -> dict[str, Any]:
    """Run once without a fault."""
    trial = ground.trial("undisturbed")
    ended, row = trial.finish(), trial.row()
    if row is None:
        raise SystemExit(f"the undisturbed run has no row: {ended.said}")
    return row


def main() -> int:
    """Do the faults that were asked for; print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fault", action="append", choices=sorted(FAULTS), help="default: all")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the first of them")
    parser.add_argument("--at-once", type=int, default=2, help="trials that go on side by side")
    asked = parser.parse_args()
    names = asked.fault or [name for name in FAULTS if not os.geteuid() or name not in OF_ROOT]
    lost = False
    print("| fault | times | what became of it |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        ground = Ground(Path(folder))
        row = undisturbed(ground)
        seeds = range(asked.seed, asked.seed + asked.times)
        with ThreadPoolExecutor(asked.at_once) as threads:
            for name in names:
                todo = [threads.submit(carried_out, ground, name, n, row) for n in seeds]
                outcomes = [one.result() for one in todo]
                lost |= any(outcome.startswith(BAD) for outcome in outcomes)
                print(f"| {name} | {asked.times} | {counted(outcomes)} |", flush=True)
    return int(lost)


if __name__ == "__main__":
    sys.exit(main())
