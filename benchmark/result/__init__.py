"""The result row: what one run found, how, and from what.

A row is canonical JSON (sorted keys, of times only the day it was made on),
``<representation>/<task>.<split>.json``, so that running again shows as a diff.
The outputs on the test set, from which every score follows, lie beside it as
safetensors.

`records` is the schema, `paths` says where the files lie, `predictions` are
the outputs, and `rows` reads and writes rows.
"""

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
from mirbench.benchmark.result.rows import Row, read_result, read_results, write_result

__all__ = [
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
    "Row",
    "Score",
    "TaskFacts",
    "TaskRecord",
    "limited_rows_below",
    "predictions_path",
    "read_predictions",
    "read_result",
    "read_results",
    "result_path",
    "row_identity",
    "rows_below",
    "slug",
    "write_result",
]
