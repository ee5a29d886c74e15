"""Arrays, and the words that tasks and clips are described with."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
TargetArray = npt.NDArray[np.int64] | npt.NDArray[np.float32]

Kind = Literal["multiclass", "multilabel", "regression"]
Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

#: In the targets of a multilabel task, beside 0 and 1: nobody has said whether the label applies.
UNOBSERVED = -1

#: What a `Clip.label` may be: a class name, the positive tags, or the regression outputs.
Label = str | tuple[str, ...] | tuple[float, ...]
