"""A representation with its parameters: its name, its fingerprint, and its model."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.benchmark.api import MirbenchError, MissingWeights, ModelCost, PluginError
from mirbench.benchmark.files.cache import CacheFolder
from mirbench.benchmark.files.checksums import digest, file_sha256, path_digest
from mirbench.benchmark.files.foreign import is_there
from mirbench.benchmark.machine.code_lines import error_text
from mirbench.benchmark.machine.launch import check_here, rules
from mirbench.benchmark.plugins.adapters import (
    adapter_form,
    digest_files,
    forget_target,
    target_files,
)
from mirbench.benchmark.plugins.finding import Plugin
from mirbench.benchmark.plugins.model_files import model_files, names_files
from mirbench.benchmark.plugins.naming import allowed_characters, write_label
from mirbench.benchmark.registry.made_from import read_record
from mirbench.benchmark.weights.lookup import loading, prepare_weights
from mirbench.benchmark.weights.sets import WeightSet, chosen_set


@dataclass(frozen=True)
class RepresentationSpec:
    """A representation with its parameters, as named on the command line.

    Attributes
    ----------
    text : str
        What was asked for.
    params : dict
        The parameters that differ from the defaults; of an adapter, the
        ``target`` too.
    cache : Path or None
        The cache folder, in which its weights lie; None: the usual one.
    """

    text: str
    plugin: Plugin
    params: dict[str, Any]
    cache: Path | None = None

    @functools.cached_property
    def weights(self) -> WeightSet | None:
        """The set of weights that it uses; None if it uses none."""
        return chosen_set(self.plugin, self.params, self.cache)

    @property
    def weights_sha256(self) -> dict[str, str]:
        """Digests of the files that its weights were converted from, by name; empty if absent.

        Of a model that is read from files as they are, those of these files.
        """
        if self.weights is None:
            return self._model_sha256
        return {name: file.sha256 for name, file in self.weights.originals().items()}

    @functools.cached_property
    def _model_sha256(self) -> dict[str, str]:
        try:
            files = model_files(self.plugin, self.params)
        except MissingWeights:
            return {}
        return {name: file_sha256(files[name]) for name in sorted(files)}

    def prepare_weights(self) -> None:
        """See to it that its weights are here; what an installed package has is converted now.

        Before the fingerprint is asked for, which depends on it.

        Raises
        ------
        MissingWeights
            If they are not on this machine.
        """
        if self.weights is not None:
            prepare_weights(self.weights)
        model_files(self.plugin, self.params)

    @property
    def target(self) -> str | None:
        """What an adapter is to run; None if the plugin is no adapter."""
        return self.params.get("target") if adapter_form(self.plugin) is not None else None

    @functools.cached_property
    def files(self) -> dict[str, str]:
        """Digests of the files and folders that parameters name, by parameter; read once."""
        source = self.plugin.source
        values = ((source.parameters() or {}) if source is not None else {}) | self.params
        if self.weights is not None:
            # It names a set, whatever lies in the working folder.
            values.pop(self.plugin.card().get("weights_parameter", ""), None)
        if self.target is not None:
            del values["target"]
        paths = {key: _place(value) for key, value in values.items() if _is_text(value)}
        digests = {key: sha for key, path in paths.items() if (sha := path_digest(path))}
        if self.target is not None:
            digests["target"] = digest_files(target_files(self.plugin, self.target))
        return digests

    @property
    def label(self) -> str:
        """Canonical name: the plugin's, and the parameters that differ from the defaults.

        A file or folder stands there by its name and content, not by where it lies. An
        adapter's is ``adapter:target,key=value``, in characters that the board allows.
        """
        shown = self.shown_params
        target = shown.pop("target", None) if self.target is not None else None
        return write_label(self.plugin.name, shown, target)

    @property
    def shown_params(self) -> dict[str, Any]:
        """The parameters, with a file or folder by its name and content."""
        return {key: self._shown(key) for key in self.params}

    @property
    def requires(self) -> list[str]:
        """Importable names that the model needs, by its card, and the package of a target."""
        package = (self.target or "").partition(".")[0]
        needed = self.plugin.card().get("requires", [])
        return [*needed, package] if package.isidentifier() else needed

    @property
    def tells_cost(self) -> bool:
        """Whether its plugin says what a clip costs, without loading the model.

        While there is a sandbox, only those that are built in are asked, in this process.
        """
        if self.plugin.origin != "built-in" and rules().sandbox is not None:
            return False
        return self.plugin.source is not None and self.plugin.source.defines("plan_model")

    def cost(self, seconds: float, device: str) -> ModelCost:
        """Ask the plugin's ``plan_model`` what a clip of so many seconds costs.

        Raises
        ------
        PluginError
            If the plugin fails, with its reason.
        """
        plan_model = self.plugin.load_module().plan_model
        try:
            with self.plugin.running():
                cost = plan_model(seconds, device=device, **self.params)
        except MirbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"representation {self.label!r}: plan_model raised {error_text(error)}"
            ) from error
        if not isinstance(cost, ModelCost):
            raise PluginError(
                f"representation {self.label!r}: plan_model returned {type(cost).__name__}, "
                "not a mirbench ModelCost"
            )
        return cost

    @property
    def trained_on(self) -> str | None:
        """Pre-training data, by its card and the set of weights that it uses."""
        if self.weights is not None:
            return self.weights.trained_on
        return self.plugin.card().get("trained_on")

    @property
    def parameters(self) -> int | None:
        """Number of weights of the model, by its card; None if that does not say."""
        if self.weights is not None:
            return self.weights.parameters
        return self.plugin.card().get("parameters")

    @property
    def live(self) -> bool:
        """Whether it is an object of this process, which no other can load."""
        return False

    @property
    def reads_files(self) -> bool:
        """Whether its model may read files that are not known beforehand.

        Built-in ones read weights by `mirbench.benchmark.api.weights_file` or name their
        files, and adapters name those of a target.
        """
        return self.plugin.origin != "built-in"

    def fingerprint(self) -> str:
        """Digest of all that decides an embedding, files that its model reads included.

        Those count once the model has been seen reading them; see `made_from`.
        """
        own = self.own_fingerprint()
        files = read_record(CacheFolder.find(self.cache), own) if self.reads_files else None
        return digest([own, files]) if files else own

    def own_fingerprint(self) -> str:
        """Digest of source, parameters, files that these name, and weights.

        Weights count by the files that they were converted from.
        """
        assert self.plugin.source is not None
        params = {key: value for key, value in self.params.items() if key not in self.files}
        content: list[Any] = [self.plugin.source.digest(), params, self.files]
        if self.weights is not None or names_files(self.plugin):
            content.append(self.weights_sha256 or "absent")
        return digest(content)

    def _shown(self, key: str) -> Any:
        value = self.params[key]
        if key == "target" and self.target is not None and not is_there(_place(value)):
            return value
        if key not in self.files:
            return value
        return f"{allowed_characters(_place(value).name)}-{self.files[key][:8]}"

    def load(self, device: str = "cpu") -> Any:
        """Build the model.

        Raises
        ------
        PluginError
            If the plugin fails or lacks a package, with the reason. Also while there is a
            sandbox, of which this process is outside.
        MissingWeights
            If its weights are not on this machine.
        """
        check_here(f"the model of representation {self.label!r}")
        lacking = self.plugin.missing_requirement()
        if lacking is not None:
            raise PluginError(f"representation {self.label!r} {lacking}")
        self.prepare_weights()
        if self.target is not None:
            files = target_files(self.plugin, self.target)
            forget_target(self.plugin, self.target, files, digest_files(files))
        module = self.plugin.load_module()
        load_model = getattr(module, "load_model", None)
        if not callable(load_model):
            raise PluginError(f"{self.plugin.place} has no function load_model(device, …)")
        try:
            with self.plugin.running(), loading(self.plugin, self.cache):
                return load_model(device=device, **self.params)
        except MirbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"representation {self.label!r}: load_model raised {error_text(error)}"
            ) from error


def _place(value: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(value)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
