"""Tandem: a strict address, a strict process behind it, and a soft address, side by side."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from benchmarks.failover.engines.engine import NODES, SOFT_IP, STRICT_IP, WEB_PORT, Engine
from tandem.clock import SystemClock
from tandem.cluster.model import Protection
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps, services
from tandem.lab.cluster.agents import client, silent
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.hosts import LabError
from tandem.lab.hosts.rootfs import MANAGEMENT
from tandem.node.control.client import AskingError, ControlClient

PROCESS_PORT: Final = 8081
STARTED_S: Final = 30.0
WISH_S: Final = 3
"""Short: a node that returns takes nothing back by itself."""


class Tandem(Engine):
    """With a camera, since a cluster without one does not settle.

    Args:
        fencing: whether nodes are fenced by the lab's power switch.
    """

    daemons: ClassVar[str] = services.AGENT
    counts_moves: ClassVar[bool] = True

    def __init__(self, *, fencing: bool) -> None:
        self.title = "Tandem, standard" + (", fenced" if fencing else "")
        self.pages = {
            "strict-address": (STRICT_IP, WEB_PORT),
            "process-behind-it": (STRICT_IP, PROCESS_PORT),
            "soft-address": (SOFT_IP, WEB_PORT),
        }
        self._fencing = fencing
        self._cluster: LabCluster

    def up(self, directory: Path) -> None:
        plan = ClusterPlan(
            nodes=len(NODES), cameras=1, protection=Protection.FAILOVER, fencing=self._fencing
        )
        self._cluster = LabCluster.up(directory, plan, Steps(lambda _: None, SystemClock()))
        self.lab = self._cluster.lab

    def define(self) -> None:
        web = [sys.executable, "-I", "-S", str(MANAGEMENT / "web.py"), str(PROCESS_PORT)]
        self._enter("strict", "address", {"address": STRICT_IP})
        self._enter("process", "process", {"command": web}, together=["strict"])
        self._enter("soft", "address", {"address": SOFT_IP}, mode="soft", together=["strict"])

    def switch_on(self, node: str) -> None:
        self._cluster.start(node)

    def start(self, node: str) -> None:
        services.start(self.host(node), self._cluster.record)

    def troubles(self) -> str:
        try:
            if said := silent(self._cluster.nodes):
                return said
            found = self._asked.status()["resources"]
        except (AskingError, LabError) as error:
            return str(error)
        where = {node for it in found for node in it["nodes"]}
        if len(where) == 1 and all(it["state"] == "running" for it in found):
            return ""
        return "; ".join(
            f"{it['resource_id']} {it['state']} on {it['nodes']} {it['why_not'] or ''}"
            f" {it['problems'] or ''}"
            for it in found
        )

    def move(self, owner: str, target: str) -> None:  # noqa: ARG002
        self._asked.move_resource("strict", target, WISH_S)

    def next_owner(self, owner: str, number: int) -> str:
        """The owner has the leader of the store in every other trial."""
        leader = self._leader() or owner
        others = [node for node in NODES if node != leader]
        return leader if number % 2 == 0 else others[number // 2 % len(others)]

    def about(self, owner: str) -> dict[str, bool]:
        return {"leader": self._leader() == owner}

    @property
    def _asked(self) -> ControlClient:
        frozen = {name for name, host in self.lab.book.load().hosts.items() if host.frozen}
        return client(next(it for it in self._cluster.living if it.name not in frozen))

    def _leader(self) -> str:
        with suppress(AskingError):
            members = self._asked.node()["store"]["members"]
            return next((it["name"] for it in members if it["leader"]), "")
        return ""

    def _enter(self, name: str, kind: str, options: dict[str, Any], **more: object) -> None:
        definition = {"mode": "strict", "kind": kind, "options": options, **more}
        self._asked.put_resource(name, definition, 0)
        wait_for(self.troubles, f"{name} runs beside the others", STARTED_S, SystemClock())
