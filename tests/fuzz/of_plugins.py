"""What names a plugin and its parameters, and a plugin's source, which is read and not run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from helpers.weights_plugin import PLUGIN

from fuzz.readers import Read, Reader, add
from mirbench.benchmark.files.checksums import digest
from mirbench.benchmark.plugins.finding import Plugin
from mirbench.benchmark.plugins.source import file_source
from mirbench.benchmark.registry import parse_representation
from mirbench.benchmark.result import slug
from mirbench.benchmark.weights.sets import weight_sets

_SOURCE = """
CARD = {"title": "t", "licence": "MIT", "trained_on": "none", "requires": ["numpy"]}

def load_model(device="cpu", model="big", size: int = 3, rate=1.5, on=True, any=None):
    pass
"""


def _names(folder: Path) -> Read:
    folder.mkdir()
    (folder / "p.py").write_text(_SOURCE)
    (folder / "q.py").write_text("def load_model(device='cpu', **others):\n    pass\n")

    def read(content: bytes) -> object:
        text = os.fsdecode(content.replace(b"\0", b""))  # as an argument of a command
        text = text.replace("@", str(folder))
        spec = parse_representation(text, folder)
        label = spec.label
        json.dumps(spec.shown_params, allow_nan=False).encode()
        slug(label).encode()
        f"{label} {spec.params}".encode()
        return spec.fingerprint(), digest(label)

    return read


def _seeds(*texts: str) -> Callable[[Path], list[bytes]]:
    return lambda folder: [text.encode() for text in texts]


add(
    Reader(
        "names with parameters",
        _seeds(
            "@/p.py:model=small,size=4,rate=2,on=false,any=0x10",
            "@/q.py:a=1e5,b='x',c=none,d=(1)",
            "mfcc",
            "musicnn:model=MTT_musicnn",
            "hf:facebook/wav2vec2-base?layer=3&chunk=20",
            "hear:some.module?x=1",
            "gtzan",
        ),
        _names,
        (b"=", b",", b":", b"?", b"&", b"~", b"~x/", b"any=", b"size=", b"a=[", b"\n", b"1e999"),
        25,
    )
)


def _source(folder: Path) -> Read:
    folder.mkdir()
    path = folder / "p.py"
    (folder / "mine.py").write_text("x = 1\n")

    def read(content: bytes) -> object:
        path.write_bytes(content)
        source = file_source(path)
        plugin = Plugin("representation", "p", "file", None, source)
        card = plugin.card()
        json.dumps(card, default=str).encode()
        spec = parse_representation(f"{path}", folder)
        repr(source.parameters()).encode()
        weight_sets(plugin, folder)
        return spec.label, spec.fingerprint(), spec.trained_on, spec.requires, spec.tells_cost

    return read


add(
    Reader(
        "source of plugins",
        _seeds(
            _SOURCE,
            PLUGIN.format(url="http://127.0.0.1:9", facts="", big="w.npy"),
            "import mine\nfrom . import mine\nfrom ..x import y\nimport a.b.c\n" + _SOURCE,
        ),
        _source,
        (
            *(b"CARD", b"load_model", b"{", b"[", b"{[]: 1}", b"-" * 900 + b"1", b"b'x'", b"1e999"),
            *(b"import " + b"a" * 300 + b"\n", b"from ......x import y\n", b"'\\ud800'", b"lambda"),
            *(b"# coding: x\n", b"# coding: utf-7\n", b"# coding: latin-1\n", b"()" * 50),
            b"0x" + b"f" * 6000,
        ),
        25,
    )
)
