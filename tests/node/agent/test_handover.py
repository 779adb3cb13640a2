"""Make before break: what a node gives up is recorded until others are seen to have it."""

from typing import Any

from tests.node.agent.material import camera

from tandem.archive.rows import Role
from tandem.cluster.model import Camera, Placement, Protection
from tandem.node.agent.handover import SURE_US, Handover
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

    def streams(self) -> tuple[StreamOrder, ...]:
        wanted = work_of(
            "n2", self.cameras.values(), self.placements, self.suspected, unseal
        ).streams
        return self.handover.streams(wanted, self.cameras, self.placements)

    def release(self, **said: Any) -> bool:
        stream = {"camera_id": "gate", "stream": "main", "since_us": 1000, "keyframes": 1, **said}
        status = {"at_us": SURE_US + 1000, "streams": [stream]}
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
    assert not bench.release(connected=True, since_us=1001)
    assert len(bench.streams()) == 1
    assert bench.release(connected=True)
    assert bench.streams() == ()


def test_it_ends_when_the_camera_refuses_the_other_since_we_hold_on_to_it() -> None:
    bench = returned()
    assert bench.release(connected=False, cause="session-limit")
    assert bench.streams() == ()


def test_it_goes_on_for_as_long_as_the_other_does_not_record() -> None:
    bench = returned()
    assert not bench.release(connected=False, cause="unreachable")
    assert not bench.handover.release({}, bench.cameras, bench.placements, bench.suspected)
    assert len(bench.streams()) == 1


def test_what_another_release_says_is_no_reason_to_fail() -> None:
    bench = returned()
    odd: dict[str, Any]
    for odd in ({}, {"streams": [{}]}, {"streams": [{"camera_id": "gate", "stream": "main"}]}):
        assert not bench.handover.release(
            {"n1": odd}, bench.cameras, bench.placements, bench.suspected
        )
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


def test_after_a_planned_move_both_new_nodes_must_be_seen() -> None:
    bench = Bench(camera())
    bench.suspected = set()
    bench.streams()
    bench.placements = {"gate": Placement("gate", ("n1", "n3", "n2"), 2)}
    assert [order.role for order in bench.streams()] == [Role.SECOND]
    assert not bench.release(connected=True), "n3 was not heard of"
    assert len(bench.streams()) == 1
