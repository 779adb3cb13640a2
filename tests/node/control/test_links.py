"""What is said of links between nodes, of what both ends say."""

from typing import Any

import pytest

from tandem.node.control.links import link_concerns, link_troubles, links_of

Json = dict[str, Any]


def end(**changes: Any) -> Json:
    return {
        "link": "a",
        "inbound": True,
        "outbound": True,
        "round_trip_us": 400,
        "usual_round_trip_us": 400,
        "loss": 0.0,
        "loss_there": 0.0,
    } | changes


def status(peer: str, **changes: Any) -> Json:
    return {"peers": [{"node_id": peer, "links": [end(**changes)]}]}


def test_both_ends_make_one_link_and_each_says_what_is_lost_on_the_way_to_it() -> None:
    (link,) = links_of({"n2": status("n1", loss=0.02), "n1": status("n2", round_trip_us=500)})
    assert link == {
        "link": "a",
        "nodes": ["n1", "n2"],
        "state": "up",
        "deaf": [],
        "lost_at": {"n1": 0.0, "n2": 0.02},
        "round_trip_us": 500,
        "usual_round_trip_us": 400,
    }


def test_of_a_node_that_does_not_answer_the_other_end_tells_both_directions() -> None:
    (link,) = links_of({"n1": status("n2", loss=0.1, loss_there=0.3), "n2": None})
    assert link["lost_at"] == {"n1": 0.1, "n2": 0.3}


@pytest.mark.parametrize(
    ("first", "second", "deaf", "state"),
    [
        ({}, {}, [], "up"),
        ({"inbound": False}, {"outbound": False}, ["n1"], "one_way"),
        ({"inbound": False}, {}, ["n1"], "one_way"),
        ({"outbound": False}, {}, ["n2"], "one_way"),
        ({"inbound": False}, {"inbound": False}, ["n1", "n2"], "down"),
    ],
)
def test_who_hears_nothing_is_told_by_either_end(
    first: Json, second: Json, deaf: list[str], state: str
) -> None:
    (link,) = links_of({"n1": status("n2", **first), "n2": status("n1", **second)})
    assert (link["deaf"], link["state"]) == (deaf, state)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"loss": 0.01}, None),
        ({"loss": 0.03}, "Link a loses 3.0% of what n2 sends to n1."),
        ({"loss_there": 0.03}, "Link a loses 3.0% of what n1 sends to n2."),
        ({"round_trip_us": 50_000, "usual_round_trip_us": 40_000}, None),
        ({"round_trip_us": 60_000, "usual_round_trip_us": 59_000}, "takes 60 ms there and back"),
        ({"round_trip_us": 10_000, "usual_round_trip_us": 100}, None),
        ({"round_trip_us": 11_000, "usual_round_trip_us": 100}, "11 ms there and back, usually 0."),
        ({"round_trip_us": None, "usual_round_trip_us": None}, None),
        ({"loss": 0.5, "inbound": False}, None),
    ],
)
def test_a_link_that_works_badly_is_a_concern(changes: Json, why: str | None) -> None:
    found = link_concerns(links_of({"n1": status("n2", **changes), "n2": None}))
    assert len(found) == (why is not None)
    assert why is None or why in found[0]


def test_an_agent_of_an_earlier_release_that_says_less_breaks_nothing() -> None:
    early = {"link": "a", "inbound": True, "outbound": True, "latency_us": 3, "loss": 0.0}
    statuses = {"n1": {"peers": [{"node_id": "n2", "links": [early]}]}, "n2": None}
    links = links_of(statuses)
    assert link_concerns(links) == link_troubles(links, statuses) == []
    assert links[0]["round_trip_us"] is None
