"""Four nodes and one camera, whose recorders, heartbeats and requests are played by seconds.

What is decided, the product decides (`work`, `standing`, `handover`, `turns`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.node.agent.test_work import unseal

from tandem.cluster.duties import Beliefs, Word, silent
from tandem.cluster.model import Camera, Placement
from tandem.node.agent.handover import Handover
from tandem.node.agent.standing import Standing, words_of_pictures
from tandem.node.agent.turns import Turns
from tandem.node.agent.work import work_of
from tandem.recording.camera import StreamName, StreamOrder

NODES = ("n1", "n2", "n3", "n4")
KEY = ("gate", StreamName.MAIN)
PLACED = {"gate": Placement("gate", NODES, 1)}
SECOND_US = 1_000_000
STALL_S = 5
QUIET_S = 5
RECONNECTED_S = 2
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
        elif old.connection != order.connection and order.relay is None:
            self.said |= {"connected": False, "cause": "changed"}
            self.patient_s = RECONNECTED_S

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
        self.turns = Turns(name)
        self.standing = Standing()
        self.recorder = PlayedRecorder()
        self.heard: dict[str, Word] = {}
        self.waited_s: dict[str, int] = {}
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
            waited_s = node.waited_s.get(name, 0) + 1
            if name in self.dead:
                node.heard.pop(name, None)
                waited_s = 0
            elif name in self.dumb:
                if waited_s >= QUIET_S:
                    node.heard.pop(name, None)
            elif name != node.name and (
                self.random.random() < 0.7 or 2 in (waited_s, node.begun_s)
            ):
                node.heard[name] = other.standing.word
                waited_s = 0
            node.waited_s[name] = waited_s

    def view(self, _name: str) -> tuple[Mapping[str, Camera], Mapping[str, Placement]]:
        """What a node knows of the store."""
        return self.cameras, PLACED

    def decide(self, node: PlayedNode) -> None:
        cameras, placements = self.view(node.name)
        unheard = frozenset(NODES) - {node.name} if node.begun_s < 2 else frozenset()
        shown = words_of_pictures(node.handover.orders, {KEY: node.recorder.said})
        words = {**shown, **node.heard, node.name: node.standing.word}
        others = set(NODES) - {node.name}
        quiet = {name for name in others if node.waited_s[name] >= QUIET_S}
        beliefs = Beliefs(
            node.suspected,
            words,
            unheard - node.suspected,
            silent(quiet, others - node.suspected),
        )
        said = {KEY: node.recorder.said} if node.recorder.order else {}
        node.turns.said = said
        if (node.handover.ending or node.turns.waiting) and self.random.random() < 0.7:
            absent = self.dead | (self.dumb - {node.name})
            statuses = {name: self.status(name) for name in NODES if name not in absent}
            own = statuses.pop(node.name)
            node.turns.look(statuses, self.now_us)
            node.handover.release(statuses, cameras, placements, beliefs, own)
        work = work_of(node.name, cameras.values(), placements, beliefs, unseal, LINKS)
        orders = node.handover.streams(work.streams, cameras, placements, beliefs)
        orders = node.turns.streams(orders, cameras, placements, beliefs, self.now_us)
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
        recorder, turns = self.nodes[name].recorder, self.nodes[name].turns
        waits = turns.waits(KEY, recorder.said)
        stream = {"camera_id": "gate", "stream": "main", "waits": waits, **recorder.said}
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
