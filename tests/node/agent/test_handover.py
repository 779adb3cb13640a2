"""Make before break: what a node gives up is recorded until others are seen to have it."""

from typing import Any

from tests.node.agent.material import camera

from tandem.archive.rows import Role
from tandem.cluster.model import Camera, Placement, Protection
from tandem.node.agent.handover import LONGEST_US, SURE_US, Handover
from tandem.node.agent.work import work_of
from tandem.recording.camera import Login, StreamOrder

KEY = ("gate", "main")


def unseal(_camera_id: str, _sealed: str) -> Login:
    raise AssertionError


class Bench:
    """Node n2, which stands in for n1."""

    def __init__(self, one: Camera | None = None) -> None:
        self.cameras = {"gate": one or camera(protection=Protection.FAILOVER)}
        self.placements = {"gate": Placement("gate", ("n1", "n2", "n3"), 1)}
        self.suspected = {"n1"}
        self.handover = Handover("n2")
        self.now_us = 0

    def streams(self) -> tuple[StreamOrder, ...]:
        wanted = work_of(
            "n2", self.cameras.values(), self.placements, self.suspected, unseal
        ).streams
        return self.handover.streams(wanted, self.cameras, self.placements, self.now_us)

    def release(self, **said: Any) -> bool:
        stream = {"camera_id": "gate", "stream": "main", "since_us": 0, "keyframes": 1, **said}
        status = {"at_us": SURE_US, "streams": [stream]}
        return self.handover.release({"n1": status}, self.cameras, self.placements, self.suspected)


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
    assert not bench.release(connected=True, since_us=1)
    assert len(bench.streams()) == 1
    assert bench.release(connected=True)
    assert bench.streams() == ()


def test_it_ends_when_the_camera_refuses_the_other_since_we_hold_on_to_it() -> None:
    bench = returned()
    assert bench.release(connected=False, cause="session-limit")
    assert bench.streams() == ()


def test_it_ends_after_a_while_whoever_records() -> None:
    bench = returned()
    bench.now_us = LONGEST_US - 1
    assert len(bench.streams()) == 1
    bench.now_us = LONGEST_US
    assert bench.streams() == ()
    assert bench.handover.ending == {}


def test_a_node_that_fails_again_meanwhile_begins_no_new_wait() -> None:
    bench = returned()
    bench.suspected = {"n1"}
    assert len(bench.streams()) == 1
    assert bench.handover.ending == {}
    bench.now_us = LONGEST_US * 2
    bench.suspected = set()
    assert len(bench.streams()) == 1


def test_a_camera_that_is_removed_is_given_up_at_once() -> None:
    bench = returned()
    bench.cameras = {"gate": camera(protection=Protection.FAILOVER, removed=True)}
    assert bench.streams() == ()


def test_after_a_planned_move_both_new_nodes_must_be_seen() -> None:
    bench = Bench(camera())
    bench.suspected = set()
    bench.streams()
    bench.placements = {"gate": Placement("gate", ("n1", "n3", "n2"), 2)}
    assert [order.role for order in bench.streams()] == [Role.SECOND]
    assert not bench.release(connected=True), "n3 was not heard of"
    assert len(bench.streams()) == 1
