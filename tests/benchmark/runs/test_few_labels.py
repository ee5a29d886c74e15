"""Rows of protocols without a grid: written, found again, validated, in tables of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.submitted_rows import predictions, put, submit_row

from mirbench.benchmark import probe, run
from mirbench.benchmark.api import UsageError
from mirbench.benchmark.cli.tables import row_table
from mirbench.benchmark.datasets.locate import read_clips
from mirbench.benchmark.datasets.targets import targets_by_clip
from mirbench.benchmark.registry import load_split, load_task
from mirbench.benchmark.result import FewShotRow, NeighboursRow, Row, read_predictions
from mirbench.benchmark.submissions.validation import validate
from mirbench.leaderboard.board import make_board
from mirbench.leaderboard.build import build_pages
from mirbench.leaderboard.rows import read_rows
from mirbench.leaderboard.samples import Measure, sample_rows


def made_embeddings(path: Path, task: str) -> Path:
    """Write embeddings that tell something of the labels, two windows a clip if it has windows."""
    spec = load_task(task)
    table = load_split(spec, "paper")
    clips = read_clips(spec, Path("nowhere"), table)
    targets = targets_by_clip(spec, table, clips)
    rng = np.random.default_rng(0)
    ids, rows = [], []
    for clip in clips:
        label = targets[clip.id]
        signal = np.eye(len(spec.labels))[label] if spec.kind == "multiclass" else label
        for k in range(2 if spec.window else 1):
            ids.append(f"{clip.id}-{k}" if spec.window else clip.id)
            rows.append(signal + rng.normal(0, 0.4, len(spec.labels)))
    np.savez(path, clip_id=np.array(ids), embedding=np.array(rows))
    return path


def probed(folder: Path, task: str, protocol: str, **options: Any) -> Row:
    return probe(
        task,
        embeddings=made_embeddings(folder / f"{task}.npz", task),
        name="mine",
        trained_on="none",
        protocol=protocol,
        out=folder / "out",
        cache=folder / "cache",
        **options,
    )


def test_rows_of_both_protocols(tmp_path: Path) -> None:
    few = probed(tmp_path, "rendered_key", "fewshot")
    near = probed(tmp_path, "rendered_key", "knn")
    assert few.path.name == "rendered_key.paper.fewshot.json"
    assert isinstance(few.result.probe, FewShotRow)
    assert isinstance(near.result.probe, NeighboursRow)
    assert read_predictions(few.path).outputs.shape == (72, 10, 24)
    assert read_predictions(near.path).outputs.shape == (72, 24)
    assert few.result.scores["accuracy"].value > 0.5
    assert near.result.scores["accuracy"].value > 0.5
    assert few.result.protocol.probes == 10
    for row in (few, near):
        assert not row.result.protocol.main_board
        again = probed(tmp_path, "rendered_key", row.result.protocol.name)
        assert again.found
        assert again.result == row.result
    table = row_table([few, near])
    assert "10 draws of 8 per label" in table
    assert "10 nearest" in table
    assert "in a table of its own" in table


def test_values_are_for_neighbours_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has values, not labels; use --protocol knn"):
        probed(tmp_path, "rendered_tempo", "fewshot")
    near = probed(tmp_path, "rendered_tempo", "knn")
    assert near.result.scores["r2"].value > 0.3


def test_they_have_no_parts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="protocol knn has no parts"):
        probed(tmp_path, "rendered_key", "knn", part="1/2")
    with pytest.raises(UsageError, match="protocol fewshot has no parts"):
        run("mfcc", "rendered_key", protocol="fewshot", cache=tmp_path, part="1/2")


def test_tables_of_their_own_and_every_score_follows(tmp_path: Path) -> None:
    for protocol in ("fewshot", "knn"):
        probed(tmp_path, "rendered_instruments", protocol)
    for protocol in ("castellon2021", "quick"):
        submit_row(tmp_path / "out", "other", task="rendered_instruments", protocol=protocol)
    rows = read_rows(tmp_path / "out")
    tables = make_board(rows)
    assert [table.protocol for table in tables] == ["castellon2021", "fewshot", "knn", "quick"]
    for sampled in sample_rows(rows):
        # The table's interval is that of the row.
        score = sampled.row.result.scores["roc_auc"]
        drawn = np.nanpercentile(sampled.samples[Measure("roc_auc")], [2.5, 97.5])
        np.testing.assert_allclose(drawn, [score.low, score.high], atol=1e-9)
    build_pages(tmp_path / "out", tmp_path / "pages")
    page = (tmp_path / "pages" / "README.md").read_text(encoding="utf-8")
    assert "Protocol fewshot. Not the main protocol" in page
    data = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    assert "logistic regression on 10 draws of 8 clips per label" in data


def test_validation_takes_them_and_not_what_is_changed(tmp_path: Path) -> None:
    few = probed(tmp_path, "rendered_instruments", "fewshot")
    near = probed(tmp_path, "rendered_instruments", "knn")
    verdicts = list(validate([few.path, near.path]))
    assert [verdict.errors for verdict in verdicts] == [[], []]

    def errors_after(row: Row, change: Callable[[Path], None]) -> str:
        before = {path: path.read_bytes() for path in row.path.parent.iterdir()}
        change(row.path)
        (verdict,) = validate([row.path])
        for path, content in before.items():
            path.write_bytes(content)
        return "\n".join(verdict.errors)

    assert "probe.draws: is 9, but fewshot has 10" in errors_after(few, put("probe.draws", 9))
    assert "probe.k: is 5, but knn has 10" in errors_after(near, put("probe.k", 5))
    assert "protocol.hash" in errors_after(few, put("protocol.hash", "0" * 16))
    assert "scores.roc_auc.low" in errors_after(few, put("scores.roc_auc.low", 0.5))
    grid = json.loads(submit_row(tmp_path / "other").read_text(encoding="utf-8"))["probe"]
    assert "probe: is not what knn has" in errors_after(near, put("probe", grid))
    fewer = predictions(lambda _, arrays: arrays.update(outputs=arrays["outputs"][:, :9]))
    assert "must be F32 of shape [72, 10, 10]" in errors_after(few, fewer)


def test_run_leaves_out_what_cannot_be_probed_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mirbench.benchmark.files.cache import CacheFolder
    from mirbench.benchmark.protocol import FEWSHOT, KNN
    from mirbench.benchmark.runs.pairs import Where, pairs_of
    from mirbench.benchmark.runs.suitable import keep_suitable

    where = Where(split="paper", data=None, cache=CacheFolder(tmp_path))
    pairs = pairs_of("mfcc", ["rendered_tempo", "rendered_key"], where)
    assert keep_suitable(pairs, KNN, named=True) == pairs
    kept = keep_suitable(pairs, FEWSHOT, named=False)
    assert [pair.task.name for pair in kept] == ["rendered_key"]
    assert "left out: protocol fewshot" in capsys.readouterr().err
    with pytest.raises(UsageError, match="rendered_tempo"):
        keep_suitable(pairs, FEWSHOT, named=True)
    with pytest.raises(UsageError, match="rendered_tempo"):
        keep_suitable(pairs[:1], FEWSHOT, named=False)
