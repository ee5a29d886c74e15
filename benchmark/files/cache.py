"""The cache folder: where it is, and what lies in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: Variable that names a cache folder which a file of a working folder has chosen, and not the
#: user: nothing in it may be run. Worker processes inherit it.
DISTRUSTED = "MIRBENCH_DISTRUSTED_CACHE"


def cache_root(folder: Path | None = None) -> Path:
    """Locate the cache folder: the argument, ``MIRBENCH_CACHE``, or the platform's."""
    if folder is not None:
        return folder
    if os.environ.get("MIRBENCH_CACHE"):
        return Path(os.environ["MIRBENCH_CACHE"]).expanduser()
    return user_cache()


def user_cache() -> Path:
    """Locate the platform's folder for what a user's mirbench keeps, whatever else is named."""
    import platformdirs

    return platformdirs.user_cache_path("mirbench", appauthor=False)


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """The folders of the cache, which need not exist yet.

    Attributes
    ----------
    root : Path
        The cache folder itself.
    """

    root: Path

    @classmethod
    def find(cls, folder: Path | None = None) -> CacheFolder:
        """Locate it as `cache_root` does."""
        return cls(cache_root(folder))

    @property
    def trusted(self) -> bool:
        """Whether compiled code in it may be run."""
        return os.environ.get(DISTRUSTED) != str(self.root)

    @property
    def embeddings(self) -> Path:
        """Shards of embeddings: ``<representation>/<task>/<shard>``, by fingerprints."""
        return self.root / "embeddings"

    def made_from(self, own: str) -> Path:
        """File of what a model of that source and parameters reads besides them."""
        return self.root / "made_from" / f"{own}.json"

    def token(self, name: str) -> Path:
        """File by which the nodes of a cluster are asked whether they see this folder."""
        return self.root / f"{name}.token"

    @property
    def sandbox(self) -> Path:
        """Folders that plugins in a sandbox can write, one for each command that runs."""
        return self.root / "sandbox"

    @property
    def windows(self) -> Path:
        """How many windows the clips of each dataset have."""
        return self.root / "windows"

    @property
    def weights(self) -> Path:
        """Converted weights: ``<representation>/<set>.safetensors``."""
        return self.root / "weights"

    @property
    def compiled(self) -> Path:
        """What Numba compiles, where it can keep it nowhere else."""
        return self.root / "numba"

    def data(self, folder: str) -> Path:
        """Folder of a dataset that mirbench makes itself."""
        return self.root / "data" / folder

    def grid(self, row: str) -> Path:
        """Folder of the finished probes of a row (its identity) that is not finished."""
        return self.root / "grids" / row

    def features(self, paper: str) -> Path:
        """Folder of the archives of features that the authors of a paper published."""
        return self.root / "features" / paper
