"""What a representation must offer, and may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mirbench.benchmark.api.types import FloatArray


@runtime_checkable
class Representation(Protocol):
    """What ``load_model(device="cpu", **params)`` of a plugin module returns.

    Optional members, found by name:

    ``embed_batch(audios, sr)``
        A list of clips to ``[n_clips, dims]`` or ``[n_clips, n_layers, dims]``;
        equal to `embed` up to rounding, unless ``batch_dependent``.
    ``layers : tuple of str``
        Names of the layers that `embed` returns.
    ``max_seconds : float``
        The model looks at the first so many seconds only, and is given no more.
    ``heard_seconds : float``
        What it hears are the first so many seconds, but it is to be given whole clips: for
        their peak, say. A model that ignores the end of long clips and declares neither of
        the two is stopped.
    ``batch_dependent : bool``, ``batch_size : int``
        An embedding depends on the other clips of its batch.

    ``note(audio, sr) -> str or None``
        A remark on a clip, such as "shorter than 23.78 s"; the result row says
        on how many clips or windows it was made.
    ``made_with : dict of str to str``
        What the result row should say of how embeddings were computed.
    ``loading_info : dict``
        Names of tensors that model and weights do not share, under ``missing_keys``,
        ``mismatched_keys`` and ``unexpected_keys``: what transformers returns with
        ``output_loading_info=True``, and PyTorch's ``load_state_dict(..., strict=False)``
        as a named tuple (``._asdict()``). A model that misses any is stopped, for these
        are random; leave out those that play no part in an embedding.

    A module whose model is large may also have a function
    ``plan_model(seconds, device="cpu", **params)``, with the parameters of
    ``load_model``, which gives the `ModelCost` of a clip of so many seconds,
    whether or not the weights are on this machine.
    """

    @property
    def sample_rate(self) -> int:
        """Rate, in Hz, in which the model wants its audio."""

    @property
    def dims(self) -> int:
        """Length of one embedding."""

    def embed(self, audio: FloatArray, sr: int) -> FloatArray:
        """Represent one clip.

        Parameters
        ----------
        audio : ndarray of float32, shape [n_samples]
            Mono audio, nominally in [-1, 1]; not to be modified.
        sr : int
            Its rate in Hz, always `sample_rate`.

        Returns
        -------
        ndarray of float32, shape [dims] or [n_layers, dims]
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """What a model takes, as its module's ``plan_model`` tells ``mirbench run --dry-run``.

    Attributes
    ----------
    parameters : int
        Weights that are used.
    nbytes : int
        Memory that they take on the device.
    flops : float
        Floating-point operations of one clip.
    seconds : float
        What a clip is likely to take on the device, all of its processors together.
    shape : tuple of int
        Of an embedding: ``(dims,)`` or ``(n_layers, dims)``.
    """

    parameters: int
    nbytes: int
    flops: float
    seconds: float
    shape: tuple[int, ...]
