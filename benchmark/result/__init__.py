"""The result row: what one run found, how, and from what.

A row is canonical JSON (sorted keys, of times only the day it was made on),
``<representation>/<task>.<split>.json``, so that running again shows as a diff.
The outputs on the test set, from which every score follows, lie beside it as
safetensors.

`records` is the schema, `paths` says where the files lie, `predictions` are
the outputs, `rows` reads and writes rows, and `shown` shows them in Python.
`commitment` is what others can recompute of a row, and `verified` says whether
somebody did. `task_facts` compares what rows say of their task.
"""

from mirbench.benchmark.result.commitment import (
    Commitment,
    committed_clips,
    read_sketch,
    sketch,
    sketch_distances,
    sketch_text,
)
from mirbench.benchmark.result.paths import (
    limited_rows_below,
    predictions_path,
    result_path,
    rows_below,
    slug,
)
from mirbench.benchmark.result.predictions import Predictions, read_predictions
from mirbench.benchmark.result.probe_records import (
    FewShotRow,
    LayerScore,
    NeighboursRow,
    ProbeRow,
)
from mirbench.benchmark.result.records import (
    Cost,
    DeformationRecord,
    Drop,
    Environment,
    MissingClip,
    ProtocolRecord,
    RepresentationRecord,
    Result,
    Score,
    TaskFacts,
    TaskRecord,
    row_identity,
)
from mirbench.benchmark.result.results import Results
from mirbench.benchmark.result.rows import Row, read_result, read_results, write_result
from mirbench.benchmark.result.task_facts import differing_constants, facts_agree
from mirbench.benchmark.result.verified import (
    Standing,
    Verification,
    read_verification,
    row_sha256,
    standing_of,
    verification_path,
    write_verification,
)

__all__ = [
    "Commitment",
    "Cost",
    "DeformationRecord",
    "Drop",
    "Environment",
    "FewShotRow",
    "LayerScore",
    "MissingClip",
    "NeighboursRow",
    "Predictions",
    "ProbeRow",
    "ProtocolRecord",
    "RepresentationRecord",
    "Result",
    "Results",
    "Row",
    "Score",
    "Standing",
    "TaskFacts",
    "TaskRecord",
    "Verification",
    "committed_clips",
    "differing_constants",
    "facts_agree",
    "limited_rows_below",
    "predictions_path",
    "read_predictions",
    "read_result",
    "read_results",
    "read_sketch",
    "read_verification",
    "result_path",
    "row_identity",
    "row_sha256",
    "rows_below",
    "sketch",
    "sketch_distances",
    "sketch_text",
    "slug",
    "standing_of",
    "verification_path",
    "write_result",
    "write_verification",
]
