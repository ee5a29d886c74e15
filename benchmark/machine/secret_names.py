"""Environment variables that look like secrets, which code of strangers has no use for."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

#: Words of a name, between underscores, that make it a secret's.
_WORDS = frozenset(
    (
        "AUTH",
        "COOKIE",
        "DSN",
        "JWT",
        "KEY",
        "KEYS",
        "NETRC",
        "PASS",
        "PASSCODE",
        "PAT",
        "PWD",
        "WEBHOOK",
    )
)

#: Names of folders that shells set, whose word PWD is none of a password.
_SHELLS = ("PWD", "OLDPWD")

#: Ends of words that do, since PGPASSWORD and APIKEY are written in one.
_ENDS = (
    "TOKEN",
    "TOKENS",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "APIKEY",
    "ACCESSKEY",
    "AUTHKEY",
    "PRIVATEKEY",
    "SECRETKEY",
    "SSHPASS",
)

#: Values that are secrets under any name: an address with a password, a private key, a
#: connection string with a key or password, and tokens of services that begin them alike.
_VALUE = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/\s?#]+@"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(?:AccountKey|Password)="
    r"|\b(?:hf_|gh[pousr]_|github_pat_|glpat-|sk-|xox[abp]-|pypi-|AKIA)[A-Za-z0-9_-]{16}",
    re.IGNORECASE,
)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable looks like a secret, by its name or its value.

    Examples
    --------
    >>> is_secret("HF_TOKEN", "x"), is_secret("https_proxy", "http://me:pass@proxy:3128")
    (True, True)
    >>> is_secret("TOKENIZERS_PARALLELISM", "false"), is_secret("https_proxy", "http://proxy")
    (False, False)
    """
    words = re.split(r"[^A-Z]+", name.upper())
    named = any(word in _WORDS or word.endswith(_ENDS) for word in words)
    if named and name.upper() not in _SHELLS:
        return True
    return _VALUE.search(value) is not None


def secrets_of(variables: Mapping[str, str], passed: Collection[str]) -> list[str]:
    """Name the variables that look like secrets, but for those that are `passed`."""
    return [
        name for name, value in variables.items() if name not in passed and is_secret(name, value)
    ]


@contextmanager
def secrets_hidden(passed: Collection[str]) -> Iterator[None]:
    """Take secrets from the environment of this process, and put them back afterwards.

    Parameters
    ----------
    passed : collection of str
        Names of variables that stay.
    """
    hidden = {name: os.environ.pop(name) for name in secrets_of(os.environ, passed)}
    try:
        yield
    finally:
        for name, value in hidden.items():
            os.environ.setdefault(name, value)
