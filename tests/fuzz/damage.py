"""Spoil files, by chance but the same way every time: bytes, numbers, and what JSON may say."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from random import Random

#: Numbers at the edges of what a field can hold, little-endian and big-endian.
_EDGES = tuple(
    number.to_bytes(width, order)
    for width in (1, 2, 4, 8)
    for order in ("little", "big")
    for number in (0, 1, 2 ** (8 * width - 1) - 1, 2 ** (8 * width - 1), 2 ** (8 * width) - 1)
)

#: What text formats stumble over.
_WORDS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"0", b"1.0", b"9" * 30, b"9" * 5000),
    *(b"null", b"true", b"[]", b"{}", b'""', b'"x"', b"[" * 2000, b'{"a":' * 2000, b"(" * 300),
    *(b"\0", b"\r\n", b"\r", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\x80", b"\xed\xa0\x80", b"\t"),
    *(b"\\ud800", b"\\u0000", b'"', b"'", b",", b";", b"\xe2\x80\xa8", b"\x1b[31m", b"../", b"/"),
    *(b"0x" + b"f" * 6000, b"-" * 300, b"'\\x00'", b"  " * 500, b"a" * 300, b"1_0", b"\xc2\xb2"),
)

#: Values to put in the place of others in JSON.
_VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, float("nan")),
    *(float("inf"), "", "x", "\0", "\ud800", "a\nb", "../../x", "x" * 5000, [], {}, [[]], [None]),
    *({"a": 1}, ["x", 1], 1.5, "1", 10**10),
)

Damage = Callable[[bytes, Random], bytes]


def flip(content: bytes, rng: Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def overwrite(content: bytes, rng: Random) -> bytes:
    """Put the edge of a number anywhere, more often near one of the ends, where headers are."""
    number = rng.choice(_EDGES)
    at = _place(content, rng)
    return content[:at] + number + content[at + len(number) :]


def cut(content: bytes, rng: Random) -> bytes:
    at = _place(content, rng)
    return content[:at] if rng.random() < 0.7 else content[at:]


def leave_out(content: bytes, rng: Random) -> bytes:
    start, end = _stretch(content, rng)
    return content[:start] + content[end:]


def repeat(content: bytes, rng: Random) -> bytes:
    start, end = _stretch(content, rng)
    return content[:end] + content[start:end] * rng.choice((1, 1, 2, 20)) + content[end:]


def move(content: bytes, rng: Random) -> bytes:
    start, end = _stretch(content, rng)
    at = _place(content, rng)
    return content[:at] + content[start:end] + content[at:]


def insert_word(content: bytes, rng: Random, words: Sequence[bytes] = _WORDS) -> bytes:
    at = _place(content, rng)
    return content[:at] + rng.choice(words) + content[at:]


def replace_number(content: bytes, rng: Random) -> bytes:
    """Put another word in the place of a number or a word of a text."""
    found = list(re.finditer(rb"[0-9]+(?:\.[0-9]+)?|[A-Za-z_]{2,}", content[:200_000]))
    if not found:
        return insert_word(content, rng)
    start, end = rng.choice(found).span()
    return content[:start] + rng.choice(_WORDS) + content[end:]


def noise(content: bytes, rng: Random) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 7, 64, 500)))


def change_json(content: bytes, rng: Random) -> bytes:
    """Change one value of a document, or of the one in the header of a safetensors file."""
    start, end = content.find(b"{"), content.rfind(b"}") + 1
    header = len(content) > 8 and int.from_bytes(content[:8], "little") < len(content) - 7
    if header and start == 8:
        end = 8 + int.from_bytes(content[:8], "little")
    try:
        document = json.loads(content[start:end])
    except (ValueError, RecursionError):
        return replace_number(content, rng)
    text = json.dumps(_changed(document, rng)).encode()
    top = len(text).to_bytes(8, "little") if header and start == 8 else content[:start]
    return top + text + content[end:]


def _changed(document: object, rng: Random) -> object:
    """Change a value somewhere in a document; text that is a document itself is gone into."""
    if rng.random() < 0.15 or not isinstance(document, dict | list | str) or not document:
        return rng.choice(_VALUES)
    if isinstance(document, str):
        try:
            inner = json.loads(document)
        except (ValueError, RecursionError):
            return rng.choice(_VALUES)
        return json.dumps(_changed(inner, rng))
    if isinstance(document, list):
        place = rng.randrange(len(document))
        return [_changed(v, rng) if n == place else v for n, v in enumerate(document)]
    key = rng.choice(list(document))
    if rng.random() < 0.1:
        return {k: v for k, v in document.items() if k != key}
    if rng.random() < 0.1:
        return document | {rng.choice(("x", "", "\ud800", "__proto__")): rng.choice(_VALUES)}
    return document | {key: _changed(document[key], rng)}


def change_member(content: bytes, rng: Random) -> bytes:
    """Spoil one file inside a zip archive, which stays whole around it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return flip(content, rng)
    if not members:
        return flip(content, rng)
    place = rng.randrange(len(members))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((0, 8))) as archive:
        for number, (name, data) in enumerate(members):
            archive.writestr(name, spoil(data, rng, inside=True) if number == place else data)
    return buffer.getvalue()


_ANYWHERE: tuple[Damage, ...] = (
    *(flip, overwrite, overwrite, cut, leave_out, repeat, move),
    *(insert_word, replace_number, replace_number),
)


def spoil(content: bytes, rng: Random, words: Sequence[bytes] = (), inside: bool = False) -> bytes:
    """Spoil a file once, or several times.

    Parameters
    ----------
    content : bytes
    rng : Random
        Decides how.
    words : sequence of bytes
        What else may be put anywhere.
    inside : bool
        Whether it is part of another file.
    """
    damages = list(_ANYWHERE)
    if b"{" in content[:9]:
        damages += [change_json] * len(damages)
    if content[:2] == b"PK" and not inside:
        damages += [change_member] * len(damages)
    if words:
        damages += [lambda content, rng: insert_word(content, rng, words)] * 3
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        content = rng.choice(damages)(content, rng)
    if rng.random() < 0.01:
        content = noise(content, rng)
    return content[:1_000_000]


def _place(content: bytes, rng: Random) -> int:
    size = len(content)
    if rng.random() < 0.4:
        return rng.randrange(min(size, 200) + 1)
    if rng.random() < 0.3:
        return size - rng.randrange(min(size, 200) + 1)
    return rng.randrange(size + 1)


def _stretch(content: bytes, rng: Random) -> tuple[int, int]:
    start = _place(content, rng)
    return start, min(len(content), start + rng.choice((1, 2, 4, 8, 30, 300, 3000)))
