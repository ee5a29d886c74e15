"""How embeddings are shown in Python: in a line, as a small table, as a tidy frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.benchmark.progress import count
from mirbench.benchmark.result.shown import html_table

if TYPE_CHECKING:
    import pandas as pd


class ShownEmbeddings:
    """What `Embeddings` show of themselves, whose module builds on this one."""

    def to_frame(self: Any) -> pd.DataFrame:
        """Return a pandas frame with the columns ``clip_id``, ``window``, ``layer``, 0, 1, ….

        It has one line per clip or window, and per layer where there are any, in the order of
        the rows; `window` counts those of a clip from 0, and `layer` is absent without layers.
        Numbered columns are the values of the embedding. Layers are read into memory.
        """
        import pandas as pd

        clip = np.asarray(self.clip)
        windows = np.arange(len(clip)) - np.searchsorted(clip, clip)
        values = np.asarray(self.embedding)
        layers = max(1, self.n_layers)
        keys: dict[str, Any] = {
            "clip_id": np.repeat(np.array(self.clip_ids, dtype=object)[clip], layers),
            "window": np.repeat(windows, layers),
        }
        if self.n_layers:
            keys["layer"] = list(self.layers) * len(clip)
        numbers = pd.DataFrame(values.reshape(len(clip) * layers, -1))
        return pd.concat([pd.DataFrame(keys), numbers], axis=1)

    def __repr__(self: Any) -> str:
        return f"Embeddings({', '.join(f'{k}: {v}' for k, v in _facts(self).items())})"

    def _repr_html_(self: Any) -> str:
        return html_table([_facts(self)])


def _facts(embeddings: Any) -> dict[str, str]:
    """Say what there is, in a word each."""
    facts = {"task": embeddings.task} if embeddings.task else {}
    facts["clips"] = f"{len(embeddings.clip_ids) - len(embeddings.missing):,}"
    facts["missing"] = f"{len(embeddings.missing):,}"
    facts["rows"] = f"{len(embeddings.clip):,}"
    if embeddings.n_layers:
        facts["layers"] = f"{embeddings.n_layers:,}"
    facts["dims"] = f"{embeddings.embedding.shape[-1]:,}"
    facts["embedded now"] = count(embeddings.computed, "clip")
    return facts
