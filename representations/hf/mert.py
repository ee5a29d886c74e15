"""MERT v1 (Li et al., ICLR 2024) as what it is: a HuBERT for music at 24 kHz.

The code that its checkpoints come with stops under transformers 4 and returns no
hidden states under 5. It adds to HuBERT what its configuration leaves
off (constant-Q features, DeepNorm), and divides the logits of the attention by a
constant before their maximum is taken off, and multiplies them by it thereafter
(``attention_relax``), which a softmax in single precision does not notice. So
transformers' own HuBERT runs it, without remote code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import transformers

from mirbench.benchmark.api import PluginError

#: What makes it more than a HuBERT, by the key of the configuration.
_MORE = {
    "feature_extractor_cqt": "constant-Q features",
    "deepnorm": "DeepNorm",
}

#: Keys that say which class reads the rest.
_IDENTITY = ("model_type", "architectures", "auto_map", "transformers_version", "torch_dtype")


def as_hubert(config: Mapping[str, Any]) -> Any:
    """Turn a MERT configuration into HuBERT's.

    Raises
    ------
    PluginError
        If the model is more than a HuBERT.
    """
    for key, what in _MORE.items():
        if config.get(key, False):
            raise PluginError(f"this MERT has {what} ({key} is set), which no HuBERT has")
    relax = config.get("attention_relax", -1)
    if isinstance(relax, bool) or not isinstance(relax, int | float) or relax == 0:
        raise PluginError(f"this MERT has attention_relax {relax!r}, which is no scale")
    kept = {key: value for key, value in config.items() if key not in (*_MORE, *_IDENTITY)}
    return transformers.HubertConfig(**kept)
