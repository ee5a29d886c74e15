"""Scores that disagree with a published figure, and what is known of why.

A board must say such things where they are seen: in the panel of the score, and below the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirbench.benchmark.result import Result
from mirbench.leaderboard.references import load_published


@dataclass(frozen=True)
class Difference:
    """A score of a row that disagrees with a published one.

    Attributes
    ----------
    representation, fingerprint : str
        Of the row: a digest of the very embeddings, so that no other row of that name is meant.
    task, split, protocol, metric : str
        Of the score.
    table, published_as : str
        Published table, and the row's name in it.
    why : str
        What is known.
    """

    representation: str
    fingerprint: str
    task: str
    split: str
    protocol: str
    metric: str
    table: str
    published_as: str
    why: str

    @property
    def published(self) -> float:
        """Published score, times 100."""
        rows = {row.representation: row for row in load_published(self.table).rows}
        return 100 * rows[self.published_as].scores[self.task][self.metric]

    @property
    def words(self) -> str:
        """Sentences for the reader."""
        return f"Published for {self.published_as}: {self.published:z.1f}. {self.why}"


DIFFERENCES = (
    Difference(
        representation="choi-published-features",
        fingerprint="772b3d0e2aaa6718",
        task="gtzan",
        split="paper",
        protocol="castellon2021",
        metric="accuracy",
        table="castellon2021",
        published_as="CHOI",
        why="The row is measured from the features that the paper’s authors published, not from "
        "audio. The authors’ own code, run on the same features, selects the same probe and scores "
        "the same: so the difference lies in the features or in the printed table, not in the "
        "probes. Which of the two is not known.",
    ),
)


def find_difference(result: Result, metric: str) -> Difference | None:
    """Find what is known of the disagreement of a row's score, if there is one."""
    if result.deformation is not None:
        return None
    rep, task = result.representation, result.task
    row = (rep.name, rep.fingerprint, task.name, task.split, result.protocol.name, metric)
    for known in DIFFERENCES:
        if row == (
            known.representation,
            known.fingerprint,
            known.task,
            known.split,
            known.protocol,
            known.metric,
        ):
            return known
    return None
