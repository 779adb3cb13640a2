"""Nodes that live and cannot reach a camera, and cameras that allow one session only."""

from collections.abc import Iterator

import pytest
from tests.lab.cluster.pictures import STAND_IN_US, UNSURE_US, tell
from tests.lab.cluster.site import UNSETTLED_US, Site, site

from tandem.cluster.model import Protection
from tandem.lab.cluster import services

pytestmark = [pytest.mark.lab("loop"), pytest.mark.timeout(480)]

ALONE, RELAYED = 1, (2, 3)
PROTECTION = {ALONE: Protection.FAILOVER, **dict.fromkeys(RELAYED, Protection.RELAYED)}

SESSION_S = 60.0
"""So long a camera counts a session of which it hears nothing: RTSP's default."""

GOP_US = 2_000_000
PASSED_ON_US = 1_000_000
"""Until a picture has reached the second node."""

NOTICED_US = 9_000_000
"""Until a node says that its camera brings nothing (5 s), its agent has seen that, and the others
have heard it."""

ENDED_US = 3_000_000
"""To be refused, to end the session that the camera still counts, and to ask once more: moments,
on a machine that has them; far below what the camera itself would take."""

ASKED_AGAIN_US = 5_000_000
"""The longest that a camera which refuses a session is left in peace."""

STARTED_AGAIN_US = 8_000_000
"""Until a recorder that was killed records again."""

AFTER_US = 12_000_000


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("relayed")
    with site(place, protection=PROTECTION, session_timeout_s=SESSION_S) as made:
        made.allow_sessions(RELAYED, 1)
        yield made


def from_where(one: Site, number: int) -> dict[str, str | None]:
    """Of each node that records a camera, which one passes it on; None: none does."""
    asked = [host for host in one.cluster.living if host.pids(services.AGENT)]
    cameras = one.status(asked[0])["cameras"]
    return {
        copy["node_id"]: copy.get("relayed_from")
        for copy in cameras[number - 1]["copies"]
        if copy["recording"]
    }


def holder(one: Site, number: int) -> str:
    """Who has a camera's session."""
    return next(node for node, source in from_where(one, number).items() if source is None)


def wait_for_another(one: Site, number: int, name: str) -> float:
    """Until another node records a camera from the camera itself."""

    def missing() -> str:
        found = {node: source for node, source in from_where(one, number).items() if node != name}
        return "" if None in found.values() else f"camera {number} by {found}"

    return one.wait(missing, f"another node than {name} records camera {number}")


def missing_after(one: Site, name: str, killed: list[int]) -> str:
    """What is not recorded twice again, after the recorders of a node were killed."""
    if set(killed) & set(one.recorders(name)) or not one.recorders(name):
        return f"{name} has not noticed"
    found = {number: from_where(one, number) for number in RELAYED}
    return "" if all(len(nodes) > 1 for nodes in found.values()) else str(found)


def test_a_node_that_cannot_reach_its_cameras_is_stood_in_for_and_gets_them_back_without_loss(
    one: Site,
) -> None:
    name = one.placement(ALONE)[0]
    held = [ALONE, *(number for number in RELAYED if holder(one, number) == name)]
    cut_us = one.now_us
    one.cluster.lab.cut(name, "cameras")
    stood_in_s = max(wait_for_another(one, number, name) for number in held)
    one.record_until(one.now_us + GOP_US)
    one.cluster.lab.heal(name)
    healed_s = one.wait_until_whole()
    found = one.count_window(cut_us)
    tell("cameras' network cut", found, stood_in_s=stood_in_s, healed_s=healed_s)
    for number in PROTECTION:
        if number in held:
            ended_us = ENDED_US if number in RELAYED else 0
            latest_us = cut_us + NOTICED_US + ended_us + STAND_IN_US + GOP_US
            found[number].assert_lost_only(cut_us - PASSED_ON_US, latest_us)
        else:
            found[number].assert_whole()


def test_the_loss_of_the_node_that_is_passed_the_pictures_on_costs_no_picture(one: Site) -> None:
    passed_on_to = {
        number: {node for node, source in from_where(one, number).items() if source is not None}
        for number in RELAYED
    }
    (name,) = passed_on_to[RELAYED[0]]
    lost_us = one.now_us
    asked = next(host for host in one.cluster.nodes if host.name != name)
    one.cluster.lab.kill(name)
    one.record_until(lost_us + AFTER_US)
    found = one.count_window(lost_us, asked)
    tell("the node that is passed the pictures on killed", found)
    one.cluster.start(name)
    one.wait_until_whole()
    for number in RELAYED:
        if name in passed_on_to[number]:
            found[number].assert_whole()


def test_of_a_camera_with_one_session_the_window_survives_its_node_and_no_return_costs_a_picture(
    one: Site,
) -> None:
    holders = {number: holder(one, number) for number in RELAYED}
    name = holders[RELAYED[0]]
    lost_us = one.now_us
    asked = next(host for host in one.cluster.nodes if host.name != name)
    one.cluster.lab.kill(name)
    stood_in_s = wait_for_another(one, RELAYED[0], name)
    one.record_until(lost_us + AFTER_US)
    found = one.count_window(lost_us, asked)
    tell("the node with the session killed", found, stood_in_s=stood_in_s)
    latest_us = lost_us + STAND_IN_US + ENDED_US + GOP_US
    for number in RELAYED:
        if holders[number] == name:
            found[number].assert_lost_only(lost_us - PASSED_ON_US, latest_us)
        else:
            found[number].assert_whole()

    back_us = one.now_us
    one.cluster.start(name)
    healed_s = one.wait_until_whole()
    assert holder(one, RELAYED[0]) != name, "it took the session back"
    found = one.count(back_us - GOP_US)
    tell("it returned", found, healed_s=healed_s)
    for number in RELAYED:
        found[number].assert_whole()

    killed_us, name = one.now_us, holder(one, RELAYED[0])
    held = [number for number in RELAYED if holder(one, number) == name]
    killed = one.recorders(name)
    one.signal(name, killed, "KILL")
    again_s = one.wait(lambda: missing_after(one, name, killed), "all is recorded again")
    one.record_until(one.now_us + UNSETTLED_US)
    found = one.count(back_us)
    tell("recorders with the session killed", found, again_s=again_s)
    latest_us = killed_us + int(SESSION_S * 1e6) + ASKED_AGAIN_US + STARTED_AGAIN_US
    for number in RELAYED:
        if number in held:
            found[number].assert_lost_only(killed_us - UNSURE_US, latest_us)
        else:
            found[number].assert_whole()
