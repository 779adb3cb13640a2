"""A cluster with the writer, and each fault done to it and healed."""

import sys
import time
from pathlib import Path
from typing import Final

from tests.lab.cluster.faults.sequence import Fault, Kind
from tests.lab.cluster.faults.writer import VOLUME, Lines
from tests.lab.cluster.watching import doubled

from tandem.clock import SystemClock
from tandem.lab.cluster import LabCluster, services
from tandem.lab.cluster.agents import client
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.hosts import Direction, LabError, VolumeFault
from tandem.node.control.client import AskingError, ControlClient

JOB: Final = "writer"
KILLED: Final = {
    Kind.AGENT_KILLED: (services.AGENT,),
    Kind.PULSE_KILLED: (services.PULSE,),
    Kind.BOTH_KILLED: (services.AGENT, services.PULSE),
    Kind.ETCD_KILLED: (services.ETCD,),
    Kind.STUCK: (services.AGENT, services.PULSE),
}
WISH_S: Final = 60
SETTLED_S: Final = 90.0
HANGS_S: Final = 0.3


def say(line: str) -> None:
    """What is done and measured; shown by `pytest -s`, and of a test that failed."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Place:
    """One cluster, and what is done to it."""

    def __init__(self, cluster: LabCluster) -> None:
        self.cluster, self.lab = cluster, cluster.lab
        self.lines = Lines(self.lab)
        definition = {
            "mode": "strict",
            "kind": "process",
            "options": {"command": self.lines.command},
        }
        self.asked.put_resource(JOB, definition, 0)

    @property
    def asked(self) -> ControlClient:
        """A node that is on, and does not stand still."""
        state = self.lab.book.load()
        return client(next(it for it in self.cluster.living if not state.host(it.name).frozen))

    @property
    def twice(self) -> str:
        """Who wrote though somebody else had begun; empty: nobody ever."""
        return doubled(self.lines.all())

    def settle(self) -> None:
        """Until all nodes are well, and it writes."""
        self.cluster.wait_until_nodes_answer(SETTLED_S)
        self.wait_until_written(boot_s(), SETTLED_S)

    def wait_until_written(self, since_s: float, deadline_s: float) -> float:
        """Until a line is there that is newer; returns after how many seconds it was written."""
        wait_for(
            lambda: "" if self.lines.since(since_s) else self.why_not(),
            "the process writes",
            deadline_s,
            SystemClock(),
        )
        return self.lines.since(since_s)[0].at_s - since_s

    def why_not(self) -> str:
        """What the cluster says of the process."""
        try:
            found = self.asked.status()["resources"]
        except (AskingError, LabError) as error:
            return str(error)
        return "; ".join(
            f"{it['state']}, held by {it['held_by']}, {it['why_not']} {it['problems']}"
            for it in found
        )

    def move(self, number: int) -> None:
        """An operator's word; it may be refused, as long as it is answered."""
        try:
            self.asked.move_resource(JOB, f"node{number}", WISH_S)
        except AskingError as error:
            say(f"  not moved: {error}")

    def hurt(self, fault: Fault) -> str:
        """Do it; returns to which node."""
        owner = self.lines.all()[-1].node
        names = [it.name for it in self.cluster.nodes]
        node = owner if fault.to_owner else names[names.index(owner) - 1]
        match fault.kind:
            case Kind.POWER_LOSS:
                self.lab.kill(node)
            case Kind.FREEZE:
                self.lab.freeze(node)
            case Kind.CUT | Kind.ONE_WAY_CUT:
                one_way = fault.kind is Kind.ONE_WAY_CUT
                ways = (Direction(fault.direction),) if one_way else tuple(Direction)
                for link in fault.links:
                    self.lab.cut(node, link, ways)
            case Kind.STUCK | Kind.STUCK_AND_CUT:
                self.lab.break_volume(node, VOLUME, VolumeFault.HUNG)
                time.sleep(HANGS_S)
                if fault.kind is Kind.STUCK:
                    self._kill(node, *KILLED[fault.kind])
                else:
                    self.lab.cut(node, "a")
                    self.lab.cut(node, "b")
            case _:
                self._kill(node, *KILLED[fault.kind])
        return node

    def heal(self) -> None:
        """Undo all that was done, by a fault or by fencing."""
        self.lab.heal()
        for node in self.cluster.nodes:
            if not node.is_on:
                self.cluster.start(node.name)
                continue
            self.lab.thaw(node.name)
            if self.lab.status().hosts[node.name].volumes[VOLUME]:
                self.lab.repair_volume(node.name, VOLUME)
            if not node.pids(services.AGENT):
                services.start(node, self.cluster.record)

    def keep_logs(self, directory: Path) -> None:
        """What the nodes said, and what was written, for whoever looks for the reason."""
        directory.mkdir(parents=True, exist_ok=True)
        for node in self.cluster.living:
            log = node.outside(services.AGENT_LOG)
            (directory / f"{node.name}.log").write_bytes(log.read_bytes())
        lines = [f"{it.at_s:.6f} {it.node} {it.token}\n" for it in self.lines.all()]
        (directory / "lines").write_text("".join(lines), "utf-8")
        (directory / "journal.jsonl").write_bytes(
            (self.lab.directory / "journal.jsonl").read_bytes()
        )

    def _kill(self, node: str, *patterns: str) -> None:
        """Those that run: what ended by itself meanwhile need not be killed."""
        host = self.lab.host(node)
        if pids := [str(pid) for pattern in patterns for pid in host.pids(pattern)]:
            host.run(["kill", "-KILL", *pids])
