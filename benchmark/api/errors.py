"""The errors that a plugin may raise."""

from __future__ import annotations


class MirbenchError(Exception):
    """Base of every error that is explained to the user in one message, without a traceback."""


class UsageError(MirbenchError):
    """The command or call itself is wrong: an unknown name, a bad parameter (exit status 2)."""


class PluginError(MirbenchError):
    """A plugin breaks the contract; the message names the plugin and, if any, the clip."""


class DataError(MirbenchError):
    """A dataset, split or embeddings file is absent or wrong; the message says what to do."""


class MissingWeights(DataError):
    """The weights of a representation are not on this machine; the message says how to get them.

    Attributes
    ----------
    command : str
        What gets them, for a list of many; empty where it is not one command.
    """

    command = ""


class UnusableClip(MirbenchError):
    """One clip cannot be embedded (undecodable, too short). It is counted as missing.

    A representation may raise this from ``embed`` for audio that it cannot
    represent; any other exception of a plugin stops the run.
    """
