"""A camera that is to be asked in another way: by one node after the other."""

from dataclasses import replace
from typing import Any

import pytest
from tests.node.agent.material import camera

from tandem.archive.rows import Role
from tandem.cluster.duties import Beliefs, Word
from tandem.cluster.model import Camera, Placement, Protection
from tandem.node.agent.handover import SURE_US
from tandem.node.agent.turns import EARLIER_US, MOST_US, Turns
from tandem.node.agent.work import work_of
from tandem.recording.camera import Login, StreamName, StreamOrder

KEY = ("gate", StreamName.MAIN)
CONNECTED = {"connected": True, "keyframes": 7, "cause": None}
SECOND_US = 1_000_000
NOW_US = 1_000 * SECOND_US
UTC_US = 1_700_000_000 * SECOND_US
OLD, NEW = "tcp", "udp"
LINKS = {"n1": ("10.0.1.1",)}


def unseal(_camera_id: str, _sealed: str) -> Login:
    raise AssertionError


class Bench:
    """A node that records a camera; it knows of nothing but what a test says."""

    def __init__(self, node: str = "n2", one: Camera | None = None) -> None:
        self.node = node
        self.camera = one or camera()
        self.placements = {"gate": Placement("gate", ("n1", "n2", "n3"), 1)}
        self.suspected: set[str] = set()
        self.words: dict[str, Word] = {}
        self.now_us = NOW_US
        self.turns = Turns(node)
        self.turns.said = {KEY: CONNECTED}
        self.order()

    def order(self, **changed: Any) -> StreamOrder | None:
        self.camera = replace(self.camera, **changed)
        beliefs = Beliefs(self.suspected, self.words)
        wanted = work_of(self.node, [self.camera], self.placements, beliefs, unseal, LINKS).streams
        cameras = {"gate": self.camera}
        told = self.turns.streams(wanted, cameras, self.placements, beliefs, self.now_us)
        return told[0] if told else None

    def transport(self, **changed: Any) -> str:
        order = self.order(**changed)
        assert order is not None
        return order.transport

    def look(self, age_us: int = 0, node: str = "n1", **said: Any) -> bool:
        """Look at a node that has been connected for so long."""
        stream = {"camera_id": "gate", "stream": "main", "since_us": UTC_US - age_us}
        status = {"at_us": UTC_US, "streams": [{**stream, **CONNECTED, **said}]}
        return self.turns.look({node: status}, self.now_us)


def waiting() -> Bench:
    """n1 is about to change, and n2 waits for it; n1 was connected long before."""
    bench = Bench()
    assert bench.transport(transport=NEW) == OLD
    bench.now_us += SURE_US
    return bench


def test_the_first_node_changes_while_another_is_seen_to_record() -> None:
    bench = Bench("n1")
    assert bench.transport(transport=NEW) == OLD
    assert not bench.look(MOST_US, node="n2"), "that may be what it said before the change"
    bench.now_us += SURE_US
    assert not bench.look(MOST_US, node="n2", connected=False), "it changes itself, by another word"
    assert not bench.look(MOST_US, node="n2", cause="changed")
    assert not bench.look(SURE_US - 1, node="n2")
    assert bench.transport() == OLD
    assert bench.look(MOST_US, node="n2")
    assert bench.transport() == NEW
    assert not bench.turns.waiting


def test_the_first_node_relies_on_nobody_who_may_be_making_room_for_the_next() -> None:
    bench = Bench("n1")
    bench.order(transport=NEW)
    bench.now_us += SURE_US
    assert not bench.look(MOST_US, node="n3")
    bench.suspected = {"n2"}
    assert bench.transport() == OLD
    assert bench.look(MOST_US, node="n3"), "now it is the one that is to"


def test_the_first_node_changes_in_the_end_though_nobody_is_seen_to_record() -> None:
    bench = Bench("n1")
    bench.order(transport=NEW)
    bench.now_us += MOST_US
    assert bench.turns.look({}, bench.now_us)
    assert bench.transport() == NEW


@pytest.mark.parametrize("level", [Protection.COLD, Protection.FAILOVER])
def test_who_is_to_record_alone_changes_at_once(level: Protection) -> None:
    bench = Bench("n1", camera(protection=level))
    assert bench.transport(transport=NEW) == NEW
    assert not bench.turns.waiting


def test_the_first_node_waits_for_nobody_who_cannot_record() -> None:
    bench = Bench("n1")
    bench.suspected, bench.words = {"n3"}, {"n2": Word(frozenset({KEY}))}
    assert bench.transport(transport=NEW) == NEW


def test_who_becomes_the_first_while_the_other_changes_waits_until_that_one_records() -> None:
    bench = waiting()
    bench.placements = {"gate": Placement("gate", ("n2", "n1", "n3"), 2)}
    assert bench.transport() == OLD
    assert not bench.look(0, connected=False)
    assert bench.look(SURE_US)
    assert bench.transport() == NEW


def test_the_next_goes_on_until_the_first_is_seen_to_record_anew() -> None:
    bench = waiting()
    assert not bench.look(MOST_US), "that is the connection that it had before"
    assert not bench.look(SURE_US, cause="changed"), "no picture came of it yet"
    assert not bench.look(SURE_US, connected=False)
    assert not bench.look(SURE_US, waits=True), "its connection is young, and made in the old way"
    assert not bench.look(SURE_US - 1)
    assert not bench.look(SURE_US + EARLIER_US + 1)
    assert bench.transport() == OLD
    assert bench.look(SURE_US)
    assert bench.transport() == NEW
    assert not bench.turns.waiting


def test_a_connection_that_is_to_be_made_anew_is_told_apart_until_it_is_made() -> None:
    bench = waiting()
    bench.turns.said = {KEY: {**CONNECTED, "since_us": 5}}
    assert bench.turns.waits(KEY, {**CONNECTED, "since_us": 5})
    assert bench.look(SURE_US)
    assert bench.transport() == NEW
    assert bench.turns.waits(KEY, {**CONNECTED, "since_us": 5}), "nothing newer was said yet"
    assert not bench.turns.waits(KEY, {**CONNECTED, "since_us": 6})
    assert not bench.turns.waits(KEY, {})


def test_what_was_said_before_the_change_could_be_seen_counts_for_nothing() -> None:
    bench = Bench()
    bench.order(transport=NEW)
    bench.now_us += SURE_US - 1
    assert not bench.look(SURE_US)


def test_a_node_that_says_nothing_or_cannot_record_is_waited_for_but_not_for_ever() -> None:
    bench = waiting()
    bench.words = {"n1": Word(frozenset({KEY}))}
    assert bench.transport() == OLD
    assert not bench.turns.look({}, bench.now_us)
    assert not bench.turns.look({"n1": {}}, bench.now_us)
    bench.now_us = NOW_US + MOST_US
    assert bench.turns.look({}, bench.now_us)
    assert bench.transport() == NEW


def test_for_a_node_that_is_suspected_nobody_waits() -> None:
    bench = waiting()
    bench.suspected = {"n1", "n3"}
    assert bench.transport() == NEW


def test_for_who_stands_in_for_the_first_the_next_one_waits() -> None:
    bench = waiting()
    bench.suspected = {"n1"}
    assert bench.transport() == OLD
    assert not bench.look(SURE_US, node="n3", connected=False)
    assert bench.look(SURE_US, node="n3")
    assert bench.transport() == NEW


def test_who_stands_in_waits_for_any_that_is_before_it() -> None:
    bench = Bench("n3", camera(protection=Protection.HOT))
    bench.suspected = {"n1"}
    bench.order()
    assert bench.transport(transport=NEW) == OLD
    bench.now_us += SURE_US
    assert not bench.look(SURE_US, node="n1"), "it is suspected"
    assert bench.look(SURE_US, node="n2")
    assert bench.transport() == NEW


def test_what_does_not_come_here_is_asked_for_in_the_new_way_at_once() -> None:
    bench = Bench()
    bench.turns.said = {KEY: {"connected": False, "cause": "unauthorised"}}
    assert bench.transport(transport=NEW) == NEW
    bench = waiting()
    bench.turns.said = {}
    assert bench.look(MOST_US)
    assert bench.transport() == NEW


def test_all_else_of_an_order_is_carried_out_at_once() -> None:
    bench = waiting()
    bench.placements = {"gate": Placement("gate", ("n3", "n2", "n1"), 2)}
    order = bench.order(name="North gate")
    assert order is not None
    assert (order.camera_name, order.role, order.transport) == ("North gate", Role.SECOND, OLD)


def test_what_no_connection_depends_on_makes_nobody_wait() -> None:
    bench = Bench()
    order = bench.order(name="North gate", keep_s=60, window_s=60, bit_rate_mbps=9.0)
    assert order is not None
    assert order.camera_name == "North gate"
    assert not bench.turns.waiting


def test_another_change_meanwhile_is_waited_for_anew_and_one_taken_back_is_none() -> None:
    bench = waiting()
    bench.order(audio=True)
    assert not bench.look(SURE_US)
    assert bench.transport(transport=OLD, audio=False) == OLD
    assert not bench.turns.waiting


def test_a_removed_camera_is_not_waited_for() -> None:
    bench = waiting()
    assert bench.order(removed=True) is None
    assert not bench.turns.waiting


@pytest.mark.parametrize("holder", ["n1", "n2"])
def test_where_there_is_one_session_there_is_nothing_to_wait_for(holder: str) -> None:
    bench = Bench("n2", camera(protection=Protection.RELAYED))
    bench.words = {holder: Word(holds={"gate": {"main": 2381}})}
    bench.order()
    bench.order(transport=NEW)
    assert not bench.turns.waiting
