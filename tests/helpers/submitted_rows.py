"""Rows as somebody might hand them in: sound ones, and ways to spoil them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from mirbench.benchmark.api import SPLITS
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.datasets.targets import targets_by_clip
from mirbench.benchmark.evaluation.select import test_scores as score
from mirbench.benchmark.protocol import get_protocol
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.result import (
    Predictions,
    Result,
    committed_clips,
    predictions_path,
    sketch_text,
    write_result,
)
from mirbench.benchmark.scoring.worst import worst_outputs


def submit_row(
    folder: Path,
    rep: str = "mine",
    task: str = "rendered_key",
    split: str = "paper",
    protocol: str = "castellon2021",
    missing: Sequence[str] = (),
    seed: int = 0,
    layers: int = 0,
    **representation: Any,
) -> Path:
    """Write a row whose scores follow from random predictions; give its path."""
    spec, rules = load_task(task), get_protocol(protocol)
    table = load_split(spec, split)
    clips = read_clips(spec, Path("nowhere"), table)
    targets = targets_by_clip(spec, table, clips)
    counts = {name: len(set(table.ids(name)) - set(missing)) for name in SPLITS}
    lost = {clip_id for clip_id in missing if table.of[clip_id] == "test"} - spec.faulty
    ids = tuple(clip_id for clip_id in table.ids("test") if clip_id not in set(missing) - lost)
    group_of = {clip.id: clip.group for clip in clips}
    outputs = np.random.default_rng(seed).standard_normal((len(ids), len(spec.labels)))
    outputs = outputs.astype(np.float32)
    if lost:
        absent = np.array([clip_id in lost for clip_id in ids])
        wrong = np.stack([targets[clip_id] for clip_id in ids])[absent]
        arguments = (spec.kind, spec.metrics, spec.labels, outputs[~absent], wrong)
        outputs[absent] = worst_outputs(*arguments)
    predictions = Predictions(
        ids,
        tuple(group_of[clip_id] for clip_id in ids),
        outputs,
        np.stack([targets[clip_id] for clip_id in ids]),
    )
    config = rules.grid()[2]
    probe = {name: getattr(config, name) for name in type(config).__slots__}
    window = spec.window is not None
    present = [clip_id for clip_id in table.of if clip_id not in missing]
    noise = np.random.default_rng(seed)
    sketches = {
        clip_id: sketch_text(noise.standard_normal(16))
        for clip_id in committed_clips(table.sha256, present)
    }
    facts = {
        "name": rep,
        "origin": "file",
        "params": {},
        "fingerprint": "0123456789abcdef",
        "dims": 16,
        "layers": layers,
        "trained_on": "none",
    }
    document = {
        "representation": facts | representation,
        "task": {
            name: getattr(spec, name)
            for name in ("title", "version", "kind", "labels", "metrics", "window", "board", "name")
        }
        | {
            "split": split,
            "split_sha256": table.sha256,
            "counts": counts,
            "rows": {name: 2 * count if window else count for name, count in counts.items()},
            "missing": [
                {"clip_id": clip_id, "reason": "cannot be decoded"}
                | ({"wrong": True} if clip_id in lost else {})
                for clip_id in sorted(missing)
            ],
            "embeddings_sha256": "a" * 64,
        },
        "protocol": {
            "name": rules.name,
            "hash": rules.hash,
            "main_board": rules.main_board,
            "probes": len(rules.grid()) * max(1, layers),
            "probes_run": len(rules.grid()) * max(1, layers),
        },
        "probe": probe
        | {
            "layer": "3" if layers else None,
            "updates": 800 + rules.eval_every * (rules.patience + 1),
            "best_update": 800,
            "valid": 0.25,
            "way": "vote" if window else None,
        },
        "curve": [
            {"layer": str(layer), "index": 2 if layer == 3 else 1, "valid": 0.25 - (layer != 3) / 8}
            for layer in range(layers)
        ],
        "scores": score(spec, predictions),
        "cost": {
            "embedding_seconds": 1.5,
            "probing_seconds": 2.5,
            "peak_memory_bytes": 600_000_000,
            "device": "cpu",
        },
        "environment": {
            "python": "3.11.7",
            "platform": "Linux-x86_64",
            "packages": {"numpy": "2.4.6"},
            "embedded_with": {},
            "commit": None,
            "dirty": None,
        },
        "commitment": {"sketches": sketches},
    }
    return write_result(folder, Result.model_validate(document), predictions)


def read_row(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write_row(path: Path, row: dict[str, Any]) -> None:
    """Write a row in mirbench's own form."""
    text = json.dumps(row, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def put(place: str, value: Any) -> Callable[[Path], None]:
    """Give a change of the field at a dotted place."""

    def change(path: Path) -> None:
        row = read_row(path)
        *parents, last = place.split(".")
        inside = row
        for name in parents:
            inside = inside[name]
        inside[last] = value
        write_row(path, row)

    return change


def replace_text(old: str, new: str) -> Callable[[Path], None]:
    """Give a change of the file's text, where `old` first stands."""

    def change(path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def predictions(
    change: Callable[[dict[str, Any], dict[str, np.ndarray]], object],
) -> Callable[[Path], None]:
    """Give a change of the predictions: of the names (clip_ids, groups) and of the arrays."""

    def rewrite(path: Path) -> None:
        place = predictions_path(path)
        with safe_open(place, framework="numpy") as file:
            names = json.loads(file.metadata()["mirbench"])
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        change(names, arrays)
        contiguous = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        save_file(contiguous, place, metadata={"mirbench": json.dumps(names)})

    return rewrite
