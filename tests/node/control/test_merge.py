"""The cluster's status: whether each camera is recorded, whether it is safe, and why not."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node.control.material import NOW_US, SECOND_US, camera, node, stream

from tandem.cluster.model import Camera, Placement, Protection, Stream
from tandem.cluster.plan.resource import Resource
from tandem.node.control.agreed import Agreed
from tandem.node.control.merge import Answer, cluster_status
from tandem.node.control.protocol import Json
from tandem.node.control.resource_status import resource_concerns

PLACED = {"gate": Placement("gate", ("node1", "node2", "node3"), 1)}
SILENT = Answer(None, "node2 does not answer: 10.0.1.2: No route to host.", None)


def said(status: Json) -> Answer:
    return Answer(status, None, 0)


def merged(
    own: Json,
    others: Mapping[str, Answer],
    found: Camera | None = None,
    placements: Mapping[str, Placement] = PLACED,
) -> Json:
    return cluster_status(own, others, Agreed([found or camera()], placements), NOW_US)


def only(document: Json) -> Json:
    (found,) = document["cameras"]
    return dict(found)


def well(streams: list[Json] | None = None, **changes: Any) -> Json:
    return node("node1", [stream()] if streams is None else streams, **changes)


def second(**changes: Any) -> Json:
    return node("node2", [stream(role="second", **changes)])


# --- Recorded, and whole --------------------------------------------------------------------------


def test_a_camera_that_both_nodes_record_is_whole_and_nothing_is_said() -> None:
    document = merged(well(), {"node2": said(second())})
    found = only(document)
    assert (found["recorded"], found["whole"], found["problems"]) == (True, True, [])
    assert (document["verdict"], document["problems"]) == ("well", [])
    assert [copy["node_id"] for copy in found["copies"]] == ["node1", "node2"]
    assert document["asked_node"] == "node1"


def test_a_camera_of_one_copy_is_whole_when_that_is_recorded() -> None:
    placed = {"gate": Placement("gate", ("node1", "node2"), 1)}
    document = merged(
        well(), {"node2": said(node("node2"))}, camera(protection=Protection.FAILOVER), placed
    )
    assert only(document)["whole"]


def test_where_another_node_stands_in_for_one_that_cannot_record_it_is_whole_and_not_well() -> None:
    unable = said(node("node2", [stream(role="second", connected=False, cause="unreachable")]))
    third = said(node("node3", [stream(role="second", stands_in=True)]))
    document = merged(well(), {"node2": unable, "node3": third})
    found = only(document)
    assert (found["whole"], found["stood_in_for"]) == (True, ["node2"])
    assert document["verdict"] == "degraded"


def test_with_its_second_down_it_is_recorded_and_not_whole() -> None:
    document = merged(well(), {"node2": SILENT})
    found = only(document)
    assert (found["recorded"], found["whole"], document["verdict"]) == (True, False, "degraded")
    assert found["problems"] == ["Gate (gate): its second, node2, does not answer."]
    assert document["problems"] == ["node2 does not answer: 10.0.1.2: No route to host."]


def test_a_node_that_stands_in_makes_up_for_one_that_is_down_in_copies() -> None:
    third = node("node3", [stream(role="second", stands_in=True)])
    document = merged(well(), {"node2": SILENT, "node3": said(third)})
    assert only(document)["whole"]
    assert document["verdict"] == "degraded"


def test_nobody_records_a_camera_that_is_only_connected_to() -> None:
    late = stream(durable_until_us=NOW_US - 34 * SECOND_US)
    disk = {"path": "/srv/video1", "problem": "the disk hangs"}
    document = merged(well([late], volumes=[disk]), {})
    assert (only(document)["recorded"], document["verdict"]) == (False, "unrecorded")
    assert (
        "Gate (gate) on node1: pictures come, and none reaches a disk (/srv/video1: the disk"
        " hangs)." in only(document)["problems"]
    )


def test_a_disk_that_is_named_by_what_is_wrong_with_it_is_not_named_twice() -> None:
    late = stream(durable_until_us=NOW_US - 34 * SECOND_US)
    disk = {"path": "/srv/video1", "problem": "/srv/video1: its disk hangs. See `dmesg`."}
    (problem,) = [
        it for it in only(merged(well([late], volumes=[disk]), {}))["problems"] if "come" in it
    ]
    assert problem.endswith("none reaches a disk (/srv/video1: its disk hangs. See `dmesg`).")


def test_a_camera_that_holds_the_connection_and_sends_nothing_is_not_laid_to_the_disks() -> None:
    silent = "the camera has sent no picture for 20 s, though it holds the connection"
    late = stream(message=silent, durable_until_us=NOW_US - 34 * SECOND_US)
    assert f"Gate (gate) on node1: {silent}." in only(merged(well([late]), {}))["problems"]


def test_a_camera_whose_packets_are_being_lost_is_told_though_it_is_recorded() -> None:
    losing = stream(last_loss_us=NOW_US - 30 * SECOND_US)
    document = merged(well([losing]), {"node2": said(second(last_loss_us=NOW_US - SECOND_US))})
    assert only(document)["whole"]
    (problem,) = only(document)["problems"]
    assert problem.startswith("Gate (gate) on node1 and node2: packets are lost on the way")


def test_what_was_lost_long_ago_is_over() -> None:
    lost = stream(last_loss_us=NOW_US - 90 * SECOND_US)
    document = merged(well([lost]), {"node2": said(second(last_loss_us=None))})
    assert only(document)["problems"] == []


def test_ages_are_of_the_nodes_own_clock() -> None:
    ahead = 3600 * SECOND_US
    moved = stream(role="second", durable_until_us=NOW_US + ahead - 3 * SECOND_US)
    document = merged(well(), {"node2": said(node("node2", [moved], at_us=NOW_US + ahead))})
    assert only(document)["copies"][1]["durable_age_us"] == 3 * SECOND_US
    assert only(document)["whole"]


def test_each_stream_that_is_wanted_has_to_be_recorded() -> None:
    streams = (Stream("main", "rtsp://192.0.2.1/1"), Stream("sub", "rtsp://192.0.2.1/2"))
    found = camera(streams=streams, protection=Protection.FAILOVER)
    placed = {"gate": Placement("gate", ("node1",), 1)}
    assert not only(merged(well(), {}, found, placed))["recorded"]
    assert only(merged(well(), {}, found, placed))["problems"] == [
        "Gate (gate): its primary, node1, does not record its sub stream yet."
    ]
    both = well([stream(), stream(stream="sub")])
    assert only(merged(both, {}, found, placed))["whole"]


def test_a_stream_for_live_viewing_need_not_be_recorded() -> None:
    streams = (
        Stream("main", "rtsp://192.0.2.1/1"),
        Stream("sub", "rtsp://192.0.2.1/2", recorded=False),
    )
    assert only(merged(well(), {"node2": said(second())}, camera(streams=streams)))["whole"]


def test_copies_of_two_halves_are_not_two_copies() -> None:
    streams = (Stream("main", "rtsp://192.0.2.1/1"), Stream("sub", "rtsp://192.0.2.1/2"))
    other = node("node2", [stream(stream="sub", role="second")])
    found = only(merged(well(), {"node2": said(other)}, camera(streams=streams)))
    assert (found["recorded"], found["whole"]) == (True, False)


@pytest.mark.parametrize("problem", [None, "node3 does not answer."])
def test_a_copy_that_still_lacks_something_is_not_whole(problem: str | None) -> None:
    state = {"cameras": {"gate": {"healed_until_us": None, "problem": problem}}}
    other = second()
    other["archivist"]["state"] = state
    found = only(merged(well(), {"node2": said(other)}))
    assert not found["whole"]
    assert found["problems"][0].startswith("Gate (gate): node2 still fetches what its copy lacks")
    del state["cameras"]["gate"]
    assert only(merged(well(), {"node2": said(other)}))["whole"]


def test_a_camera_that_encodes_separately_for_each_node_is_whole_and_told() -> None:
    other = second()
    other["archivist"]["state"] = {"encoded_separately": ["gate"]}
    found = only(merged(well(), {"node2": said(other)}))
    assert found["whole"]
    (sentence,) = found["problems"]
    assert sentence.startswith("Gate (gate): it encodes separately for each node")


def test_a_removed_camera_is_not_missed() -> None:
    document = merged(node("node1"), {}, camera(removed=True))
    assert (document["cameras"], document["verdict"]) == ([], "well")


# --- Why not --------------------------------------------------------------------------------------

CAUSES = {
    "unreachable": "192.0.2.10:554 does not answer; is the camera on, and is the way to it free?",
    "refused": "192.0.2.10:554 refuses connections; is RTSP switched on?",
    "unauthorised": "The camera refuses the login. Check user and password.",
    "not-found": "The camera has no such stream. Check the path of its URL.",
    "no-video": "The stream has no pictures.",
    "unsupported": "The camera sends JPEG, which cannot be recorded.",
    "session-limit": "The camera serves no more streams at present.",
}


@pytest.mark.parametrize(("cause", "message"), CAUSES.items())
def test_what_a_camera_says_is_told_once_with_all_nodes_that_heard_it(
    cause: str, message: str
) -> None:
    failed: dict[str, Any] = {"connected": False, "cause": cause, "message": message}
    document = merged(well([stream(**failed)]), {"node2": said(second(**failed))})
    ended = message if message.endswith((".", "?")) else f"{message}."
    assert only(document)["problems"] == [f"Gate (gate) on node1 and node2: {ended}"]
    assert only(document)["copies"][0]["cause"] == cause


def test_a_recorder_that_is_down_is_told_without_the_cameras_name_twice() -> None:
    down: dict[str, Any] = {
        "connected": False,
        "cause": "recorder_down",
        "message": "camera Gate (gate/main): its recorder has ended, and is started again",
    }
    document = merged(well(), {"node2": said(second(**down))})
    assert only(document)["problems"] == [
        "Gate (gate) on node2: its recorder has ended, and is started again."
    ]


@pytest.mark.parametrize(
    ("streams", "placements", "why"),
    [
        ([], {}, "no node was told to record it yet"),
        ([], {"gate": Placement("gate", ("node1",), 1)}, "its primary, node1, does not record it"),
        ([stream()], {"gate": Placement("gate", ("node1",), 1)}, "there is no second node"),
        ([stream(connected=False)], PLACED, "it is being connected to"),
        (
            [stream(durable_until_us=None, since_us=NOW_US - SECOND_US)],
            PLACED,
            "the first pictures are on their way to the disk",
        ),
        ([stream(durable_until_us=None)], PLACED, "and none has reached a disk"),
        ([stream(camera_offset_us=-3600 * SECOND_US)], PLACED, "its clock is 3,600 s behind"),
        ([stream(camera_offset_us=-NOW_US)], PLACED, "its clock is 20,718 days behind"),
    ],
)
def test_each_trouble_of_a_camera_has_a_sentence(
    streams: list[Json], placements: Mapping[str, Placement], why: str
) -> None:
    problems = only(merged(well(streams), {}, placements=placements))["problems"]
    assert [it for it in problems if why in it], problems
    assert all(it.startswith("Gate (gate)") and it.endswith((".", "?")) for it in problems)


def link(name: str, *, inbound: bool = True, outbound: bool = True) -> Json:
    return {"link": name, "inbound": inbound, "outbound": outbound, "loss": 0.0}


def peer(node_id: str, *links: Json) -> Json:
    return {"node_id": node_id, "suspected": False, "links": list(links)}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"session": {"phase": "stopped", "epoch": 3}}, "it has no session in the store (stopped)"),
        ({"store": {"problem": "No member has a leader.", "members": []}}, "No member has a lead"),
        ({"volumes": [{"path": "/srv/v", "problem": "no space left"}]}, "volume /srv/v: no space"),
        ({"volumes": [{"path": "/srv/v", "problem": None, "dead": True}]}, "/srv/v is dead"),
        ({"recorders": [{"condition": "waiting", "problem": "killed"}]}, "recorder 1 (waiting)"),
        ({"archivist": {"condition": "hung", "problem": "it is silent"}}, "archivist (hung): it"),
        ({"problems": ["Camera 'x' cannot be unsealed."]}, "Camera 'x' cannot be unsealed."),
    ],
)
def test_each_trouble_of_a_node_has_a_sentence_that_names_it(
    changes: dict[str, Any], why: str
) -> None:
    document = merged(well(**changes), {"node2": said(second())})
    assert document["verdict"] == "degraded"
    assert [it for it in document["problems"] if it.startswith("node1: ") and why in it]


def test_a_recorder_that_came_back_is_well_though_it_says_why_it_ended() -> None:
    again = [{"condition": "running", "restarts": 1, "problem": "it was killed"}]
    assert merged(well(recorders=again), {"node2": said(second())})["problems"] == []


def test_a_cut_link_is_told_once_though_both_ends_say_so() -> None:
    own = well(peers=[peer("node2", link("a"), link("b", inbound=False, outbound=False))])
    other = second() | {"peers": [peer("node1", link("b", inbound=False, outbound=False))]}
    document = merged(own, {"node2": said(other)})
    assert document["problems"] == ["Link b between node1 and node2 is down. Check that link."]


def test_a_link_that_is_cut_one_way_says_which() -> None:
    own = well(peers=[peer("node2", link("b", inbound=False))])
    document = merged(own, {"node2": said(second())})
    (problem,) = document["problems"]
    assert "node1 hears nothing of node2 on link b, while node2 hears node1" in problem


def test_the_links_of_a_node_that_is_down_are_not_told_as_well() -> None:
    own = well(peers=[peer("node2", link("a", inbound=False), link("b", inbound=False))])
    assert merged(own, {"node2": SILENT})["problems"] == [SILENT.problem]


def test_a_node_whose_clock_is_off_is_told() -> None:
    document = merged(well(), {"node2": Answer(second(), None, 5_200_000)})
    assert "node2: its clock is 5.2 s ahead of that of node1." in document["problems"][0]


def test_what_members_of_the_store_say_is_told() -> None:
    members = [{"name": "node1", "alarms": ["NOSPACE"]}, {"name": "node2", "problem": "no answer"}]
    document = merged(well(store={"members": members}), {"node2": said(second())})
    assert document["problems"] == [
        "The store's member node1 raises an alarm: NOSPACE. See docs/reference/store.md.",
        "The store's member node2: no answer.",
    ]


def test_the_planners_concerns_are_told_and_degrade_nothing() -> None:
    other = second() | {"concerns": ["Node node1 is to record 101% of what it can take."]}
    document = merged(well(), {"node2": said(other)})
    assert (document["concerns"], document["verdict"]) == (other["concerns"], "well")


# --- Whatever comes -------------------------------------------------------------------------------

FRESH = st.integers(0, 20)
COPIES = st.lists(
    st.fixed_dictionaries({"connected": st.booleans(), "age_s": st.none() | FRESH}), max_size=1
)


@given(
    st.lists(st.none() | COPIES, min_size=3, max_size=3),
    st.sampled_from(Protection),
    st.permutations(["node1", "node2", "node3"]),
    st.integers(0, 3),
)
def test_a_camera_is_recorded_if_a_fresh_copy_is_and_what_is_not_whole_says_why(
    found: list[list[dict[str, Any]] | None],
    protection: Protection,
    order: list[str],
    placed: int,
) -> None:
    statuses = {
        f"node{number}": None
        if copies is None and number > 1
        else node(
            f"node{number}",
            [
                stream(
                    connected=it["connected"],
                    durable_until_us=None
                    if it["age_s"] is None
                    else NOW_US - it["age_s"] * SECOND_US,
                )
                for it in copies or ()
            ],
        )
        for number, copies in enumerate(found, 1)
    }
    own = statuses.pop("node1")
    assert own is not None
    others = {
        name: said(it) if it else Answer(None, f"{name} does not answer: it is off.", None)
        for name, it in statuses.items()
    }
    placements = {"gate": Placement("gate", tuple(order[:placed]), 1)} if placed else {}
    document = merged(own, others, camera(protection=protection), placements)
    fresh = [
        it
        for copies in found
        for it in copies or ()
        if it["connected"] and it["age_s"] is not None and it["age_s"] <= 10
    ]
    camera_found = only(document)
    assert camera_found["recorded"] == bool(fresh)
    assert camera_found["whole"] == (len(fresh) >= protection.copies)
    if not camera_found["whole"]:
        assert camera_found["problems"] or document["problems"]
    assert (document["verdict"] == "unrecorded") == (not fresh)


def test_what_may_run_only_on_nodes_that_are_fenced_is_open_to_nothing() -> None:
    web = Resource("web", "process", nodes=("n1", "n2"))
    assert resource_concerns([web], ["n1", "n2", "n3"], {"n1", "n2"}) == []
    (told,) = resource_concerns([web], ["n1", "n2", "n3"], {"n1"})
    assert "Fence n2 (`tandem fence add`)" in told
