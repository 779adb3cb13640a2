"""A cluster in a lab: brought up, hurt, and taken down."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.clock import Clock, SystemClock
from tandem.lab.cluster import agents, mix, nodes, record, services
from tandem.lab.cluster.interrupts import undisturbed
from tandem.lab.cluster.plan import CLUSTER_NUMBER, ClusterPlan
from tandem.lab.cluster.record import Record
from tandem.lab.cluster.steps import Steps, counted
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.fencing import setup as fencing
from tandem.lab.hosts import Host, Lab, LabError, Plan, VolumeFault
from tandem.node.authority import AuthorityError
from tandem.node.control.client import AnswerError, AskingError
from tandem.node.provision import create_cluster
from tandem.recording.camera import Login

_CAMERAS_DEADLINE_S: Final = 120.0
_CLUSTER_DEADLINE_S: Final = 60.0
_ENTRY_DEADLINE_S: Final = 30.0
_CAMERAS_ARE_READY: Final = '{"version"'
"""How the only line begins that the camera server writes as JSON."""

_WHERE_TO_LOOK: Final = f"Look at what a node says: {services.AGENT_LOG} on its host."


@dataclass(frozen=True, slots=True)
class LabCluster:
    """A cluster in a lab. All methods raise `LabError`.

    Attributes:
        lab: the hosts that it runs on; faults without a method here are done to it.
        clock: of this machine.
    """

    lab: Lab
    clock: Clock

    @classmethod
    def up(
        cls, directory: Path, plan: ClusterPlan, steps: Steps, clock: Clock | None = None
    ) -> "LabCluster":
        """Bring a cluster up until it records all its cameras; if that fails, nothing is left.

        Args:
            directory: for all that it writes; made, and must be empty.
            plan: what it is to be.
            steps: hears what is done.
            clock: of this machine.
        """
        clock = clock or SystemClock()
        hosts = Plan(plan.nodes, plan.cameras, plan.volumes, plan.volume_mib)
        with steps.step(f"hosts: {counted(plan.nodes, 'node')}, the cameras' and a user's"):
            cluster = cls(Lab.up(directory, hosts, clock), clock)
        try:
            cluster._begin(plan, steps)
        except BaseException as error:
            try:
                words = cluster.last_words() if isinstance(error, LabError) else ""
            finally:
                with undisturbed():
                    cluster.lab.down()
            if words:
                raise LabError(f"{error}\n{words}") from error
            raise
        return cluster

    @classmethod
    def open(cls, directory: Path, clock: Clock | None = None) -> "LabCluster":
        """A cluster that somebody else has brought up."""
        clock = clock or SystemClock()
        lab = Lab.open(directory, clock)
        record.load(lab.directory)
        return cls(lab, clock)

    @property
    def record(self) -> Record:
        """What is remembered of it."""
        return record.load(self.lab.directory)

    @property
    def nodes(self) -> list[Host]:
        """The hosts that are nodes, those that are off included."""
        return [self.lab.host(f"node{each + 1}") for each in range(self.record.plan.nodes)]

    @property
    def living(self) -> list[Host]:
        """The nodes that are on."""
        return [host for host in self.nodes if host.is_on]

    def ledger(self, number: int) -> Path:
        """Where a camera's ledger can be read from outside."""
        cameras = self.lab.host(services.CAMERA_HOST)
        return cameras.outside(services.LEDGERS / f"camera-{number}.ledger")

    def start(self, name: str) -> None:
        """Switch a host on, and start what ran there; done already if it is on."""
        host = self.lab.host(name)
        if host.is_on:
            return
        self.lab.start(name)
        services.start(host, self.record)

    def repair_volume(self, host: str, volume: str) -> None:
        """Undo what befell a volume; a new disk becomes a volume, as an administrator would do."""
        node = self.lab.host(host)
        was = self.lab.status().hosts[host].volumes.get(volume)
        self.lab.repair_volume(host, volume)
        if was is VolumeFault.DESTROYED and node.is_on:
            nodes.make_volume(node, volume, self.clock)

    def wait_until_nodes_answer(self, deadline_s: float = _CLUSTER_DEADLINE_S) -> None:
        """Until every node that is on answers, and knows who leads the store."""
        living = self.living
        wait_for(
            lambda: agents.silent(living),
            "all nodes work together",
            deadline_s,
            self.clock,
            hint=_WHERE_TO_LOOK,
        )

    def wait_until_recorded(self, copies: int, deadline_s: float = _CLUSTER_DEADLINE_S) -> None:
        """Until every camera is on the disks of so many nodes that are on."""
        plan, asked = self.record.plan, self.living[0]
        wait_for(
            lambda: agents.unrecorded(asked, plan.cameras, copies),
            f"every camera is recorded by {copies}",
            deadline_s,
            self.clock,
            hint=_WHERE_TO_LOOK,
        )

    def last_words(self) -> str:
        """The ends of all logs, for when they go with the lab."""
        return "\n".join(
            f"  {service.name} on {name} said last:\n{words}"
            for name, running in self.record.services.items()
            for service in running
            if (words := services.last_words(self.lab.host(name), service.log))
        )

    def _begin(self, plan: ClusterPlan, steps: Steps) -> None:
        """From hosts that are on to a cluster that records."""
        remembered = Record(plan)
        record.save(remembered, self.lab.directory)
        cameras = self.lab.host(services.CAMERA_HOST)
        remembered.services[cameras.name] = [services.cameras(cameras, plan)]
        names = [f"node{each + 1}" for each in range(plan.nodes)]
        with steps.step("keys, certificates, settings and volumes of the nodes"):
            services.start(cameras, remembered)
            self._make_nodes(names)
            for name in names:
                remembered.services[name] = [services.agent(self.lab.host(name))]
                if plan.fencing:
                    fencing.install_agent(self.lab.host(name))
                services.sync(self.lab.host(name))
            record.save(remembered, self.lab.directory)
        with steps.step("the nodes answer, and their store has a leader"):
            for name in names:
                services.start(self.lab.host(name), remembered)
            self.wait_until_nodes_answer()
        if plan.fencing:
            with steps.step("the power switch, by which each node is fenced"):
                fencing.start_switch(self.lab)
                for name in names:
                    fencing.enter(self.lab.host(names[0]), name)
        with steps.step(f"{counted(plan.cameras, 'camera')}: pictures are encoded, RTSP answers"):
            self._wait_for_cameras(cameras)
            services.sync(cameras)
        with steps.step(f"{counted(plan.cameras, 'camera')} entered in the cluster"):
            self._enter_cameras(plan)
        with steps.step(f"every camera is on the disks of {counted(plan.copies, 'node')}"):
            self.wait_until_recorded(plan.copies)
        remembered.recording_since_us = self.clock.utc_us()
        record.save(remembered, self.lab.directory)

    def _make_nodes(self, names: list[str]) -> None:
        try:
            secrets = create_cluster(CLUSTER_NUMBER, self.clock)
        except AuthorityError as error:
            raise LabError(str(error)) from error
        with ThreadPoolExecutor(len(names)) as pool:
            made = [
                pool.submit(nodes.make_node, self.lab, name, names, secrets, self.clock)
                for name in names
            ]
            for each in made:
                each.result()

    def _wait_for_cameras(self, cameras: Host) -> None:
        log = cameras.outside(services.CAMERA_LOG)

        def silent() -> str:
            said = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
            if any(line.startswith(_CAMERAS_ARE_READY) for line in said):
                return ""
            return f"the last they said is {said[-1] if said else 'nothing'!r}."

        wait_for(silent, "the cameras listen", _CAMERAS_DEADLINE_S, self.clock)

    def _enter_cameras(self, plan: ClusterPlan) -> None:
        numbers = list(range(1, plan.cameras + 1))
        asked = agents.client(self.nodes[0])

        def entered() -> str:
            while numbers:
                camera = mix.as_entered(numbers[0], plan)
                login = Login(**mix.LOGIN) if mix.kind_of(numbers[0]).has_login else None
                document = {**json.loads(camera.encode()), "camera_id": camera.camera_id}
                try:
                    asked.put_camera(document, 0, login=login)
                except AnswerError as error:
                    if not error.is_conflict:  # it is there: an earlier attempt did it after all
                        return str(error)
                except AskingError as error:
                    return str(error)
                numbers.pop(0)
            return ""

        wait_for(entered, "the cameras are entered", _ENTRY_DEADLINE_S, self.clock)
