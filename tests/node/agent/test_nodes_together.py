"""Four nodes, one camera, and what each believes a little late: who ends up recording, and stays.

The product's decisions (`work`, `standing`, `handover`) run as they are; recorders, heartbeats and
requests between nodes are played, a second at a time. All that is asked for is what must hold once
nothing happens any more: somebody records if anybody can, no more than should, and nobody changes.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.node.agent.material import camera
from tests.node.agent.test_work import unseal

from tandem.cluster.duties import Beliefs, Word
from tandem.cluster.model import Camera, Placement, Protection
from tandem.node.agent.handover import Handover
from tandem.node.agent.standing import Standing, words_of_pictures
from tandem.node.agent.work import work_of
from tandem.recording.camera import StreamName, StreamOrder

NODES = ("n1", "n2", "n3", "n4")
KEY = ("gate", StreamName.MAIN)
PLACED = {"gate": Placement("gate", NODES, 1)}
SECOND_US = 1_000_000
SETTLED_S = 120
"""Long after all patience of all parts."""

STALL_S = 5
LINKS = dict.fromkeys(NODES, ("10.0.1.1",))
PORT = 2381


@dataclass
class PlayedRecorder:
    """The recorder of one node: what it was told, and how its one stream is."""

    order: StreamOrder | None = None
    said: dict[str, Any] = field(default_factory=dict)
    silent_s: int = 0
    patient_s: int = 0

    @property
    def has_session(self) -> bool:
        return bool(self.order and self.order.relay is None and self.said.get("connected"))

    def tell(self, order: StreamOrder | None) -> None:
        old, self.order = self.order, order
        if old is None or order is None or old.relay != order.relay:
            self.said = {"connected": False, "cause": None, "since_us": 0, "keyframes": 0}

    def fail(self, cause: str, now_us: int, patient_s: int = 0) -> None:
        if self.said["connected"]:
            self.said["since_us"] = now_us
        self.said |= {"connected": False, "cause": cause}
        self.patient_s = patient_s

    def go_on(self, now_us: int) -> None:
        """One more second of pictures."""
        if not self.said["connected"]:
            self.said |= {"connected": True, "cause": None, "since_us": now_us}
        self.silent_s = 0
        self.said |= {"recorded_until_us": now_us, "durable_until_us": now_us - 2}
        self.said["keyframes"] += 1


class PlayedNode:
    def __init__(self, name: str) -> None:
        self.name = name
        self.handover = Handover(name)
        self.standing = Standing()
        self.recorder = PlayedRecorder()
        self.heard: dict[str, Word] = {}
        self.suspected: frozenset[str] = frozenset()
        self.begun_s = 0


class World:
    """The nodes and their camera, by seconds."""

    def __init__(self, one: Camera, sessions: int, seed: int) -> None:
        self.cameras = {"gate": one}
        self.sessions = sessions
        self.random = Random(seed)
        self.now_us = 1_000 * SECOND_US
        self.nodes = {name: PlayedNode(name) for name in NODES}
        self.dead: set[str] = set()
        self.cut: set[str] = set()
        self.diskless: set[str] = set()
        self.dumb: set[str] = set()
        self.camera_is_on = True

    def kill(self, name: str) -> None:
        self.dead.add(name)

    def start(self, name: str) -> None:
        if name in self.dead:
            self.dead.remove(name)
            self.nodes[name] = PlayedNode(name)

    def run(self, seconds: int) -> list[dict[str, str]]:
        """Go on; returns who recorded from where, at the end of each second."""
        return [self.step() for _ in range(seconds)]

    def step(self) -> dict[str, str]:
        self.now_us += SECOND_US
        living = [self.nodes[name] for name in NODES if name not in self.dead]
        self.random.shuffle(living)
        for node in living:
            self.hear(node)
            self.decide(node)
            self.record(node)
        return {node.name: _told(node.recorder.order) for node in self.nodes.values()
                if node.name not in self.dead and node.recorder.order}  # fmt: skip

    def hear(self, node: PlayedNode) -> None:
        """Now and then; words are a second or two late, suspicion is not."""
        node.begun_s += 1
        node.suspected = frozenset(self.dead)
        for name, other in self.nodes.items():
            if name in self.dead | self.dumb:
                node.heard.pop(name, None)
            elif name != node.name and (self.random.random() < 0.7 or node.begun_s == 2):
                node.heard[name] = other.standing.word

    def decide(self, node: PlayedNode) -> None:
        unheard = frozenset(NODES) - {node.name} if node.begun_s < 2 else frozenset()
        shown = words_of_pictures(node.handover.orders, {KEY: node.recorder.said})
        words = {**shown, **node.heard, node.name: node.standing.word}
        beliefs = Beliefs(node.suspected, words, unheard - node.suspected)
        if node.handover.ending and self.random.random() < 0.7:
            statuses = {name: self.status(name) for name in NODES if name not in self.dead}
            own = statuses.pop(node.name)
            node.handover.release(statuses, self.cameras, PLACED, beliefs, own)
        work = work_of(node.name, self.cameras.values(), PLACED, beliefs, unseal, LINKS)
        orders = node.handover.streams(work.streams, self.cameras, PLACED, beliefs)
        node.recorder.tell(orders[0] if orders else None)
        said = {KEY: node.recorder.said} if node.recorder.order else {}
        node.standing.look(orders, said, node.heard, self.now_us)

    def record(self, node: PlayedNode) -> None:
        recorder = node.recorder
        if (order := recorder.order) is None:
            return
        if order.relay:
            self.receive(recorder, self.nodes[order.relay.node_id])
        elif not self.camera_is_on or node.name in self.cut:
            recorder.silent_s += 1
            if not recorder.said["connected"] or recorder.silent_s >= STALL_S:
                stalled = recorder.said["connected"]
                cause = "stalled" if stalled else "unreachable"
                recorder.fail(cause, self.now_us, self.random.randint(0, 4))
        elif not recorder.said["connected"] and recorder.patient_s:
            recorder.patient_s -= 1
        elif recorder.said["connected"] or self.has_room():
            recorder.go_on(self.now_us)
            recorder.said["relay_port"] = PORT if order.relays else None
        else:
            recorder.fail("session-limit", self.now_us, self.random.randint(0, 4))
        if node.name in self.diskless:
            recorder.said["durable_until_us"] = 7

    def receive(self, recorder: PlayedRecorder, source: PlayedNode) -> None:
        if source.name in self.dead or not source.recorder.has_session:
            recorder.fail("unreachable", self.now_us)
        elif not source.recorder.silent_s:
            recorder.go_on(self.now_us)

    def has_room(self) -> bool:
        taken = [it for it in self.nodes.values() if it.recorder.has_session]
        return len([it for it in taken if it.name not in self.dead]) < self.sessions

    def status(self, name: str) -> dict[str, Any]:
        recorder = self.nodes[name].recorder
        stream = {"camera_id": "gate", "stream": "main", **recorder.said}
        return {"at_us": self.now_us, "streams": [stream] if recorder.order else []}

    @property
    def copies(self) -> dict[str, str]:
        """Who records with success, and from where."""
        return {
            name: _told(node.recorder.order)
            for name, node in self.nodes.items()
            if name not in self.dead and node.recorder.order and node.recorder.said["connected"]
        }


def _told(order: StreamOrder | None) -> str:
    return order.relay.node_id if order and order.relay else "camera"


def world(protection: Protection, seed: int = 1, sessions: int | None = None) -> World:
    usual = 1 if protection is Protection.RELAYED else 9
    return World(camera(protection=protection), sessions or usual, seed)


def settled(one: World) -> dict[str, str]:
    """Nothing happens any more; returns who records from where then."""
    one.run(SETTLED_S)
    seen = one.run(60)
    assert all(each == seen[0] for each in seen), Counter(str(each) for each in seen)
    return one.copies


FAILURES = ["kill", "cut", "diskless"]
faults = st.lists(
    st.tuples(st.sampled_from(["kill", "start", "cut", "heal", "camera"]),
              st.sampled_from(NODES), st.integers(1, 40)),
    max_size=8,
)  # fmt: skip
levels = st.sampled_from([level for level in Protection if level is not Protection.COLD])


def befall(one: World, what: str, name: str) -> None:
    match what:
        case "kill":
            one.kill(name)
        case "start":
            one.start(name)
        case "cut":
            one.cut.add(name)
        case "heal":
            one.cut.discard(name)
        case "camera":
            one.camera_is_on = not one.camera_is_on


@settings(max_examples=60, deadline=None)
@given(levels, faults, st.integers(0, 9999))
def test_whatever_happened_somebody_records_in_the_end_and_nobody_changes_any_more(
    protection: Protection, happens: list[tuple[str, str, int]], seed: int
) -> None:
    one = world(protection, seed)
    one.run(10)
    for what, name, seconds in happens:
        befall(one, what, name)
        one.run(seconds)
    found = settled(one)
    reaching = [name for name in NODES if name not in one.dead | one.cut]
    if one.camera_is_on and reaching:
        assert "camera" in found.values(), found
        living = len(NODES) - len(one.dead)
        able = living if protection is Protection.RELAYED else len(reaching)
        assert len(found) >= min(protection.copies, able), found
    for name, source in found.items():
        assert source == "camera" or found.get(source) == "camera", (name, found)


@pytest.mark.parametrize("protection", [Protection.FAILOVER, Protection.HOT, Protection.MIRROR])
def test_after_all_is_mended_those_record_who_should(protection: Protection) -> None:
    one = world(protection)
    for what in FAILURES:
        {"kill": one.dead, "cut": one.cut, "diskless": one.diskless}[what].add("n1")
        found = settled(one)
        assert len(set(found) - {"n1"}) == protection.copies, (what, found)
        one.start("n1")
        one.cut.clear()
        one.diskless.clear()
        assert list(settled(one)) == list(NODES[: protection.copies]), what


def test_a_dead_camera_is_tried_by_all_and_by_nobody_by_turns() -> None:
    one = world(Protection.FAILOVER)
    one.run(20)
    one.camera_is_on = False
    assert settled(one) == {}
    assert one.step() == dict.fromkeys(NODES, "camera")
    one.camera_is_on = True
    assert settled(one) == {"n1": "camera"}


@pytest.mark.parametrize("seed", range(8))
def test_a_camera_with_just_two_sessions_that_was_away_is_left_to_nobody_for_no_moment(
    seed: int,
) -> None:
    one = world(Protection.HOT, seed, sessions=2)
    one.run(20)
    one.camera_is_on = False
    one.run(60)
    one.camera_is_on = True
    while not one.copies:
        one.step()
    for _ in range(120):
        one.step()
        assert one.copies
    assert settled(one) == {"n1": "camera", "n2": "camera"}


def test_the_session_of_a_relayed_camera_stays_where_it_is_when_a_node_returns() -> None:
    one = world(Protection.RELAYED)
    assert settled(one) == {"n1": "camera", "n2": "n1"}
    one.kill("n1")
    assert settled(one) == {"n2": "camera", "n3": "n2"}
    one.start("n1")
    returning = one.run(60)
    assert all(each.get("n2") == "camera" for each in returning)
    assert not any(each.get("n1") == "camera" for each in returning)
    assert settled(one) == {"n1": "n2", "n2": "camera"}


def test_a_node_whose_words_do_not_come_keeps_its_session_while_its_pictures_come() -> None:
    one = world(Protection.RELAYED)
    one.run(20)
    one.kill("n1")
    one.run(20)
    one.start("n1")
    assert settled(one) == {"n1": "n2", "n2": "camera"}
    one.dumb.add("n2")  # its heartbeats come, its answers do not
    assert all(each["n1"] == "n2" for each in one.run(60))
    one.cut.add("n2")
    assert settled(one)["n1"] == "camera"


def test_a_relayed_camera_that_one_node_cannot_reach_is_passed_on_to_it() -> None:
    one = world(Protection.RELAYED)
    one.run(20)
    one.cut.add("n1")
    assert settled(one) == {"n1": "n2", "n2": "camera"}


def test_who_has_the_session_and_lost_its_disks_passes_on_to_two_others() -> None:
    one = world(Protection.RELAYED)
    one.run(20)
    one.diskless.add("n1")
    assert settled(one) == {"n1": "camera", "n2": "n1", "n3": "n1"}
    one.diskless.clear()
    assert settled(one) == {"n1": "camera", "n2": "n1"}


def test_where_a_relayed_camera_allows_two_sessions_one_is_given_up_after_a_while() -> None:
    one = world(Protection.RELAYED, sessions=9)
    one.run(20)
    one.nodes["n2"].suspected = frozenset({"n1"})
    one.nodes["n2"].recorder.order = None
    one.kill("n1")
    one.run(20)
    one.dead.clear()  # it was frozen, and still believes in its session
    assert len(settled(one)) == 2
    assert list(one.copies.values()).count("camera") == 1
