"""Make before break: what a node gives up is recorded until others are seen to have it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.node.agent.material import camera

from tandem.archive.rows import Role
from tandem.cluster.duties import Beliefs, Word
from tandem.cluster.model import Camera, Placement, Protection, Stream
from tandem.node.agent.handover import BEHIND_US, SURE_US, UNKEPT_US, Handover
from tandem.node.agent.work import work_of
from tandem.recording.camera import Login, Relay, StreamOrder

KEY = ("gate", "main")
NOW_US = 1_000 * SURE_US
SINCE_US = NOW_US - SURE_US
LINKS = {"n1": ("10.0.1.1", "10.0.2.1"), "n3": ("10.0.1.3", "10.0.2.3")}


def unseal(_camera_id: str, _sealed: str) -> Login:
    raise AssertionError


class Bench:
    """Node n2, or another one, which stands in for n1."""

    def __init__(self, one: Camera | None = None, node: str = "n2") -> None:
        self.node = node
        self.cameras = {"gate": one or camera(protection=Protection.FAILOVER)}
        self.placements = {"gate": Placement("gate", ("n1", "n2", "n3"), 1)}
        self.suspected = {"n1"}
        self.words: dict[str, Word] = {}
        self.handover = Handover(node)
        self.until_us: int | None = None

    def streams(self) -> tuple[StreamOrder, ...]:
        beliefs = Beliefs(self.suspected, self.words)
        wanted = work_of(
            self.node, self.cameras.values(), self.placements, beliefs, unseal, LINKS
        ).streams
        return self.handover.streams(wanted, self.cameras, self.placements, beliefs)

    def release(self, at_us: int = 0, **said: Any) -> bool:
        stream = {
            "camera_id": "gate",
            "stream": "main",
            "since_us": SINCE_US,
            "keyframes": 1,
            "durable_until_us": said.get("recorded_until_us"),
            **said,
        }
        status = {"at_us": at_us or NOW_US, "streams": [stream]}
        return self.released({"n1": status})

    def released(self, statuses: dict[str, Any]) -> bool:
        own = {"camera_id": "gate", "stream": "main", "recorded_until_us": self.until_us}
        return self.handover.release(
            statuses,
            self.cameras,
            self.placements,
            Beliefs(self.suspected, self.words),
            {"at_us": NOW_US, "streams": [own]},
        )


def returned() -> Bench:
    """n1 is back, and n2 has noticed."""
    bench = Bench()
    assert len(bench.streams()) == 1
    bench.suspected = set()
    assert len(bench.streams()) == 1
    return bench


def test_who_stood_in_goes_on_when_the_other_node_returns() -> None:
    returned()


def test_it_ends_when_the_other_is_seen_to_record() -> None:
    bench = returned()
    assert not bench.release(connected=False)
    assert not bench.release(connected=True, keyframes=0)
    assert not bench.release(connected=True, since_us=SINCE_US + 1)
    assert len(bench.streams()) == 1
    assert bench.release(connected=True)
    assert bench.streams() == ()


def test_it_does_not_end_for_a_connection_that_a_frozen_node_still_believes_in() -> None:
    bench = returned()
    bench.until_us = NOW_US - SURE_US
    assert not bench.release(connected=True, recorded_until_us=None)
    assert not bench.release(connected=True, recorded_until_us=bench.until_us - BEHIND_US - 1)
    assert len(bench.streams()) == 1
    assert bench.release(connected=True, recorded_until_us=bench.until_us - BEHIND_US)
    assert bench.streams() == ()


def test_it_does_not_end_for_a_node_whose_disks_take_nothing() -> None:
    bench = returned()
    bench.until_us = NOW_US
    assert not bench.release(connected=True, recorded_until_us=NOW_US, durable_until_us=None)
    late_us = NOW_US - UNKEPT_US
    assert not bench.release(connected=True, recorded_until_us=NOW_US, durable_until_us=late_us - 1)
    assert bench.release(connected=True, recorded_until_us=NOW_US, durable_until_us=late_us)


def test_a_camera_that_is_planned_anew_is_recorded_as_before_until_that_is_done() -> None:
    bench = Bench(camera(), "n1")
    bench.suspected = set()
    before = bench.streams()
    placed = bench.placements
    bench.placements = {}
    assert bench.streams() == before
    assert not bench.released({}), "nobody is to record it yet"
    bench.placements = placed
    assert bench.streams() == before
    assert not bench.handover.ending


def test_it_ends_whatever_the_other_nodes_clock_says() -> None:
    bench = returned()
    bench.until_us = NOW_US - SURE_US
    hour_us = 3_600_000_000
    timed_by_itself = {"at_us": NOW_US - hour_us, "since_us": SINCE_US - hour_us}
    assert bench.release(
        connected=True, recorded_until_us=bench.until_us - hour_us, **timed_by_itself
    )


def test_it_ends_when_the_camera_refuses_the_other_since_we_hold_on_to_it() -> None:
    bench = returned()
    assert bench.release(connected=False, cause="session-limit")
    assert bench.streams() == ()


def test_it_goes_on_for_as_long_as_the_other_does_not_record() -> None:
    bench = returned()
    assert not bench.release(connected=False, cause="unreachable")
    assert not bench.released({})
    assert len(bench.streams()) == 1


def test_what_another_release_says_is_no_reason_to_fail() -> None:
    bench = returned()
    odd: dict[str, Any]
    for odd in ({}, {"streams": [{}]}, {"streams": [{"camera_id": "gate", "stream": "main"}]}):
        assert not bench.released({"n1": odd})
    assert not bench.release(connected=True, since_us=None)


def test_a_node_that_fails_again_meanwhile_begins_no_new_wait() -> None:
    bench = returned()
    bench.suspected = {"n1"}
    assert len(bench.streams()) == 1
    assert not bench.handover.ending
    bench.suspected = set()
    assert len(bench.streams()) == 1


def test_a_camera_that_is_removed_is_given_up_at_once() -> None:
    bench = returned()
    bench.cameras = {"gate": camera(protection=Protection.FAILOVER, removed=True)}
    assert bench.streams() == ()


def test_a_stream_that_is_not_to_be_recorded_any_more_is_given_up_at_once() -> None:
    small = Stream("sub", "rtsp://10.0.0.8/small")
    one = camera(protection=Protection.HOT)
    bench = Bench(replace(one, streams=(*one.streams, small)))
    assert len(bench.streams()) == 2
    live_only = replace(small, recorded=False)
    bench.cameras["gate"] = replace(one, streams=(*one.streams, live_only))
    assert [order.key for order in bench.streams()] == [KEY]
    assert not bench.handover.ending


def test_after_a_planned_move_both_new_nodes_must_be_seen() -> None:
    bench = Bench(camera())
    bench.suspected = set()
    bench.streams()
    bench.placements = {"gate": Placement("gate", ("n1", "n3", "n2"), 2)}
    assert [order.role for order in bench.streams()] == [Role.SECOND]
    assert not bench.release(connected=True), "n3 was not heard of"
    assert len(bench.streams()) == 1


@pytest.mark.parametrize(("node", "other", "may"), [("n3", "n4", False), ("n4", "n3", True)])
def test_of_two_that_stand_in_the_last_makes_room_first_and_while_the_other_records(
    node: str, other: str, may: bool
) -> None:
    bench = Bench(camera(protection=Protection.HOT), node)
    bench.placements = {"gate": Placement("gate", ("n1", "n2", "n3", "n4"), 1)}
    bench.suspected = {"n1", "n2"}
    assert len(bench.streams()) == 1
    bench.suspected = set()
    bench.streams()
    said = {"camera_id": "gate", "stream": "main", "since_us": SINCE_US, "keyframes": 1}
    refused = {"at_us": NOW_US, "streams": [{**said, "cause": "session-limit"}]}
    recording = {"at_us": NOW_US, "streams": [{**said, "connected": True}]}
    assert not bench.released({"n1": refused, "n2": refused})
    assert bench.released({"n1": refused, "n2": refused, other: recording}) is may


# --- Who cannot record, and who has a camera's only session --------------------------------------

HOLDS = Word(holds={"gate": {"main": 2381}})


def test_who_is_passed_on_one_stream_gives_up_no_session_of_the_other() -> None:
    streams = (Stream("main", "rtsp://10.0.0.8/1"), Stream("sub", "rtsp://10.0.0.8/2"))
    one = replace(camera(protection=Protection.RELAYED), streams=streams)
    bench = Bench(one, "n2")
    bench.words = {"n2": Word(holds={"gate": {"main": 2381}})}
    assert [it.relay for it in bench.streams()] == [None, None]
    bench.suspected = set()
    bench.words["n1"] = Word(holds={"gate": {"sub": 2382}})
    main, sub = bench.streams()
    assert (main.relay, sub.relay) == (None, Relay("n1", LINKS["n1"], 2382))
    assert not bench.handover.ending


def test_who_stands_in_for_a_node_that_cannot_record_goes_on_until_it_is_seen_to() -> None:
    bench = Bench()
    bench.suspected, bench.words = set(), {"n1": Word(frozenset({KEY}))}
    assert len(bench.streams()) == 1
    assert not bench.handover.ending
    bench.words = {}
    assert len(bench.streams()) == 1
    assert not bench.release(connected=False)
    assert bench.release(connected=True)
    assert bench.streams() == ()


def test_it_is_not_waited_for_a_node_that_cannot_record_but_for_the_next() -> None:
    bench = Bench(camera(protection=Protection.HOT))
    bench.placements = {"gate": Placement("gate", ("n1", "n3", "n4", "n2"), 1)}
    bench.suspected = {"n1", "n3"}
    assert len(bench.streams()) == 1
    bench.suspected, bench.words = set(), {"n1": Word(frozenset({KEY}))}
    bench.streams()
    said = {"camera_id": "gate", "stream": "main", "since_us": SINCE_US, "keyframes": 1}
    recording = {"at_us": NOW_US, "streams": [{**said, "connected": True}]}
    assert not bench.released({"n3": recording})
    assert bench.released({"n3": recording, "n4": recording})


def relayed() -> Bench:
    """n2 has the session of a camera that is to have one; so has n1, which comes first."""
    bench = Bench(camera(protection=Protection.RELAYED))
    bench.streams()
    bench.suspected, bench.words = set(), {"n1": HOLDS, "n2": HOLDS}
    return bench


def test_one_of_two_sessions_is_given_up_when_the_other_node_is_seen_to_record() -> None:
    bench = relayed()
    [order] = bench.streams()
    assert order.relay is None
    assert not bench.release(connected=True, keyframes=0)
    assert bench.release(connected=True)
    [order] = bench.streams()
    assert order.relay is not None
    assert (order.relay.node_id, order.relay.port) == ("n1", 2381)
    assert not bench.handover.ending


def test_a_session_is_kept_though_the_camera_refuses_a_node_that_believed_to_have_another() -> None:
    bench = relayed()
    bench.streams()
    assert not bench.release(connected=False, cause="session-limit")
    assert [order.relay for order in bench.streams()] == [None]


def test_who_only_tries_to_get_a_session_receives_at_once_from_whoever_has_it() -> None:
    bench = relayed()
    bench.words = {"n1": HOLDS}
    [order] = bench.streams()
    assert order.relay is not None
    assert not bench.handover.ending


def test_when_nothing_is_passed_on_any_more_the_camera_itself_is_asked_at_once() -> None:
    bench = relayed()
    bench.words = {"n1": HOLDS}
    bench.streams()
    bench.suspected, bench.words = {"n1"}, {}
    assert [order.relay for order in bench.streams()] == [None]
    assert not bench.handover.ending


def test_who_waits_for_an_offer_asks_where_it_was_passed_on_last() -> None:
    bench = relayed()
    bench.words = {"n1": HOLDS}
    before = bench.streams()
    bench.words = {}
    assert bench.streams() == before
    assert not bench.release(connected=True), "it is to have a copy itself"


def test_after_a_planned_move_the_session_is_given_up_to_whoever_is_refused_for_it() -> None:
    bench = Bench(camera(protection=Protection.RELAYED))
    bench.streams()
    bench.suspected, bench.words = set(), {"n2": HOLDS}
    bench.placements = {"gate": Placement("gate", ("n1", "n3"), 2)}
    assert [order.relay for order in bench.streams()] == [None]
    assert not bench.release(connected=False, cause="unreachable")
    assert bench.release(connected=False, cause="session-limit"), "n3 waits for n1"
    assert bench.streams() == ()
