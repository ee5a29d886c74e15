"""Model objects in the place of names: what `run`, `embed` and `probe` can do with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TypeGuard, TypeVar

from mirbench.benchmark.api import Representation, UsageError
from mirbench.benchmark.embedding.live import embedded_here
from mirbench.benchmark.embedding.model import describe_model
from mirbench.benchmark.embedding.pair import EmbeddingSettings
from mirbench.benchmark.evaluation.found import check_origin, read_whole
from mirbench.benchmark.plugins.finding import find_plugins
from mirbench.benchmark.plugins.naming import allowed_characters, base_name
from mirbench.benchmark.result import rows_below, slug
from mirbench.benchmark.runs.pairs import Names

SettingsType = TypeVar("SettingsType", bound=EmbeddingSettings)

#: A representation by name, or several, or a model object.
Subjects = Names | Representation


def is_live(rep: Subjects | None) -> TypeGuard[Representation]:
    """Whether it is a model object, and no name or several."""
    return rep is not None and not isinstance(rep, str | Sequence)


def check_live(rep: Subjects, name: str | None, **asked: object) -> None:
    """Check that a model object can be embedded with as asked, or that there is none.

    Parameters
    ----------
    rep : str, sequence of str or Representation
    name : str or None
        What the object is to be called.
    **asked
        Parameters that are of other processes than this, as they were given; None where not.

    Raises
    ------
    UsageError
        With what to do.
    PluginError
        If the object breaks the contract.
    """
    if not is_live(rep):
        _check_names(rep, name)
        return
    if isinstance(rep, PathLike):
        raise UsageError(f"rep is a path; give it as text: {str(rep)!r}")
    if isinstance(rep, type):
        raise UsageError(f"{rep.__name__} is a class: make an object of it, {rep.__name__}(…)")
    if name is None:
        raise UsageError(
            f"a model object ({type(rep).__name__}) has no name of its own: say name=, and another "
            "for each model that is to have a row of its own"
        )
    check_free(name)
    describe_model(rep, name)
    for parameter, value in asked.items():
        if value is not None:
            raise UsageError(
                f"{parameter}={value!r} is for representations that other processes can load by "
                "name; a model object embeds in this one. Leave it out, or make a plugin file: "
                "mirbench new representation NAME"
            )


def _check_names(rep: object, name: str | None) -> None:
    listed = [rep] if isinstance(rep, str) else list(rep) if isinstance(rep, Sequence) else []
    for each in listed:
        if not isinstance(each, str):
            raise UsageError(
                f"a list holds names of representations, and this one a {type(each).__name__}: "
                "give one model object a call"
            )
    if name is not None:
        raise UsageError(f"name={name!r} is for a model object; {rep!r} has its name")


def check_free(name: str) -> None:
    """Check that what was measured in this process can have a name.

    Raises
    ------
    UsageError
        If it has other characters than names have, or is that of a representation, whose row
        it would take the place of.
    """
    if not name or len(name) > 100 or allowed_characters(name) != name or not name[0].isalnum():
        raise UsageError(
            f"name={name!r}: use up to 100 letters without accents, digits and . _ = , + - :, and "
            "begin with a letter or digit"
        )
    if base_name(name) in {plugin.name for plugin in find_plugins("representation")}:
        raise UsageError(f"{name!r} is the name of a representation; give another by name=")


def check_rows(name: str, out: Path, force: bool) -> None:
    """Check, before a model object embeds, that the rows of its name are those of a model object.

    Raises
    ------
    UsageError
        If one is of something else, unless it is to be replaced.
    """
    if force:
        return
    for path in rows_below(out):
        old = read_whole(path) if path.parent.name == slug(name) else None
        if old is not None:
            check_origin(old.representation, "live", path)


@contextmanager
def named(
    rep: Subjects, name: str | None, settings: SettingsType
) -> Iterator[tuple[Names, SettingsType]]:
    """Yield names that stand for what is to be embedded, and settings that say where.

    Parameters
    ----------
    rep : str, sequence of str or Representation
        What `check_live` has passed.
    name : str or None
        Of a model object.
    settings : EmbeddingSettings
    """
    if not is_live(rep):
        yield rep, settings  # type: ignore[misc]
        return
    assert name is not None
    with embedded_here(rep, name, settings.store) as spec:
        yield spec.text, replace(settings, here=True)
