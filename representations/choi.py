"""CHOI: features of a convolutional tagger, 160-d.

Choi, Fazekas, Sandler & Cho, "Transfer learning for music classification and
regression tasks" (ISMIR 2017): five networks of one to five blocks on a mel
spectrogram of the first 29 seconds, each trained to tag the Million Song Dataset;
the mean of the last block of each is 32 of the 160 numbers.

As published, the networks normalise with the statistics of the batch that they
are given, at inference too, and the spectrograms are relative to the loudest
moment of the batch. So an embedding depends on the other clips of its batch:
``norm=batch`` (the default) does this with batches of 256, as in Castellon et
al. (2021). ``norm=clip`` makes a batch of each clip, as the authors' own
``easy_feature_extraction.py`` does.

Weights and code: github.com/keunwoochoi/transfer_learning_music
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.benchmark.api import DataError, FloatArray, UsageError

if TYPE_CHECKING:
    from mirbench.representations._choi_network import Choi

CARD = {
    "title": "CHOI",
    "paper": "Choi, Fazekas, Sandler & Cho, ISMIR 2017, arXiv:1703.09179",
    "licence": "none stated",
    "trained_on": "Million Song Dataset",
    "requires": ["torch"],
    "parameters": 95_040,
    "weights": {
        "choi": {
            "licence": "none stated",
            "files": {
                "weights_layer0_theano.hdf5": {
                    "source": "https://raw.githubusercontent.com/keunwoochoi/"
                    "transfer_learning_music/master/weights_transfer/weights_layer0_theano.hdf5",
                    "bytes": 1_329_264,
                    "sha256": "01ee963f6596a32063792d53312ccf5d719c2249134fb09de4408f8a54e00608",
                },
                "weights_layer1_theano.hdf5": {
                    "source": "https://raw.githubusercontent.com/keunwoochoi/"
                    "transfer_learning_music/master/weights_transfer/weights_layer1_theano.hdf5",
                    "bytes": 1_329_264,
                    "sha256": "93dd41457db750b3816f544764f1b5bfa201fe733e2e5477f326a038b306bb13",
                },
                "weights_layer2_theano.hdf5": {
                    "source": "https://raw.githubusercontent.com/keunwoochoi/"
                    "transfer_learning_music/master/weights_transfer/weights_layer2_theano.hdf5",
                    "bytes": 1_329_264,
                    "sha256": "5a17e00b20714dacf5bf8007c21dbb67fa5db47e878f197be131113b10aec025",
                },
                "weights_layer3_theano.hdf5": {
                    "source": "https://raw.githubusercontent.com/keunwoochoi/"
                    "transfer_learning_music/master/weights_transfer/weights_layer3_theano.hdf5",
                    "bytes": 1_329_264,
                    "sha256": "338f80c4c3242bb15a4172e89108f6785daf7893417d2ecbb45c08a2482228e2",
                },
                "weights_layer4_theano.hdf5": {
                    "source": "https://raw.githubusercontent.com/keunwoochoi/"
                    "transfer_learning_music/master/weights_transfer/weights_layer4_theano.hdf5",
                    "bytes": 1_329_264,
                    "sha256": "caf89f811415691fbb245be7eef394b9cebd787d7e3f78e29695972141cf2a08",
                },
            },
        },
    },
}


def load_model(device: str = "cpu", *, norm: str = "batch") -> Choi:
    """Give the representation; `norm` is "batch" or "clip"."""
    if norm not in ("batch", "clip"):
        raise UsageError(f"representation 'choi' has no norm={norm}; there are batch and clip")
    from mirbench.representations._choi_network import Choi
    from mirbench.representations._inference import load_weights

    return Choi(load_weights("choi", "choi", device), device, norm)


def convert_weights(name: str, files: Mapping[str, Path]) -> dict[str, FloatArray]:
    """Read the five checkpoints of Keras 1.2 (HDF5, Theano's order of axes).

    Returns
    -------
    dict
        ``window`` [512] and ``mel`` [257, 96], which the five have in common, and
        for block b of network n ``n.b.weight`` [32, channels, 3, 3], ``n.b.bias``,
        ``n.b.gamma`` and ``n.b.beta`` [32]. The stored running statistics are left
        out: these networks do not use them.

    Raises
    ------
    DataError
        If a file is no such checkpoint.
    """
    tensors: dict[str, FloatArray] = {}
    for network in range(5):
        path = files[f"weights_layer{network}_theano.hdf5"]
        with _Checkpoint(path) as checkpoint:
            spectrogram = checkpoint.spectrogram()
            for key, value in spectrogram.items():
                if not np.array_equal(tensors.setdefault(key, value), value):
                    raise DataError(f"{path.name} has another {key} than the file before it")
            checkpoint.check_depth(network + 1)
            for block in range(network + 1):
                for key, value in checkpoint.block(block).items():
                    tensors[f"{network}.{block}.{key}"] = value
    return tensors


class _Checkpoint:
    """One HDF5 file."""

    def __init__(self, path: Path) -> None:
        import h5py

        self.path = path
        try:
            self.file: Any = h5py.File(path, "r")
        except OSError as error:
            raise DataError(f"{path.name} is no HDF5 file, or damaged: {error}") from error

    def __enter__(self) -> _Checkpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def read(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        try:
            found = self.file.get(name)
            if getattr(found, "shape", None) != shape:
                what = "no" if found is None else "another"
                raise DataError(
                    f"{self.path.name} has {what} {name} of shape {list(shape)}; "
                    "it is not the checkpoint of this network"
                )
            value: FloatArray = np.asarray(found[()], dtype=np.float32)
        except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise DataError(f"{self.path.name} is damaged: {error}") from error
        if not np.isfinite(value).all():
            raise DataError(f"{self.path.name} is damaged: {name} is not finite")
        return value

    def spectrogram(self) -> dict[str, FloatArray]:
        """Window and mel filters.

        The checkpoint has the whole Fourier transform: a cosine and a sine for each
        bin, times the window. Its cosine of bin 0 is the window itself.
        """
        cosine = self.read("melgram/param_0", (512, 1, 1, 257))[:, 0, 0]
        sine = self.read("melgram/param_1", (512, 1, 1, 257))[:, 0, 0]
        window = cosine[:, 0]
        angle = 2 * np.pi / 512 * (np.outer(np.arange(512), np.arange(257)) % 512)
        for kernel, wave in ((cosine, np.cos(angle)), (sine, np.sin(angle))):
            if np.abs(kernel - wave * window[:, None]).max() > 1e-6:
                raise DataError(f"{self.path.name}: melgram is no Fourier transform of 512 samples")
        # Theano convolves, so that its kernels run backwards in time.
        return {"window": window[::-1].copy(), "mel": self.read("melgram/param_2", (257, 96))}

    def check_depth(self, blocks: int) -> None:
        """Raise DataError if the network has more blocks: the file of another depth."""
        if f"ConvBNEluDr/convolution2d_{blocks + 1}_W" in self.file:
            raise DataError(
                f"{self.path.name} has more than {blocks} blocks; the files are mixed up"
            )

    def block(self, number: int) -> dict[str, FloatArray]:
        """Convolution and normalisation of a block; kernels turned to be cross-correlated."""
        convolution = f"ConvBNEluDr/convolution2d_{number + 1}_"
        normalisation = f"ConvBNEluDr/batchnormalization_{number + 1}_"
        kernel = self.read(convolution + "W", (32, 32 if number else 1, 3, 3))
        return {
            "weight": kernel[:, :, ::-1, ::-1].copy(),
            "bias": self.read(convolution + "b", (32,)),
            "gamma": self.read(normalisation + "gamma", (32,)),
            "beta": self.read(normalisation + "beta", (32,)),
        }
