"""`tandem check` on real nodes: nothing fails while all is well, and what is broken is found."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tandem.clock import SystemClock
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.hosts import VolumeFault
from tandem.lab.hosts.switch import Direction

pytestmark = [pytest.mark.lab("loop", "nftables"), pytest.mark.real, pytest.mark.timeout(480)]

CHECK: Final = [str(Path(sys.executable).with_name("tandem")), "check", "--json"]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabCluster]:
    directory = tmp_path_factory.mktemp("lab") / "lab"
    steps = Steps(lambda _: None, SystemClock())
    found = LabCluster.up(directory, ClusterPlan(cameras=2), steps)
    yield found
    found.lab.down()


def checked(cluster: LabCluster) -> list[Json]:
    """What `tandem check` says on the first node."""
    command = cluster.nodes[0].command(CHECK)
    asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert asked.stdout, asked.stderr
    document = json.loads(asked.stdout)
    assert "findings" in document, document
    findings: list[Json] = document["findings"]
    fails = any(it["level"] == "fail" for it in findings)
    assert (document["verdict"] == "fail", asked.returncode) == (fails, int(fails))
    return findings


def failures(cluster: LabCluster) -> list[Json]:
    return [it for it in checked(cluster) if it["level"] == "fail"]


def wait_until_well(cluster: LabCluster) -> None:
    def bad() -> str:
        return "; ".join(it["evidence"] for it in failures(cluster))

    wait_for(bad, "nothing fails", 60, SystemClock())


def wait_until_found(
    cluster: LabCluster, check: str, why: str, level: str = "fail", node: str | None = None
) -> Json:
    """Until a check says why; returns its finding."""
    last: list[Json] = []

    def missing() -> str:
        last[:] = [
            it
            for it in checked(cluster)
            if (it["check"], it["level"]) == (check, level)
            and why in it["evidence"]
            and node in {None, it["node"]}
        ]
        return "" if last else "it does not say so"

    wait_for(missing, f"{check} says that {why}", 40, SystemClock())
    return last[0]


def test_while_all_is_well_nothing_fails_and_every_node_is_named(cluster: LabCluster) -> None:
    wait_until_well(cluster)
    findings = checked(cluster)
    for name in ("node1", "node2", "node3"):
        own = {it["check"] for it in findings if it["node"] == name}
        assert own >= {"clock", "links", "limits", "ports", "store-disk", "versions", "volumes"}
    evidence = " ".join(it["evidence"] for it in findings)
    assert "All 3 nodes answer." in evidence
    assert "3 members, led by node" in evidence
    assert "No fencing is configured." in evidence
    assert "Any single node may be lost" in evidence
    assert "Links a and b are apart" in evidence
    whole = [it for it in findings if it["check"] == "ways" and it["level"] == "pass"]
    assert {it["node"] for it in whole} == {"node1", "node2", "node3"}
    assert all("packets of 1500 bytes pass" in it["evidence"] for it in whole)
    for link in ("a", "b"):
        for pair in ("node1 and node2", "node1 and node3", "node2 and node3"):
            assert f"Link {link} between {pair} is up" in evidence
    assert all(it["remedy"] for it in findings if it["level"] in {"warn", "fail"})


def test_a_cut_link_is_found_at_both_ends(cluster: LabCluster) -> None:
    cluster.lab.cut("node2", "a")
    wait_until_found(cluster, "links", "Link a between node1 and node2 is down.")
    address = cluster.nodes[1].address("a")
    reached = wait_until_found(cluster, "ports", f"node2, {address}: TCP port 2377")
    assert reached["node"] in {"node1", "node3"}
    cluster.lab.heal()
    wait_until_well(cluster)


def test_a_link_that_works_one_way_only_says_who_hears_nothing(cluster: LabCluster) -> None:
    cluster.lab.cut("node3", "b", [Direction.OUT])
    wait_until_found(cluster, "links", "node1 hears nothing of node3 on link b, while node3 hears")
    cluster.lab.heal()
    wait_until_well(cluster)


def test_large_packets_that_vanish_are_found_though_every_heartbeat_arrives(
    cluster: LabCluster,
) -> None:
    node = cluster.nodes[1]
    name = json.loads(node.run(["ip", "-j", "address", "show", "to", str(node.address("a"))]))[0][
        "ifname"
    ]
    node.run(["ip", "link", "set", name, "mtu", "1442"])
    try:
        found = wait_until_found(
            cluster, "ways", "packets of 1500 bytes, as this machine sends them", node="node1"
        )
        assert "The way to node2, link a" in found["evidence"]
        assert "do not arrive there; those of 1420 do" in found["evidence"]
    finally:
        node.run(["ip", "link", "set", name, "mtu", "1500"])
    wait_until_well(cluster)


@pytest.mark.parametrize(
    ("fault", "level", "why"),
    [
        (VolumeFault.FULL, "warn", "GB free; 0.5 GB are to stay free"),
        (VolumeFault.HUNG, "fail", "There was no answer within"),
        (VolumeFault.READ_ONLY, "fail", "/mnt/v1"),
        (VolumeFault.DESTROYED, "fail", "/mnt/v1"),
    ],
)
def test_a_volume_that_is_broken_is_found_with_its_node(
    cluster: LabCluster, fault: VolumeFault, level: str, why: str
) -> None:
    cluster.lab.break_volume("node2", "v1", fault)
    try:
        wait_until_found(cluster, "volumes", why, level, "node2")
    finally:
        cluster.repair_volume("node2", "v1")
    wait_until_well(cluster)


def test_a_node_that_is_off_is_found_and_the_others_are_still_checked(
    cluster: LabCluster,
) -> None:
    cluster.lab.kill("node3")
    wait_until_found(cluster, "nodes", "node3 does not answer")
    findings = checked(cluster)
    assert {"node1", "node2"} <= {it["node"] for it in findings if it["check"] == "volumes"}
    cluster.start("node3")
    wait_until_well(cluster)
