"""Addresses and a process that never run twice, and run again soon, whatever hits their node."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.lab.cluster.watching import (
    Seen,
    Witnesses,
    doubled,
    outage_s,
    user_of,
    watched,
)

from tandem.clock import SystemClock
from tandem.cluster.model import Protection
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps, services
from tandem.lab.cluster.agents import client
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.hosts import LabError
from tandem.lab.hosts.networks import USERS

pytestmark = [
    pytest.mark.lab("loop", "nftables"),
    pytest.mark.prove,
    pytest.mark.timeout(480),
]

PLAN: Final = ClusterPlan(nodes=3, cameras=1, protection=Protection.FAILOVER)
ADDRESSES: Final = {"vip": str(USERS.subnet[201]), "page": str(USERS.subnet[202])}
RESOURCES: Final = ("vip", "page", "job")

SOON_S: Final = 10.0
"""Generous: what is measured is printed."""

UNHURT_S: Final = 1.0
STEADY_S: Final = 1.0
QUIET_S: Final = 5.0


def boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Site:
    """A cluster with a strict address, a soft one, and a strict process, all on one node."""

    def __init__(self, cluster: LabCluster) -> None:
        self.cluster, self.lab = cluster, cluster.lab
        self.witnesses = Witnesses(self.lab, ADDRESSES)

    def tandem(self, *words: str) -> str:
        tandem = str(Path(sys.executable).with_name("tandem"))
        return self.cluster.living[0].run([tandem, *words], deadline_s=100.0)

    def define(self) -> None:
        """Anew for each test: what moved by itself a few times is held where it is."""
        for name, mode in (("vip", "strict"), ("page", "soft")):
            address = ["--option", f"address={ADDRESSES[name]}"]
            near = [] if name == "vip" else ["--together", "vip"]
            self.add(name, "--kind", "address", "--mode", mode, *address, *near)
        command = f"command={json.dumps(self.witnesses.job)}"
        self.add("job", "--kind", "process", "--option", command, "--together", "vip")

    def add(self, name: str, *words: str) -> None:
        self.tandem("resource", "add", name, *words)

    def remove(self) -> None:
        for name in reversed(RESOURCES):
            self.tandem("resource", "remove", name, "--yes")

    def resources(self) -> dict[str, dict[str, Any]]:
        living = [it for it in self.cluster.living if not self.is_frozen(it.name)]
        return {it["resource_id"]: it for it in client(living[0]).status()["resources"]}

    def is_frozen(self, name: str) -> bool:
        return bool(self.lab.book.load().host(name).frozen)

    def settle(self) -> str:
        """Until all three run on one node for a while, and all nodes are well; returns on which."""
        self.cluster.wait_until_nodes_answer()

        since_s = boot_s()
        where = ""

        def missing() -> str:
            nonlocal since_s, where
            found = {name: it for name, it in self.resources().items() if name in RESOURCES}
            nodes = {node for it in found.values() for node in it["nodes"]}
            states = {it["state"] for it in found.values()}
            now = "".join(nodes) if len(nodes) == 1 and states == {"running"} else ""
            if not now or now != where or self.moved(since_s, now):
                since_s, where = boot_s(), now
            is_settled = boot_s() - since_s > STEADY_S and not self.lacks(since_s)
            return "" if now and is_settled else json.dumps(found)

        wait_for(missing, "all run on one node", 60.0, SystemClock())
        return where

    def moved(self, since_s: float, node: str) -> bool:
        """Whether the job was at work elsewhere, or began anew, since then."""
        lines = self.witnesses.lines(since_s)
        return {it.node for it in lines} != {node} or len({it.token for it in lines}) != 1

    def lacks(self, since_s: float, other_than: str = "") -> str:
        """What was not seen at work since then."""
        there = {name: bool(self.witnesses.answers_s(name, since_s)) for name in ADDRESSES}
        nodes = {line.node for line in self.witnesses.lines(since_s)}
        there["job"] = bool(nodes - {other_than})
        return ", ".join(name for name, is_there in there.items() if not is_there)

    def signal(self, name: str, word: str, *patterns: str) -> None:
        pids = [pid for pattern in patterns for pid in self.lab.host(name).pids(pattern)]
        assert pids, f"nothing of {patterns} runs on {name}"
        self.lab.host(name).run(["kill", f"-{word}", *map(str, pids)])

    def start_agent(self, name: str) -> None:
        """As the service manager does."""
        host = self.lab.host(name)

        def running() -> str:
            return "it runs" if host.pids(services.AGENT) else ""

        wait_for(running, "it ended", 30.0, SystemClock())
        services.start(host, self.cluster.record)

    def outages_s(self, since_s: float) -> dict[str, float]:
        """The longest silence of each since then."""
        found = {name: outage_s(self.witnesses.answers_s(name, since_s)) for name in ADDRESSES}
        return found | {"job": outage_s([it.at_s for it in self.witnesses.lines(since_s)])}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("exclusive") / "lab"
    cluster = LabCluster.up(directory, PLAN, Steps(lambda _: None, SystemClock()))
    try:
        site = Site(cluster)
        site.witnesses.ask(user_of(cluster.lab))
        yield site
    finally:
        cluster.lab.down()


@pytest.fixture
def site(whole: Site) -> Iterator[Site]:
    whole.define()
    yield whole
    for node in whole.cluster.nodes:  # what a test that failed left undone
        whole.lab.thaw(node.name) if node.is_on else whole.cluster.start(node.name)
        if not node.pids(services.AGENT):
            whole.start_agent(node.name)
    whole.remove()


Hurt = Callable[[Site, str], None]


def power_loss(site: Site, owner: str) -> None:
    site.lab.kill(owner)


def freeze(site: Site, owner: str) -> None:
    site.lab.freeze(owner)


def agent_killed(site: Site, owner: str) -> None:
    site.signal(owner, "KILL", services.AGENT)


def pulse_killed(site: Site, owner: str) -> None:
    site.signal(owner, "KILL", services.PULSE)


def both_killed(site: Site, owner: str) -> None:
    site.signal(owner, "KILL", services.AGENT, services.PULSE)


def orderly_end(site: Site, owner: str) -> None:
    site.signal(owner, "TERM", services.AGENT)


def mend(site: Site, hurt: Hurt, owner: str, seen: Seen) -> None:
    if hurt is power_loss:
        site.cluster.start(owner)
        seen.add(site.lab, owner)
    elif hurt is freeze:
        site.lab.thaw(owner)
    else:
        site.start_agent(owner)


def elsewhere(site: Site, seen: Seen, owner: str) -> str:
    """Which addresses are still on their old node, or on none."""
    hosts = {name: seen.on(ip) for name, ip in ADDRESSES.items()}
    return ", ".join(name for name, on in hosts.items() if not on or owner in on)


def never_twice(site: Site, seen: Seen, since_s: float) -> None:
    assert ADDRESSES["vip"] not in seen.twice
    assert not doubled(site.witnesses.lines(since_s))


def say(what: str, outages_s: dict[str, float], seen: Seen) -> None:
    told = ", ".join(f"{name} {outage * 1000:.0f} ms" for name, outage in outages_s.items())
    soft = "; page was on two nodes" if ADDRESSES["page"] in seen.twice else ""
    print(f"\n{what}: {told}{soft} (looked each {seen.blind_s * 1000:.0f} ms at worst)")  # noqa: T201


def say_why(site: Site) -> None:
    """What the cluster says of all of them, for whoever looks for the reason."""
    print(json.dumps(site.resources(), indent=1))  # noqa: T201


@pytest.mark.parametrize(
    "hurt", [power_loss, freeze, agent_killed, pulse_killed, both_killed, orderly_end]
)
def test_what_ran_there_runs_on_the_next_and_never_on_both(site: Site, hurt: Hurt) -> None:
    owner = site.settle()
    names = [it.name for it in site.cluster.nodes]
    with watched(site.lab, names, frozenset(ADDRESSES.values())) as seen:
        began_s = boot_s()
        hurt(site, owner)
        try:
            wait_for(
                lambda: elsewhere(site, seen, owner),
                "addresses are elsewhere",
                SOON_S,
                SystemClock(),
            )
        except LabError:
            say_why(site)
            raise
        there_s = boot_s()
        wait_for(lambda: site.lacks(there_s, owner), "all run elsewhere", SOON_S, SystemClock())
        outages_s = site.outages_s(began_s - 0.1)
        say(f"{hurt.__name__} of {owner}", outages_s, seen)
        mend(site, hurt, owner, seen)
        site.settle()
        assert len(seen.on(ADDRESSES["vip"])) == 1
        never_twice(site, seen, began_s - 0.1)
    assert max(outages_s.values()) < SOON_S


def test_a_cut_of_one_link_moves_nothing(site: Site) -> None:
    owner = site.settle()
    names = [it.name for it in site.cluster.nodes]
    with watched(site.lab, names, frozenset(ADDRESSES.values())) as seen:
        began_s = boot_s()
        site.lab.cut(owner, "a")
        try:
            until = began_s + QUIET_S
            wait_for(lambda: "" if boot_s() > until else "not yet", "time", 20.0, SystemClock())
            outages_s = site.outages_s(began_s)
            say(f"cut of link a of {owner}", outages_s, seen)
        finally:
            site.lab.heal()
        never_twice(site, seen, began_s)
    assert {it.node for it in site.witnesses.lines(began_s)} == {owner}
    assert len({it.token for it in site.witnesses.lines(began_s)}) == 1
    assert max(outages_s.values()) < UNHURT_S


def test_a_planned_move_waits_for_nobody(site: Site) -> None:
    owner = site.settle()
    target = next(it.name for it in site.cluster.nodes if it.name != owner)
    names = [it.name for it in site.cluster.nodes]
    with watched(site.lab, names, frozenset(ADDRESSES.values())) as seen:
        began_s = boot_s()
        site.tandem("resource", "move", "vip", target)
        assert site.settle() == target
        outages_s = site.outages_s(began_s)
        say(f"move from {owner} to {target}", outages_s, seen)
        never_twice(site, seen, began_s)
    assert max(outages_s.values()) < SOON_S
