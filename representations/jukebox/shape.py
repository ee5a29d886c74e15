"""The hyperparameters of Jukebox's model ``5b``, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the top level's VQ-VAE encoder and of the top prior; the defaults are ``5b``.

    From ``hparams.py`` of github.com/openai/jukebox. Tests build small models
    by giving other values.

    Attributes
    ----------
    sample_rate, crop_seconds : int
        The encoder reads the first `crop_seconds` of audio at `sample_rate` Hz.
    downs : tuple of int
        Halvings of the rate in each block of the encoder.
    conv_width, conv_depth, dilation_growth : int
        Channels, residual units a stage, and base of their dilations.
    code_width, codes : int
        Length of a codeword, and how many there are.
    n_ctx : int
        Positions of the prior: the codes that it looks at.
    width, depth, heads, attention_width : int
        Of the transformer; `depth` counts the layers in the checkpoint.
    blocks : int
        Rows that the positions are folded into for sparse attention.
    genres, artists, time_bins : int
        Rows of the embedding tables of the labels.
    shortest, longest : int
        Range of the durations in the labels, in seconds.
    claimed_seconds : int
        Duration that Castellon et al. gave for every clip.
    """

    sample_rate: int = 44_100
    crop_seconds: int = 25
    downs: tuple[int, ...] = (3, 2, 2)
    conv_width: int = 32
    conv_depth: int = 4
    dilation_growth: int = 3
    code_width: int = 64
    codes: int = 2048
    n_ctx: int = 8192
    width: int = 4800
    depth: int = 72
    heads: int = 8
    attention_width: int = 1200
    blocks: int = 128
    genres: int = 120
    artists: int = 4111
    time_bins: int = 128
    shortest: int = 60
    longest: int = 600
    claimed_seconds: int = 62

    @property
    def hop(self) -> int:
        """Samples from one code to the next."""
        return 1 << sum(self.downs)

    @property
    def columns(self) -> int:
        """Positions in one row."""
        return self.n_ctx // self.blocks

    @property
    def head_width(self) -> int:
        """Channels of one attention head."""
        return self.attention_width // self.heads

    @property
    def full_seconds(self) -> float:
        """Shortest clip, in seconds, that fills every position: 23.78 for ``5b``."""
        return self.n_ctx * self.hop / self.sample_rate


FIVE_B = Shape()
