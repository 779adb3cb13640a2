"""What befalls nodes, links, processes and the store; after each, every picture is counted."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import pytest
from tests.lab.cluster.pictures import UNSURE_US, Found, tell
from tests.lab.cluster.site import (
    CAMERAS,
    MIRRORED,
    PROTECTED,
    WINDOW_S,
    Site,
    site,
)

from tandem.lab.cluster import services
from tandem.lab.cluster.mix import camera_id
from tandem.lab.hosts import Direction
from tandem.node.control.service import AGENT_PORT
from tandem.recording import process as recorder

UNANSWERED: Final = f"""
table inet mute {{
    chain input {{
        type filter hook input priority 0
        iifname != "lo" tcp dport {AGENT_PORT} drop
    }}
}}
"""

pytestmark = [pytest.mark.lab("loop"), pytest.mark.timeout(480)]

AFTER_US = 8_000_000
"""So much is recorded after a fault before it is counted: what is older than 5 s is."""

FROZEN_US = 20_000_000

RECONNECTED_US = 10_000_000
"""Until a camera is asked again, and a keyframe came."""

STARTED_AGAIN_US = 15_000_000
"""Until what was killed is there again, and its cameras have sent a keyframe."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("faults")) as one:
        yield one


@pytest.fixture
def one(shared: Site) -> Site:
    """Each test leaves it as it was; one that failed may not have."""
    shared.mend()
    return shared


def assert_stood_in_for(
    found: Mapping[int, Found], alone: Collection[int], when_us: tuple[int, int, int]
) -> None:
    """Seconds of the cameras that one node alone recorded, and nothing of the others."""
    for number in CAMERAS:
        if number in alone:
            found[number].assert_stood_in_for(*when_us)
        else:
            found[number].assert_whole()


def test_a_node_that_loses_its_power_costs_no_picture_where_two_record_and_seconds_where_one_does(
    one: Site,
) -> None:
    name, asked = "node1", one.node("node2")
    alone = one.recorded_alone_by(name)
    sure_us, lost_us = one.sure_us(name), one.now_us
    one.cluster.lab.kill(name)
    stood_in_s = one.wait_until_recorded(asked)
    told_us = one.now_us
    one.record_until(lost_us + AFTER_US)
    found = one.count_window(lost_us, asked)
    for number in PROTECTED:
        found[number].assert_whole()
    one.cluster.start(name)
    healed_s = one.wait_until_whole()
    found = one.count_window(lost_us)
    tell("loss of power", found, stood_in_s=stood_in_s, healed_s=healed_s)
    assert_stood_in_for(found, alone, (lost_us, sure_us, told_us))


def test_a_frozen_node_costs_no_picture_where_two_record_and_seconds_where_one_does(
    one: Site,
) -> None:
    name, asked = "node1", one.node("node2")
    alone = one.recorded_alone_by(name)
    sure_us, frozen_us = one.sure_us(name), one.now_us
    one.cluster.lab.freeze(name)
    stood_in_s = one.wait_until_recorded(asked)
    told_us = one.now_us
    one.record_until(frozen_us + FROZEN_US)
    found = one.count_window(frozen_us, asked)
    for number in PROTECTED:
        found[number].assert_whole()
    one.cluster.lab.thaw(name)
    healed_s = one.wait_until_whole()
    found = one.count(frozen_us)
    tell("freeze", found, stood_in_s=stood_in_s, healed_s=healed_s)
    assert_stood_in_for(found, alone, (frozen_us, sure_us, told_us))


def cut_and_heal(one: Site, links: list[str]) -> None:
    """Cut links of node2 until that is noticed, record on, and heal them until that is noticed."""
    for link in links:
        one.cluster.lab.cut("node2", link)
    noticed_s = one.wait(lambda: one.heard("node1", "node2", links), f"{links} are cut")
    tell(f"links {links} cut", noticed_s=noticed_s)
    one.record_until(one.now_us + 3_000_000)
    one.cluster.lab.heal("node2")
    one.wait(
        lambda: "" if one.heard("node1", "node2", links) == "".join(links) else "not all",
        f"{links} are there again",
    )


def test_one_link_between_nodes_may_fail_or_all_of_a_node_and_no_picture_is_lost(one: Site) -> None:
    cut_us = one.now_us
    cut_and_heal(one, ["a"])
    cut_and_heal(one, ["b"])
    cut_and_heal(one, ["a", "b"])
    healed_s = one.wait_until_whole()
    found = one.count_window(cut_us)
    tell("links cut", found, healed_s=healed_s)
    for number in CAMERAS:
        found[number].assert_whole()


@pytest.mark.parametrize("cut", Direction)
def test_links_that_work_one_way_only_cost_no_picture(one: Site, cut: Direction) -> None:
    links, name, other = ["a", "b"], "node2", "node1"
    deaf, silent = (name, other) if cut is Direction.IN else (other, name)
    cut_us = one.now_us
    for link in links:
        one.cluster.lab.cut(name, link, {cut})
    noticed_s = one.wait(lambda: one.heard(deaf, silent, links), f"{deaf} is deaf to {silent}")
    assert one.heard(silent, deaf, links) == "".join(links), "it is no cut of one way"
    one.record_until(cut_us + AFTER_US)
    one.cluster.lab.heal(name)
    healed_s = one.wait_until_whole()
    found = one.count_window(cut_us)
    tell(f"links cut, {cut}", found, noticed_s=noticed_s, healed_s=healed_s)
    for number in CAMERAS:
        found[number].assert_whole()


def test_a_node_without_the_cameras_network_costs_nothing_where_two_record(one: Site) -> None:
    name = "node3"
    alone = one.recorded_alone_by(name)
    cut_us = one.now_us
    one.cluster.lab.cut(name, "cameras")

    def connected() -> str:
        return ", ".join(it["camera_id"] for it in one.said_by(name)["streams"] if it["connected"])

    noticed_s = one.wait(connected, f"{name} says that it receives nothing")
    one.cluster.lab.heal(name)
    healed_us = one.now_us
    healed_s = one.wait_until_whole()
    found = one.count_window(cut_us)
    tell("cameras' network cut", found, noticed_s=noticed_s, healed_s=healed_s)
    for number in CAMERAS:
        if number in alone:
            found[number].assert_lost_only(cut_us, healed_us + RECONNECTED_US)
        else:
            found[number].assert_whole()


def test_a_recorder_that_is_killed_while_it_writes_costs_nothing_where_two_record(
    one: Site,
) -> None:
    name = "node1"
    alone = one.recorded_alone_by(name)
    sure_us, killed_us = one.sure_us(name), one.now_us
    for pid in one.recorders(name):
        one.wait_for_a_write(name)
        one.signal(name, [pid], "KILL")
    last_us = one.now_us
    healed_s = one.wait_until_whole()
    found = one.count_window(killed_us)
    tell("recorders killed", found, healed_s=healed_s)
    for number in CAMERAS:
        if number in alone:
            begin_us = min(killed_us - UNSURE_US, sure_us)
            found[number].assert_lost_only(begin_us, last_us + STARTED_AGAIN_US)
        else:
            found[number].assert_whole()


@contextmanager
def left_with_heartbeats(one: Site, name: str) -> Iterator[None]:
    """No recorder of a node lives or can be started, and its agent answers no other node."""
    node, program = one.node(name), str(recorder.__file__)
    pids = one.recorders(name)
    try:
        node.run(["nft", "-f", "-"], given=UNANSWERED)
        node.run(["mount", "-n", "--bind", "/dev/null", program])
        one.signal(name, pids, "KILL")
        yield
    finally:
        undo = 'nft delete table inet mute; umount -n "$1"'
        node.run(["sh", "-c", undo, "sh", program])


@pytest.mark.lab("loop", "nftables")
def test_a_node_with_nothing_left_but_heartbeats_is_stood_in_for(one: Site) -> None:
    name, asked = "node1", one.node("node2")
    alone = one.recorded_alone_by(name)
    sure_us, muted_us = one.sure_us(name), one.now_us
    with left_with_heartbeats(one, name):

        def unrecorded() -> str:
            status = one.status(asked)
            peers = {it["node_id"]: it for it in one.said_by(asked.name)["peers"]}
            assert not peers[name]["suspected"], "its heartbeats are to go on"
            copies = {
                it["camera_id"]: sum(copy["recording"] for copy in it["copies"])
                for it in status["cameras"]
            }
            return ", ".join(
                f"{camera_id(number)} {copies[camera_id(number)]} times"
                for number, level in one.protection.items()
                if copies[camera_id(number)] < level.copies
            )

        stood_in_s = one.wait(unrecorded, "others record all that it did")
        told_us = one.now_us
        one.record_until(told_us + AFTER_US)
        found = one.count_window(muted_us, asked)
        for number in PROTECTED:
            found[number].assert_whole()
    healed_s = one.wait_until_whole()
    found = one.count_window(muted_us)
    tell("nothing left but heartbeats", found, stood_in_s=stood_in_s, healed_s=healed_s)
    assert_stood_in_for(found, alone, (muted_us, sure_us, told_us))


def test_an_agent_that_is_killed_and_started_again_costs_nothing_where_two_record(
    one: Site,
) -> None:
    name = "node3"
    alone = one.recorded_alone_by(name)
    sure_us, killed_us = one.sure_us(name), one.now_us
    one.signal(name, one.node(name).pids(services.AGENT), "KILL")
    one.wait(
        lambda: "recorders" if one.node(name).pids("recording.process") else "", "all end with it"
    )
    one.start_services(name)
    healed_s = one.wait_until_whole()
    found = one.count_window(killed_us)
    tell("agent killed", found, healed_s=healed_s)
    for number in CAMERAS:
        if number in alone:
            begin_us = min(killed_us - UNSURE_US, sure_us)
            found[number].assert_lost_only(begin_us, killed_us + STARTED_AGAIN_US)
        else:
            found[number].assert_whole()


def test_the_store_of_a_node_may_be_killed_and_no_picture_is_lost(one: Site) -> None:
    name = "node2"
    (pid,) = one.node(name).pids(services.ETCD)
    killed_us = one.now_us
    one.signal(name, [pid], "KILL")
    one.wait(
        lambda: "" if one.node(name).pids(services.ETCD) not in ([], [pid]) else "it is not",
        "etcd is started again",
    )
    one.record_until(killed_us + AFTER_US)
    healed_s = one.wait_until_whole()
    found = one.count_window(killed_us)
    tell("etcd of a node killed", found, healed_s=healed_s)
    for number in CAMERAS:
        found[number].assert_whole()


def test_without_the_store_recording_goes_on_a_dead_node_is_stood_in_for_and_one_starts_from_memory(
    one: Site,
) -> None:
    name, asked = "node3", one.node("node1")
    alone = one.recorded_alone_by(name)
    stopped_us = one.now_us
    stopped = {node.name: node.pids(services.ETCD) for node in one.cluster.nodes}
    for node, pids in stopped.items():
        one.signal(node, pids, "STOP")
    one.wait(lambda: "" if one.said_by("node1")["store"]["problem"] else "it does", "etcd is gone")
    one.record_until(stopped_us + 5_000_000)
    sure_us, lost_us = one.sure_us(name), one.now_us
    one.cluster.lab.kill(name)
    stood_in_s = one.wait_until_recorded(asked)
    told_us = one.now_us
    one.record_until(lost_us + AFTER_US)
    found = one.count_window(stopped_us, asked)
    for number in PROTECTED:
        found[number].assert_whole()
    one.cluster.start(name)

    def unrecorded() -> str:
        streams = one.said_by(name)["streams"]
        return "" if streams and all(it.get("durable_until_us") for it in streams) else str(streams)

    memory_s = one.wait(unrecorded, f"{name} records what it remembers")
    assert one.said_by(name)["session"]["renewed_us"] is None
    for node in ("node1", "node2"):
        one.signal(node, stopped[node], "CONT")
    healed_s = one.wait_until_whole()
    found = one.count_window(stopped_us)
    tell("no store", found, stood_in_s=stood_in_s, memory_s=memory_s, healed_s=healed_s)
    assert_stood_in_for(found, alone, (lost_us, sure_us, told_us))


def test_a_node_that_is_gone_is_replaced_and_a_second_fault_loses_nothing_either(one: Site) -> None:
    gone, asked = "node3", one.node("node1")
    gone_us = one.now_us
    one.cluster.lab.kill(gone)

    def still_placed() -> str:
        cameras = one.status(asked)["cameras"]
        return ", ".join(
            camera["camera_id"] for camera in cameras if gone in camera["placement"]["nodes"][:2]
        )

    replaced_s = one.wait(still_placed, "others take its cameras", 240)
    healed_s = one.wait_for_copies(asked)
    lost_us = one.now_us
    one.cluster.lab.kill("node2")
    one.record_until(lost_us + AFTER_US)
    found = one.count_window(lost_us, asked)
    mirrored = one.count(gone_us - WINDOW_S * 1_000_000, asked)[MIRRORED]
    tell("second fault", found, replaced_s=replaced_s, healed_s=healed_s)
    for number in PROTECTED:
        found[number].assert_whole()
    mirrored.assert_whole()
