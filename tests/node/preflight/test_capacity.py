"""Whether the others can carry a node's cameras, or a zone's."""

from typing import Any

import pytest

from tandem.cluster.model import Camera, Node, Protection, Stream
from tandem.node.preflight.capacity import judge
from tandem.node.preflight.finding import Finding, Level


def node(
    node_id: str, mbps: int = 100, disk_mb_s: int = 100, streams: int = 50, zone: str = ""
) -> Node:
    return Node(node_id, (), mbps, disk_mb_s, streams, zone)


def cameras(number: int, mbps: float = 10, protection: Protection = Protection.HOT) -> list[Camera]:
    urls = (Stream("main", "rtsp://192.0.2.1/"),)
    return [Camera(f"c{each}", f"c{each}", urls, protection, mbps) for each in range(number)]


def said(nodes: list[Node], wanted: list[Camera]) -> list[Finding]:
    return list(judge(nodes, {}, wanted))


THREE = [node("n1"), node("n2"), node("n3")]


@pytest.mark.parametrize(
    ("nodes", "wanted", "level", "why"),
    [
        (THREE, cameras(6), Level.PASS, "Any single node may be lost: at worst, without n"),
        (THREE, cameras(12), Level.WARN, "of what it can take (network)."),
        (THREE, cameras(30), Level.FAIL, "is to record 200% of what it can take (network)."),
        ([node(f"n{n}", 10_000, 5) for n in "123"], cameras(10), Level.FAIL, "(disks)"),
        ([node(f"n{n}", streams=4) for n in "123"], cameras(5, 1), Level.WARN, "(streams)"),
        (THREE[:1], cameras(3), Level.WARN, "There is no second node"),
        (THREE[:1], cameras(3, protection=Protection.COLD), Level.PASS, "only node records 30%"),
        ([node("w", streams=0)], cameras(1), Level.FAIL, "Nobody records camera c0"),
        (THREE, [], Level.PASS, "records 0%"),
    ],
)
def test_the_loss_of_one_node(
    nodes: list[Node], wanted: list[Camera], level: Level, why: str
) -> None:
    found = said(nodes, wanted)
    assert [it for it in found if it.level is level and why in it.evidence], found


def zoned(**more: Any) -> list[Node]:
    return [node(f"n{n}", zone="east" if n < 3 else "west", **more) for n in range(1, 5)]


def test_the_loss_of_a_zone_is_more_than_that_of_each_of_its_nodes() -> None:
    found = [it for it in said(zoned(), cameras(12)) if "zone" in it.evidence]
    assert [it.level for it in found] == [Level.WARN, Level.WARN]
    assert found[0].evidence.startswith("If zone east (n1, n2) is lost, n")
    assert "has to record 120% of what it can take" in found[0].evidence
    single = [it for it in said(zoned(), cameras(12)) if "zone" not in it.evidence]
    assert [it.level for it in single] == [Level.PASS]


def test_a_zone_that_may_be_lost_passes_and_one_of_all_nodes_is_not_asked_about() -> None:
    found = [it for it in said(zoned(), cameras(6)) if "zone" in it.evidence]
    assert [it.level for it in found] == [Level.PASS, Level.PASS]
    same = [node(f"n{n}", zone="east") for n in (1, 2, 3)]
    assert not [it for it in said(same, cameras(6)) if "zone" in it.evidence]
