"""Who performs on a clip of MagnaTagATune.

All clips come from one record label. Some 1,000 are from its compilations,
whose artist is given as "Magnatune Compilation" or "Various Artists" and whose
titles name the performers, who have albums of their own in the dataset.
"""

from __future__ import annotations

import re

from mirbench.tasks._artists import letters_only, names_of

_IN_BRACKETS = re.compile(r".*\(([^()]+)\)?")
_AT_END = re.compile(r".* - (.+)")
_AT_START = re.compile(r"(.+?)(?:_ | - )")

_BY_ALBUM = {
    "Magnatune At The CC Salon": _IN_BRACKETS,
    "Relaxation Spa": _IN_BRACKETS,
    "Ridin the Faders 2": _AT_END,
}

#: Other spellings and shorter names of performers, by comparison of all 270 artists.
_SAME = {
    "beat under control": "beatundercontrol",
    "chris juergenson": "chris juergensen",
    "ed martin": "edward martin",
    "electric frankentstein": "electric frankenstein",
    "four stonesnet": "four stones",
    "fourstones": "four stones",
    "kammen": "shira kammen",
    "kiev seminary choir": "seminary choir",
    "l debenedictis": "lisa debenedictis",
    "monks choir of kievpechersk lavra": "monks and choirs of kiev pechersk lavra",
    "philharmonia baroque orchestra": "philharmonia baroque",
    "ralph rousseau meulenbroeks": "ralph meulenbroeks",
    "sand craig": "phebe craig",
    "sarasa ensemble labelle sylvan": "sarasa ensemble",
    "seth": "seth carlin",
}


def is_compilation(artist: str) -> bool:
    """Whether an artist is no performer: the label, or various artists."""
    return letters_only(artist).startswith(("magnatune", "various artists"))


def performers(artist: str, album: str, title: str) -> list[str]:
    """Names of the performers of a clip, from the cells of ``clip_info_final.csv``."""
    act = artist
    if is_compilation(artist):
        various = letters_only(artist) == "various artists"
        pattern = _IN_BRACKETS if various else _BY_ALBUM.get(album, _AT_START)
        if match := pattern.match(title):
            act = re.sub(r"_|- ?", ",", match[1])
    names = [_SAME.get(name, name) for name in names_of(act)]
    return list(dict.fromkeys(names))
