"""Embed with the original package of MUSICNN, in an environment of its own.

Started by ``bench_embedding.py --original PYTHON``, where PYTHON has these packages,
with ``TF_USE_LEGACY_KERAS=1``, without which TensorFlow has no layers for it::

    pip install tensorflow-cpu tf_keras librosa
    pip install --no-deps musicnn==0.1.0

For every line of JSON on stdin, a list of audio files, it answers with a line: the
seconds that embedding them took, on one processor. The package's own ``extractor``
builds its network anew for every file; here it is built once, by the package's
functions, so that what is measured is the work and not its repetition.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import musicnn
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from musicnn import configuration, extractor, models

#: Length of a patch in frames.
PATCH = 187


def main() -> None:
    """Answer line by line until stdin ends."""
    # TensorFlow shares the work out to all processors, whatever its settings say.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    network = Network(sys.argv[1])
    for line in sys.stdin:
        start = time.perf_counter()
        for path in json.loads(line):
            network.embed(path)
        print(time.perf_counter() - start, flush=True)


class Network:
    """A model of the package, with its weights."""

    def __init__(self, model: str) -> None:
        self.patches = tf.compat.v1.placeholder(tf.float32, [None, PATCH, configuration.N_MELS])
        self.training = tf.compat.v1.placeholder(tf.bool)
        with tf.name_scope("model"):
            layers = models.define_model(self.patches, self.training, model, 50)
        self.pooled = layers[6:8]
        one = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
        )
        self.session: Any = tf.compat.v1.Session(config=one)
        checkpoint = f"{Path(musicnn.__file__).parent / model}{os.sep}"
        tf.compat.v1.train.Saver().restore(self.session, checkpoint)

    def embed(self, path: str) -> npt.NDArray[np.float32]:
        """Mean and maximum over time of a file's patches, averaged over patches."""
        patches, _ = extractor.batch_data(path, PATCH, PATCH)
        pooled = self.session.run(
            self.pooled, feed_dict={self.patches: patches, self.training: False}
        )
        return np.concatenate([patches.mean(0) for patches in pooled])


if __name__ == "__main__":
    main()
