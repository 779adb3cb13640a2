"""A cluster made by `tandem init` and `tandem join`, on hosts of a lab, while it records."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.lab.cluster.pictures import found_in

from tandem.clock import SystemClock
from tandem.lab.cluster import ClusterPlan, LabCluster, agents, record, services
from tandem.lab.cluster.mix import camera_id
from tandem.lab.cluster.record import Record
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.demo.exports import export_all
from tandem.lab.hosts import Host, Lab, LabError, Plan
from tandem.node.control.client import AnswerError, AskingError

pytestmark = [pytest.mark.lab("loop", "nftables"), pytest.mark.real, pytest.mark.timeout(590)]

CAMERAS: Final = 12
PLAN: Final = ClusterPlan(nodes=5, cameras=CAMERAS)
TANDEM: Final = [sys.executable, "-c", "from tandem.cli.main import main; main()"]
UNSETTLED_US: Final = 5_000_000
LEAD_US: Final = 2_000_000


class Site:
    """Hosts, of which some are nodes of one cluster by now."""

    def __init__(self, cluster: LabCluster) -> None:
        self.cluster = cluster
        self.clock = SystemClock()
        self.record = Record(PLAN)
        self.since_us = 0

    def host(self, name: str) -> Host:
        return self.cluster.lab.host(name)

    def ask(self, name: str) -> Any:
        return agents.client(self.host(name))

    def tandem(self, name: str, *arguments: str) -> str:
        """Run the command line as an administrator does on that server."""
        environment = [f"{key}={os.environ[key]}" for key in ("PYTHONPATH",) if key in os.environ]
        return self.host(name).run(["env", *environment, *TANDEM, *arguments], deadline_s=90)

    def options(self, name: str) -> list[str]:
        links = [f"--link={link}={self.host(name).address(link)}" for link in ("a", "b")]
        return ["--node", name, *links, "--volume", "/mnt/v1"]

    def start(self, name: str) -> None:
        self.record.services[name] = [services.agent(self.host(name))]
        record.save(self.record, self.cluster.lab.directory)
        services.sync(self.host(name))
        services.start(self.host(name), self.record)
        self.wait(lambda: agents.silent([self.host(name)]), f"{name} has a session")

    def init(self, name: str) -> None:
        self.tandem(name, "init", *self.options(name), "--number", "1")
        self.start(name)

    def join(self, name: str, inviter: str) -> None:
        token = self.ask(inviter).invite()
        self.tandem(name, "join", token, *self.options(name))
        self.start(name)

    def wait(self, missing: Any, what: str, deadline_s: float = 60.0) -> None:
        def asked() -> str:
            try:
                return str(missing())
            except (AskingError, KeyError) as error:
                return str(error)

        wait_for(asked, what, deadline_s, self.clock)

    def wait_for_voters(self, *names: str) -> None:
        """Until each node says that the store is held by these nodes, all well."""

        def missing() -> str:
            for name in names:
                members = self.ask(name).node()["store"]["members"]
                if {it["name"] for it in members} != set(names):
                    return f"{name} says {[it['name'] for it in members]}"
                if troubled := [it["problem"] for it in members if it["problem"]]:
                    return str(troubled)
            return ""

        self.wait(missing, f"{', '.join(names)} hold the store")

    def wait_for_peers(self, name: str, *others: str) -> None:
        def missing() -> str:
            peers = {it["node_id"]: it["suspected"] for it in self.ask(name).node()["peers"]}
            return "" if peers == dict.fromkeys(others, False) else str(peers)

        self.wait(missing, f"{name} hears {', '.join(others)}")

    def wait_until_recorded(self, asked: str) -> None:
        self.wait(
            lambda: agents.unrecorded(self.host(asked), CAMERAS, PLAN.copies),
            "every camera is recorded by two",
            90.0,
        )

    def enter_cameras(self) -> None:
        cameras = self.host(services.CAMERA_HOST)
        self.cluster._wait_for_cameras(cameras)
        self.cluster._enter_cameras(PLAN)
        self.wait_until_recorded("node1")
        self.since_us = self.clock.utc_us()

    def record_for(self, seconds: float) -> None:
        end_us = self.clock.utc_us() + round(seconds * 1e6)
        self.wait(
            lambda: "" if self.clock.utc_us() >= end_us else "not yet", "time passes", seconds + 10
        )

    def assert_whole(self, asked: str, from_us: int) -> None:
        """Every picture that was taken since then is in exports, exactly once."""
        host, until_us = self.host(asked), self.clock.utc_us()
        place = Path("/tmp/exports")
        from_us = max(from_us, self.since_us)
        try:
            exports = export_all(host, CAMERAS, place, from_us - LEAD_US, until_us)
            ledgers = {number: self.cluster.ledger(number) for number in range(1, CAMERAS + 1)}
            since_us = dict.fromkeys(ledgers, self.since_us)
            found = found_in(exports, ledgers, since_us, from_us, until_us - UNSETTLED_US)
            for one in found.values():
                one.assert_whole()
        finally:
            host.run(["rm", "-rf", str(place)])

    def placed_on(self, asked: str, name: str) -> list[str]:
        cameras = self.ask(asked).cameras()["cameras"]
        return [it["camera_id"] for it in cameras if name in it["placement"]["nodes"]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    hosts = Plan(PLAN.nodes, PLAN.cameras, PLAN.volumes, PLAN.volume_mib)
    with Lab.up(tmp_path / "lab", hosts, SystemClock()) as lab:
        made = Site(LabCluster(lab, SystemClock()))
        cameras = lab.host(services.CAMERA_HOST)
        made.record.services[cameras.name] = [services.cameras(cameras, PLAN)]
        record.save(made.record, lab.directory)
        services.start(cameras, made.record)
        yield made


def refusal_to_remove(site: Site, name: str) -> str:
    """What is said against it, as it is while the node's last heartbeats count; empty: nothing."""
    try:
        site.tandem("node3", "node", "remove", name)
    except LabError as refused:
        return str(refused)
    return ""


def test_servers_come_and_go_while_twelve_cameras_are_recorded(site: Site) -> None:
    site.init("node1")
    site.join("node2", "node1")
    site.wait_for_peers("node1", "node2")
    site.wait_for_voters("node1")
    site.join("node3", "node2")
    site.wait_for_peers("node1", "node2", "node3")
    site.wait_for_voters("node1", "node2", "node3")
    site.enter_cameras()
    site.record_for(20)  # a group of pictures may take 10 s

    site.join("node4", "node3")
    site.wait_for_peers("node4", "node1", "node2", "node3")
    site.record_for(10)
    site.assert_whole("node4", site.since_us)

    left_us = site.clock.utc_us()
    with pytest.raises(LabError, match="node drain"):
        site.tandem("node2", "leave")
    site.tandem("node2", "node", "drain", "node2")
    site.tandem("node2", "leave")
    site.wait_for_peers("node1", "node3", "node4")
    site.wait_for_voters("node1", "node3", "node4")
    site.wait_until_recorded("node1")
    site.record_for(10)
    site.assert_whole("node1", left_us)

    site.record_for(10)
    killed_us = site.clock.utc_us()
    with pytest.raises(AnswerError, match="is there"):
        site.ask("node4").remove_node("node1")
    site.cluster.lab.kill("node1")
    site.wait(lambda: refusal_to_remove(site, "node1"), "node1 is removed")
    site.join("node5", "node4")
    site.wait_for_peers("node3", "node4", "node5")
    site.wait_for_voters("node3", "node4", "node5")
    site.wait_until_recorded("node3")
    site.assert_whole("node3", killed_us - 10_000_000)
    assert site.placed_on("node3", "node1") == []

    # The one that was lost comes back: nobody answers it.
    site.cluster.start("node1")
    site.record_for(10)
    peers = {it["node_id"] for it in site.ask("node3").node()["peers"]}
    assert peers == {"node4", "node5"}
    assert camera_id(1)
