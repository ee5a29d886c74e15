"""What the language model reads: codes of EnCodec, delayed as in training."""

from __future__ import annotations

from torch import Tensor


def delayed(codes: Tensor, padding: int, channels: int) -> Tensor:
    """Arrange codes in MusicGen's delay pattern, after a start token.

    The first codebook follows its start token, each further one a position later
    than the one before; padding stands where nothing is yet. Left and right of
    stereo, which alternate, go together. This is what ``generate`` feeds for an
    audio prompt; codes that are delayed past the end are not read.

    Parameters
    ----------
    codes : Tensor of int64, shape [n_clips, n_codebooks, n_frames]
    padding : int
        The token that is no code.
    channels : int

    Returns
    -------
    Tensor of int64, shape [n_clips, n_codebooks, n_frames + 1]
    """
    clips, books, frames = codes.shape
    fed = codes.new_full((clips, books, frames + 1), padding)
    for book in range(books):
        delay = min(book // channels, frames)
        fed[:, book, 1 + delay :] = codes[:, book, : frames - delay]
    return fed
