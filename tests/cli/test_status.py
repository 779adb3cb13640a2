"""`tandem status` and `tandem node list`: what a person on call is told, and what a script is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.material import Desk, desk_at, desk_with_agent
from tests.node.control.material import NOW_US, SECOND_US, camera, node, stream

from tandem.cli.common import WIDTH
from tandem.cli.quantities import (
    QuantityError,
    duration,
    offset,
    parse_duration_s,
    parse_size_bytes,
    size,
)
from tandem.cli.status_text import status_lines
from tandem.cluster.model import Protection
from tandem.node.control.merge import Answer
from tandem.node.store.fake import Fault

LONG_NAME = "Yard, on the north side, beside the loading ramp of hall 7"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_with_agent(tmp_path) as found:
        yield found


def link(name: str, *, up: bool = True) -> dict[str, object]:
    said = {"round_trip_us": 310, "usual_round_trip_us": 300, "loss": 0.001, "loss_there": 0.002}
    return {"link": name, "inbound": up, "outbound": up, **said}


def set_scene(desk: Desk) -> None:
    """Two nodes; both record the gate."""
    desk.agent.store(camera("gate"), "node1", "node2")
    peers = [{"node_id": "node2", "suspected": False, "links": [link("a"), link("b")]}]
    desk.agent.own = node("node1", [stream()], peers=peers)
    desk.agent.others = {"node2": Answer(node("node2", [stream(role="second")]), None, 1_200)}


def test_all_well_is_one_sentence_and_exit_status_0(desk: Desk) -> None:
    set_scene(desk)
    result = desk.run("status")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "The only camera is recorded, in two copies."
    assert "  node1 - node2  a         0.3 ms        0.2%       0.1%  up" in lines
    assert "  node2  well   live, epoch 3  leader        1  +1 ms  0.1.0" in lines
    assert "  node1  /srv/video1    107 GB  429 GB  full in 9 d 22 h" in lines
    assert "  Gate (gate)  hot         node1    node2      4.0  +1 ms  2 s ago" in lines


def test_a_lost_copy_is_told_first_with_its_cause_and_exit_status_3(desk: Desk) -> None:
    set_scene(desk)
    desk.agent.others = {"node2": Answer(None, "node2 does not answer: 10.0.1.2 is off.", None)}
    result = desk.run("status")
    assert result.exit_code == 3
    lines = result.output.splitlines()
    assert lines[:4] == [
        "The only camera is recorded, but lacks a copy. 1 node does not answer.",
        "",
        "Recorded, with a copy missing",
        "  - Gate (gate): its second, node2, does not answer.",
    ]
    assert "(node2)" in result.output


def test_a_camera_that_nobody_records_is_told_first_of_all_and_exit_status_4(desk: Desk) -> None:
    set_scene(desk)
    desk.agent.store(camera("yard", name=LONG_NAME), "node2", "node1")
    desk.agent.store(camera("door", name="door", protection=Protection.FAILOVER), "node1")
    failed = {
        "connected": False,
        "cause": "unauthorised",
        "message": "The camera refuses the login. Check user and password.",
    }
    desk.agent.own["streams"] += [stream("yard", **failed), stream("door")]
    desk.agent.others["node2"].status["streams"].append(stream("yard", **failed))
    result = desk.run("status")
    assert result.exit_code == 4
    lines = result.output.splitlines()
    assert lines[0] == "1 of 3 cameras is not recorded."
    assert lines[3:5] == [
        f"  - {LONG_NAME} (yard) on node2 and node1: The",
        "    camera refuses the login. Check user and password.",
    ]
    table = lines[lines.index("Cameras") + 2 :]
    assert [row.split()[0] for row in table] == ["Yard,", "door", "Gate"]


def test_a_node_that_stands_in_is_named_beside_the_one_that_is_down(desk: Desk) -> None:
    set_scene(desk)
    third = node("node3", [stream(role="second", stands_in=True)])
    desk.agent.others = {
        "node2": Answer(None, "node2 does not answer: it is off.", None),
        "node3": Answer(third, None, 0),
    }
    assert "node1    (node2) node3" in desk.run("status").output


def test_a_copy_that_another_node_passes_on_says_from_where(desk: Desk) -> None:
    set_scene(desk)
    desk.agent.store(camera(protection=Protection.RELAYED), "node1", "node2")
    passed_on = node("node2", [stream(role="second", relayed_from="node1")])
    desk.agent.others["node2"] = Answer(passed_on, None, 0)
    result = desk.run("status")
    assert result.exit_code == 0
    assert "node1    node2 from node1" in result.output


def test_a_camera_that_another_node_records_is_told_though_nothing_of_it_lacks(desk: Desk) -> None:
    set_scene(desk)
    lost = stream(connected=False, cause="unreachable", message="No route to the camera.")
    desk.agent.others = {
        "node2": Answer(node("node2", [lost]), None, 0),
        "node3": Answer(node("node3", [stream(role="second", stands_in=True)]), None, 0),
    }
    result = desk.run("status")
    assert result.exit_code == 3
    lines = result.output.splitlines()
    assert lines[:4] == [
        "The only camera is recorded, in two copies. A stand-in records it.",
        "",
        "Also of cameras",
        "  - Gate (gate) on node2: No route to the camera.",
    ]
    assert "node1    (node2) node3" in result.output


def test_without_cameras_it_says_how_to_enter_one(desk: Desk) -> None:
    result = desk.run("status")
    assert result.exit_code == 0
    assert "There are no cameras yet: `tandem camera add` enters one." in result.output


def test_copies_are_told_of_where_any_camera_wants_them(desk: Desk) -> None:
    set_scene(desk)
    desk.agent.store(camera("door", protection=Protection.FAILOVER), "node1")
    desk.agent.own["streams"].append(stream("door"))
    first, *_ = desk.run("status").output.splitlines()
    assert first == "Both cameras are recorded, in two copies where wanted."
    desk.agent.store(camera("gate", protection=Protection.COLD), "node1")
    first, *_ = desk.run("status").output.splitlines()
    assert first == "Both cameras are recorded."


def test_a_node_that_never_reached_the_store_does_not_say_that_there_are_no_cameras(
    desk: Desk,
) -> None:
    desk.agent.own["store"]["problem"] = "No member answers."
    result = desk.run("status")
    assert result.exit_code == 3
    assert result.output.startswith("No cameras are known here: the store cannot be asked. There")


def test_the_status_as_json_is_the_agents_own_document(desk: Desk) -> None:
    set_scene(desk)
    result = desk.run("status", "--json")
    document = json.loads(result.output)
    assert (document["version"], document["verdict"], result.exit_code) == (1, "well", 0)
    assert document["cameras"][0]["copies"][0]["durable_until_us"] == NOW_US - 2 * SECOND_US


def test_no_line_is_longer_than_a_page_whatever_is_wrong(desk: Desk) -> None:
    set_scene(desk)
    desk.agent.store(camera("yard", name=LONG_NAME, protection=Protection.FAILOVER), "node2")
    desk.agent.own["problems"] = ["Something is wrong with it, and it takes a while to say. " * 5]
    desk.agent.own["volumes"][0]["path"] = "/srv/" + "video/" * 20
    output = desk.run("status").output
    assert max(map(len, output.splitlines())) <= WIDTH, output


def test_on_a_narrow_terminal_no_line_is_longer_and_the_id_stays(desk: Desk) -> None:
    set_scene(desk)
    desk.agent.store(camera("yard", name=LONG_NAME, protection=Protection.FAILOVER), "node2")
    desk.agent.own["problems"] = ["Something is wrong with it, and it takes a while to say. " * 5]
    document = json.loads(desk.run("status", "--json").output)
    lines = list(status_lines(document, width=80))
    assert max(map(len, lines)) <= 80, lines
    assert "(yard)" in lines[lines.index("Cameras") + 2]


def test_what_befalls_many_cameras_at_once_is_told_once(desk: Desk) -> None:
    set_scene(desk)
    for number in range(1, 11):
        desk.agent.store(camera(f"yard-{number}", protection=Protection.FAILOVER), "node2")
    desk.agent.others = {"node2": Answer(None, "node2 does not answer: it is off.", None)}
    said = " ".join(desk.run("status").output.split())
    assert said.count("its primary, node2, does not answer") == 1
    assert (
        "Each of 10 cameras (yard-1, yard-2, yard-3, yard-4, yard-5, yard-6, yard-7, yard-8 and 2"
        " more): its primary, node2, does not answer." in said
    )


def test_a_terminal_is_not_moved_by_what_a_camera_says(desk: Desk) -> None:
    set_scene(desk)
    desk.agent.own["streams"][0] |= {"connected": False, "message": "\x1b[2JThe camera\x07 is fine"}
    output = desk.run("status").output
    assert "\x1b" not in output
    assert "\x07" not in output


def test_a_node_at_its_very_start_breaks_nothing(desk: Desk) -> None:
    desk.agent.store(camera("gate"), "node1", "node2")
    bare = {
        "version": 1,
        "node_id": "node1",
        "cluster_number": 4711,
        "at_us": NOW_US,
        "release": "0.1.0",
        "session": {"phase": "idle", "epoch": None, "renewed_us": None},
    }
    desk.agent.own = bare
    desk.agent.others = {"node2": Answer(bare | {"node_id": "node2"}, None, None)}
    result = desk.run("status")
    assert result.exit_code == 4, result.output
    assert "Gate (gate): its primary, node1, does not record it yet." in result.output


@pytest.mark.parametrize("command", [("status",), ("node", "list"), ("camera", "list")])
def test_without_an_agent_it_says_what_to_do(tmp_path: Path, command: tuple[str, ...]) -> None:
    desk = desk_at(tmp_path)
    result = desk.run(*command)
    assert result.exit_code == 1
    assert "The agent of this node does not run. Start it: `tandem up`" in result.output
    document = json.loads(desk.run(*command, "--json").output)
    assert document["problem"].startswith("The agent of this node does not run")


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    desk = desk_at(tmp_path)
    desk.settings.unlink()
    result = desk.run("status")
    assert result.exit_code == 1
    assert "No such file" in result.output


def test_a_store_that_is_down_is_told_as_such(desk: Desk) -> None:
    desk.agent.fake.faults = lambda _call: Fault.UNAVAILABLE
    result = desk.run("camera", "list")
    assert result.exit_code == 1
    assert "told to be unavailable" in result.output


def test_nodes_are_listed(desk: Desk) -> None:
    set_scene(desk)
    result = desk.run("node", "list")
    assert result.exit_code == 0
    assert result.output.splitlines()[2].startswith("node2  well   live, epoch 3")
    assert set(json.loads(desk.run("node", "list", "--json").output)["nodes"]) == {"node1", "node2"}


# --- Quantities -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (3.2, "3.2 s"),
        (45, "45 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (9000, "2 h 30 min"),
        (11 * 3600, "11 h"),
        (30 * 86_400, "30 d"),
    ],
)
def test_a_duration_has_two_parts_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(500, "0 kB"), (12_300_000, "12.3 MB"), (1_500_000_000_000, "1.50 TB"), (-5e9, "-5.00 GB")],
)
def test_a_size_has_three_digits(count: float, text: str) -> None:
    assert size(count) == text


def test_a_clocks_offset_has_a_sign() -> None:
    assert [offset(it) for it in (-3_200_000, 12_000, 86_400_000_000)] == [
        "-3.2 s",
        "+12 ms",
        "+1 d",
    ]


@given(st.integers(0, 10**8), st.sampled_from(["s", "m", "min", "h", "d", "w"]))
def test_what_is_written_as_a_duration_is_read(number: int, unit: str) -> None:
    units = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
    assert parse_duration_s(f"{number}{unit}") == number * units[unit]


@pytest.mark.parametrize("text", ["", "10", "m", "-1s", "1.5h", "1y", "1 h 30 m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="Write, say"):
        parse_duration_s(text)


def test_sizes_are_of_powers_of_1000_or_of_1024() -> None:
    assert parse_size_bytes("500G") == parse_size_bytes("500 GB") == 500 * 1000**3
    assert parse_size_bytes("2TiB") == 2 * 1024**4
    assert parse_size_bytes("1.5TB") == 1_500_000_000_000
    with pytest.raises(QuantityError, match="is no size"):
        parse_size_bytes("500")
