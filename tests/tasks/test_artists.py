"""Acts that share a musician fall into one component, and others do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbench.tasks._artists import components, letters_only, names_of
from mirbench.tasks._magnatune import performers


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Black Twig Pickers and Steve Gunn", "Steve Gunn"),
        ("The Sarasa Ensemble", "sarasa ensemble"),
        ("C. Layne", "C Layne"),
        ("Morphamish + MAKO", "Morphamish remixes Full Blush"),
        ("Butch feat. Hohberg", "Hohberg"),
        ("Amber Jolene & Nolan", "Nolan"),
        ("The New York Underground Orchestra (Conducted By Assif Tsahar)", "Assif Tsahar"),
    ],
)
def test_one_musician(one: str, other: str) -> None:
    assert len(set(components([names_of(one), names_of(other)]))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Laurel Zucker and friends", "Anna and friends"),
        ("T&A", "A&B"),
        ("Sandman", "Man"),
        ("未来", "過去"),
    ],
)
def test_two_musicians(one: str, other: str) -> None:
    assert len(set(components([names_of(one), names_of(other)]))) == 2


def test_letters_only() -> None:
    assert letters_only("  Björn &\tGorden 2 ") == "bjrn gorden"


_ACTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=3), max_size=12)


@given(_ACTS)
def test_components_are_the_reachable_acts(acts: list[list[str]]) -> None:
    found = components(acts)
    for start, names in enumerate(acts):
        reach = set(names)
        for _ in acts:
            reach.update(name for act in acts if reach & set(act) for name in act)
        assert found[start] == (min(reach) if names else None)


@given(_ACTS)
def test_components_do_not_depend_on_order(acts: list[list[str]]) -> None:
    assert components(list(reversed(acts))) == list(reversed(components(acts)))


@pytest.mark.parametrize(
    ("artist", "album", "title", "performer"),
    [
        ("Rapoon", "Easterly 6 or 7", "Magnatune - me (you)", "rapoon"),
        ("Magnatune Compilation", "Rock", "Beth Quist_ Monsters", "beth quist"),
        ("Magnatune", "Red Hat Summit Compilation", "Lizzi - Lay Down", "lizzi"),
        ("Magnatune", "Relaxation Spa", "Atom (medition mix) (Trancevision)", "trancevision"),
        ("Magnatune Remixed", "Ridin the Faders 2", "I'm The I (995) - Fourstones", "four stones"),
        ("Various Artists", "A Sampler", "Deploribus Unum (Mountain Mirrors", "mountain mirrors"),
        ("Ed Martin", "Luis Milan", "Fantasia", "edward martin"),
    ],
)
def test_performers_on_compilations(artist: str, album: str, title: str, performer: str) -> None:
    assert performer in performers(artist, album, title)
    assert "magnatune" not in performers(artist, album, title)
