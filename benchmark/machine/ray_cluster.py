"""The nodes of a Ray cluster, and the actors of this command on them.

Actors are kept from one piece of work to the next, with the models that they have loaded.
They end with the command, however that ends: none is detached.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

from mirbench.benchmark.api import MirbenchError
from mirbench.benchmark.machine.launch import plugin_environment, rules, with_threads
from mirbench.benchmark.machine.ray_node import Common, Facts, check_facts, look_around
from mirbench.benchmark.machine.ray_seat import Seat, Surroundings
from mirbench.benchmark.machine.ray_workers import Chair, RayWorkers
from mirbench.benchmark.progress import count, say

#: Seconds within which a node must say what there is on it.
_PATIENCE = 180.0

#: How often an actor is started anew on a node that is still there.
_REPLACED = 3

#: Most processes that decode beside a GPU.
_HELPERS = 8

#: What a worker finds of the command's environment: mirbench's own, and where libraries look.
_CARRIED = ("MIRBENCH_", "HF_", "TRANSFORMERS_")
_CARRIED_NAMES = ("NUMBA_CACHE_DIR", "PYTHONPATH", "TORCH_HOME", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Node:
    """A machine of the cluster.

    Attributes
    ----------
    id : str
        Ray's.
    host : str
        Its name.
    cpus, gpus : int
        Those that Ray may use.
    """

    id: str
    host: str
    cpus: int
    gpus: int


class RayCluster:
    """Nodes, and the actors on them.

    Parameters
    ----------
    ray : module
        Connected.
    jobs, gpus : int or None
        How many workers there may be, and how many with a GPU; default: as many as there are
        processors and GPUs.
    """

    def __init__(self, ray: Any, jobs: int | None = None, gpus: int | None = None) -> None:
        self.ray, self._jobs, self._gpus = ray, jobs, gpus
        self.nodes = [
            Node(
                node["NodeID"],
                node["NodeManagerHostname"],
                int(node["Resources"].get("CPU", 0)),
                int(node["Resources"].get("GPU", 0)),
            )
            for node in ray.nodes()
            if node["Alive"]
        ]
        self._kind = ""
        self._chairs: list[Chair] = []
        self._replaced = Counter[str]()

    def check(self, common: Common) -> None:
        """See to it that all nodes have what they must have in common; says what there is.

        Raises
        ------
        MirbenchError
            If one differs, or does not answer.
        """
        here = look_around(common)
        answers = {node: self._ask(node, common) for node in self.nodes}
        self.nodes = [node for node, facts in answers.items() if facts is not None]
        found = [facts for facts in answers.values() if facts is not None]
        for sentence in check_facts(found, here, common):
            say(sentence)

    def _ask(self, node: Node, common: Common) -> Facts | None:
        """Ask a node what there is; None if it has gone meanwhile, which is said."""
        task = self.ray.remote(num_cpus=0, max_retries=0)(look_around)
        reference = task.options(scheduling_strategy=self._on(node.id)).remote(common)
        try:
            facts: Facts = self.ray.get(reference, timeout=_PATIENCE)
        except self.ray.exceptions.GetTimeoutError as error:
            raise MirbenchError(
                f"node {node.host} does not answer within {_PATIENCE:.0f} s"
            ) from error
        except self.ray.exceptions.TaskUnschedulableError:
            say(f"node {node.host} is lost, and left out")
            return None
        except self.ray.exceptions.RayError as error:
            last = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise MirbenchError(
                f"node {node.host} cannot run this version of mirbench ({last}): install the same "
                "everywhere"
            ) from error
        return facts

    def _on(self, node: str) -> Any:
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        return strategies.NodeAffinitySchedulingStrategy(node, soft=False)

    def workers(self, kind: str, most: int | None = None, depth: int = 2) -> RayWorkers:
        """Return actors, those that are there and new ones.

        Parameters
        ----------
        kind : str
            ``cpu``: one per processor, with one thread. ``cuda``: one per GPU. ``grid``: one
            per processor, which share out the threads of their node by themselves. Actors of
            another kind are ended first.
        most : int, optional
            How many there is work for.
        depth : int
            Items that each has at once.

        Raises
        ------
        MirbenchError
            If the cluster has no such processors.
        """
        if kind != self._kind:
            self._end_all()
            self._kind = kind
        for chair in [chair for chair in self._chairs if not self._is_alive(chair.node)]:
            self.give_up(chair)
        places = self._places(kind)
        if not places:
            what = "GPU" if kind == "cuda" else "processor"
            raise MirbenchError(f"the Ray cluster has no {what} that its nodes tell of")
        taken = Counter(chair.node for chair in self._chairs)
        for node in places[:most]:
            if taken[node.id]:
                taken[node.id] -= 1
            else:
                self._chairs.append(self._start(node))
        depth += self._helpers(places[0]) if kind == "cuda" else 0
        return RayWorkers(self, self._chairs[: min(most or len(places), len(places))], depth)

    def words(self, kind: str) -> str:
        """Say how many workers of a kind there are, and on how many nodes."""
        places = self._places(kind)
        nodes = count(len({node.id for node in places}), "node")
        return f"{nodes}, {count(len(places), 'worker')}"

    def tell(self, kind: str) -> None:
        """Say how many workers come of it."""
        places = self._places(kind)
        each = Counter(node.host for node in places)
        what = "per GPU" if kind == "cuda" else "per processor, each with one thread"
        where = ", ".join(f"{number} on {host}" for host, number in each.items())
        say(f"{count(len(places), 'worker')}, one {what}: {where}")

    def most_on_a_node(self, kind: str, most: int) -> int:
        """Count the workers of a kind on the node that has the most of the first `most`."""
        each = Counter(node.id for node in self._places(kind)[:most])
        return max(each.values(), default=1)

    def _places(self, kind: str) -> list[Node]:
        """List the nodes once per worker, each in turn, so that the first few are on many."""
        limit = self._gpus if kind == "cuda" else self._jobs
        alive = [node for node in self.nodes if self._is_alive(node.id)]
        rows = [[node] * (node.gpus if kind == "cuda" else node.cpus) for node in alive]
        turns = itertools.chain.from_iterable(itertools.zip_longest(*rows))
        return [node for node in turns if node is not None][:limit]

    def _is_alive(self, node: str) -> bool:
        return any(each["NodeID"] == node and each["Alive"] for each in self.ray.nodes())

    def _helpers(self, node: Node) -> int:
        """How many processes decode beside each GPU of a node."""
        return min(_HELPERS, max(1, node.cpus // max(1, node.gpus)))

    def _start(self, node: Node) -> Chair:
        on_gpu = self._kind == "cuda"
        helpers = self._helpers(node) if on_gpu else 0
        cpus = min(helpers, node.cpus // node.gpus) if on_gpu else 1
        actor = self.ray.remote(Seat).options(
            num_cpus=cpus,
            num_gpus=1 if on_gpu else 0,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=helpers + 2 if on_gpu else 1,
            scheduling_strategy=self._on(node.id),
        )
        seat = actor.remote(self._surroundings(node), helpers)
        return Chair(node.id, node.host, seat, seat.ready.remote())

    def _surroundings(self, node: Node) -> Surroundings:
        variables = {
            name: value
            for name, value in plugin_environment().items()
            if name.startswith(_CARRIED) or name in (*_CARRIED_NAMES, *rules().passed)
        }
        if self._kind != "cuda":
            variables["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides none from who has asked for none
        if self._kind == "grid":
            variables |= with_threads(node.cpus)
        return Surroundings(os.getcwd(), _module_path(), variables, rules().passed)

    def replace(self, chair: Chair) -> Chair | None:
        """Give up an actor; returns a new one on its node, unless that is lost too."""
        self.give_up(chair)
        self._replaced[chair.node] += 1
        if not self._is_alive(chair.node):
            say(f"node {chair.host} is lost; the others go on")
            return None
        if self._replaced[chair.node] > _REPLACED * max(1, len(self.nodes)):
            return None
        new = self._start(next(node for node in self.nodes if node.id == chair.node))
        self._chairs.append(new)
        return new

    def give_up(self, chair: Chair) -> None:
        """End an actor."""
        chair.tasks.clear()
        self._chairs[:] = [other for other in self._chairs if other is not chair]
        with contextlib.suppress(Exception):  # it, or the cluster, is gone
            self.ray.kill(chair.actor)

    def _end_all(self) -> None:
        for chair in list(self._chairs):
            self.give_up(chair)


def _module_path() -> tuple[str, ...]:
    """Where modules are looked for, in words that hold in any folder, and without Ray's own."""
    places = [
        # What is no folder belongs to a finder of its own, as that of an editable installation.
        os.path.abspath(place) if os.path.isdir(place or ".") else place
        for place in sys.path
    ]
    return tuple(place for place in places if not place.endswith("/ray/thirdparty_files"))
