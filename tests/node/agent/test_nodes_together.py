"""Four nodes, one camera, and what each believes a little late: who ends up recording, and stays.

The product's decisions (`work`, `standing`, `handover`) run as they are; recorders, heartbeats and
requests between nodes are played, a second at a time. All that is asked for is what must hold once
nothing happens any more: somebody records if anybody can, no more than should, and nobody changes.
"""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.node.agent.material import camera
from tests.node.agent.played import NODES, World

from tandem.cluster.model import Protection

SETTLED_S = 120
"""Long after all patience of all parts."""


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
LEVELS = [level for level in Protection if level is not Protection.COLD]
levels = st.sampled_from(LEVELS)


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


def test_a_node_that_returns_without_its_disks_is_handed_nothing() -> None:
    one = world(Protection.FAILOVER)
    one.run(20)
    one.kill("n1")
    one.run(20)
    one.diskless.add("n1")
    one.start("n1")
    assert all("n2" in each for each in one.run(60))
    one.diskless.clear()
    assert settled(one) == {"n1": "camera"}


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


@pytest.mark.parametrize("protection", LEVELS)
def test_a_node_that_has_nothing_left_but_heartbeats_is_stood_in_for_until_it_is_mended(
    protection: Protection,
) -> None:
    one = world(protection)
    one.run(20)
    one.dumb.add("n1")
    one.cut.add("n1")
    one.diskless.add("n1")
    found = settled(one)
    assert len(set(found) - {"n1"}) == protection.copies, found
    assert "camera" in found.values()
    for broken in (one.dumb, one.cut, one.diskless):
        broken.clear()
    assert len(settled(one)) == protection.copies


@pytest.mark.parametrize("protection", LEVELS)
def test_a_node_that_records_and_is_not_heard_costs_one_recorder_more_and_no_session(
    protection: Protection,
) -> None:
    one = world(protection)
    before = settled(one)
    one.dumb.add("n1")
    found = settled(one)
    if protection is Protection.RELAYED:
        assert found == before, "its pictures come"
    else:
        assert list(found) == list(NODES[: protection.copies + 1])


@pytest.mark.parametrize("protection", LEVELS)
def test_where_nobody_hears_anybody_all_go_on_as_before(protection: Protection) -> None:
    one = world(protection)
    before = settled(one)
    one.dumb.update(NODES)
    assert settled(one) == before


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
