"""An address and a process that the command line defines: moved, drained, lost and taken away."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tandem.clock import SystemClock
from tandem.cluster.model import Protection
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps
from tandem.lab.cluster.agents import client
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.hosts import Host
from tandem.lab.hosts.networks import USER_HOST, USERS
from tandem.node.control.client import AskingError

pytestmark = [pytest.mark.lab("loop"), pytest.mark.timeout(480)]

ADDRESS: Final = str(USERS.subnet[200])
PLAN: Final = ClusterPlan(nodes=3, cameras=2, protection=Protection.HOT)
SLEEPS: Final = '["/bin/sleep", "86399"]'


class Site:
    """A cluster with resources."""

    def __init__(self, cluster: LabCluster) -> None:
        self.cluster = cluster

    def tandem(self, *words: str, host: Host | None = None) -> str:
        """Type a command on a node."""
        asked = host or self.cluster.living[0]
        tandem = str(Path(sys.executable).with_name("tandem"))
        return asked.run([tandem, *words], deadline_s=200.0)

    def resource(self, name: str) -> dict[str, Any]:
        found = client(self.cluster.living[0]).status()["resources"]
        return dict(next(it for it in found if it["resource_id"] == name))

    def wait(self, name: str, *nodes: str, state: str = "running") -> None:
        """Until it is so, by the word of the nodes."""

        def missing() -> str:
            it = self.resource(name)
            if it["state"] != state or (nodes and it["nodes"] != list(nodes)):
                return json.dumps(it)
            return ""

        wait_for(missing, f"{name} is {state} {nodes}", 40.0, SystemClock())

    def where(self, name: str) -> str:
        (node,) = self.resource(name)["nodes"]
        return str(node)

    def has_address(self, node: str) -> bool:
        said = self.cluster.lab.host(node).run(["ip", "-4", "addr", "show", "dev", USERS.name])
        return ADDRESS in said

    def answers(self) -> bool:
        """Whether a user reaches the address."""
        knock = (
            "import socket, sys\n"
            "try: socket.create_connection((sys.argv[1], 9), 1)\n"
            "except ConnectionRefusedError: print('there')\n"
            "except OSError as error: print(error)\n"
        )
        user = self.cluster.lab.host(USER_HOST)
        return user.run([sys.executable, "-c", knock, ADDRESS]).strip() == "there"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("resources") / "lab"
    cluster = LabCluster.up(directory, PLAN, Steps(lambda _: None, SystemClock()))
    try:
        yield Site(cluster)
    finally:
        cluster.lab.down()


def test_an_address_and_a_process_run_move_and_are_taken_away(site: Site) -> None:
    address = ["--option", f"address={ADDRESS}", "--option", f"interface={USERS.name}"]
    site.tandem("resource", "add", "vip", "--kind", "address", "--mode", "soft", *address)
    site.tandem("resource", "add", "job", "--kind", "process", "--option", f"command={SLEEPS}")
    site.wait("vip")
    site.wait("job")
    first = site.where("vip")
    assert site.has_address(first)
    wait_for(lambda: "" if site.answers() else "nobody answers", "answers", 10.0, SystemClock())
    target = site.resource("vip")["next"][0]
    site.tandem("resource", "move", "vip", target)
    site.wait("vip", target)
    assert (site.has_address(target), site.has_address(first)) == (True, False)
    assert site.resource("vip")["why_not"] is None
    site.tandem("resource", "disable", "job")
    site.wait("job", state="disabled")
    site.tandem("resource", "enable", "job")
    site.wait("job")


def test_a_drained_node_keeps_neither_camera_nor_resource(site: Site) -> None:
    node = site.where("vip")
    site.tandem("node", "drain", node)
    site.wait("vip")
    assert site.where("vip") != node
    status = client(site.cluster.living[0]).status()
    assert all(it["recorded"] for it in status["cameras"])
    assert not any(c["node_id"] == node for it in status["cameras"] for c in it["copies"])
    site.tandem("node", "resume", node)


def test_what_a_node_had_that_loses_power_runs_on_the_next(site: Site) -> None:
    node = site.where("vip")
    site.cluster.lab.kill(node)
    others = [it.name for it in site.cluster.living]

    def elsewhere() -> str:
        it = site.resource("vip")
        return "" if it["state"] == "running" and it["nodes"][0] in others else json.dumps(it)

    wait_for(elsewhere, "it runs elsewhere", 40.0, SystemClock())
    wait_for(lambda: "" if site.answers() else "nobody answers", "answers", 10.0, SystemClock())
    site.cluster.start(node)

    def silent() -> str:
        try:
            return "" if client(site.cluster.lab.host(node)).status()["resources"] else "no word"
        except AskingError as problem:
            return str(problem)

    wait_for(silent, f"{node} answers again", 60.0, SystemClock())


def test_a_start_that_fails_everywhere_is_told_and_what_is_removed_is_gone(site: Site) -> None:
    failing = ["--option", 'command=["/usr/bin/false"]']
    site.tandem("resource", "add", "bad", "--kind", "process", *failing)

    def told() -> str:
        why = site.resource("bad")["why_not"] or ""
        return "" if "could not start bad" in why or "fail" in why else why

    wait_for(told, "it is told that it fails everywhere", 90.0, SystemClock())
    for name in ("bad", "job", "vip"):
        site.tandem("resource", "remove", name, "--yes")

    def left() -> str:
        return ", ".join(it.name for it in site.cluster.living if site.has_address(it.name))

    wait_for(left, "the address is gone", 20.0, SystemClock())
