"""References in BibTeX: mirbench, the paper whose protocol it follows, and those of models."""

from __future__ import annotations

import re

from mirbench.benchmark.result import RepresentationRecord, slug
from mirbench.leaderboard.cards import Known
from mirbench.leaderboard.escaping import latex

#: What every use of the board cites.
COMMON = (
    "@misc{mirbench,\n"
    "  title = {mirbench: a benchmark suite and leaderboard for music-audio representations},\n"
    "  author = {{the mirbench authors}},\n"
    "  howpublished = {\\url{https://github.com/mirbench/mirbench}}\n"
    "}\n",
    "@inproceedings{castellon2021codified,\n"
    "  title = {Codified audio language modeling learns useful representations for music "
    "information retrieval},\n"
    "  author = {Castellon, Rodrigo and Donahue, Chris and Liang, Percy},\n"
    "  booktitle = {Proceedings of the 22nd International Society for Music Information Retrieval "
    "Conference (ISMIR)},\n"
    "  year = {2021},\n"
    "  eprint = {2107.05677},\n"
    "  archiveprefix = {arXiv}\n"
    "}\n",
)

#: Family names at the start of a citation, with "et al." or an "&" before the last.
_AUTHORS = re.compile(
    r"(?P<names>(?:[^\W\d_][\w-]*, )*[^\W\d_][\w-]* & [^\W\d_][\w-]*|[^\W\d_][\w-]*(?= et al\.))"
    r"(?P<others> et al\.)?, "
)


def entry_of(record: RepresentationRecord, known: Known) -> str | None:
    """Entry of the work that a representation's card cites; None where no card is known."""
    if known.paper is None:
        return None
    base = record.name.partition(":")[0]
    authors, title = _work(known.paper)
    fields = {} if authors is None else {"author": authors}
    # Braces keep the capitals of names.
    fields["title"] = f"{{{_escaped(title or known.paper)}}}"
    fields["note"] = _escaped(known.paper if title else known.title or base)
    if known.year is not None:
        fields["year"] = str(known.year)
    preprint = re.search(r"(?i)arxiv:(\d{4}\.\d{4,5})", known.paper.partition(";")[0])
    lines = [f"  {name} = {{{text}}}" for name, text in fields.items()]
    if preprint:
        lines += [f"  eprint = {{{preprint[1]}}}", "  archiveprefix = {arXiv}"]
    key = re.sub(r"[^A-Za-z0-9_-]", "_", slug(base))
    return "\n".join([f"@misc{{{key},", ",\n".join(lines), "}", ""])


def _work(paper: str) -> tuple[str | None, str | None]:
    """Find authors and title of the first work of a citation, each None where that is not sure.

    Cards cite works as "Kim et al., ICASSP 2018" or "Wu et al., TITLE, ICASSP 2023". A single word
    before the place is the name of a model, no title.
    """
    first = paper.partition(";")[0]
    found = _AUTHORS.match(first)
    if found is None:
        return None, None
    names = re.split(r", | & ", found["names"])
    parts = first[found.end() :].split(", ")
    title = parts[0] if len(parts) > 1 and len(parts[0].split()) > 2 else None
    if title is not None and re.search(r"\b(?:19|20)\d\d\b|arXiv:", title):
        title = None
    return " and ".join([*map(_escaped, names), *(["others"] if found["others"] else [])]), title


def _escaped(text: str) -> str:
    """Escape for LaTeX, but leave signs alone that could only join to ligatures."""
    return re.sub(r"([-?!,])\{\}", r"\1", latex(text))
