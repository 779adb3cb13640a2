"""`tandem coverage`: what each node has, what all lack, and how it ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.archive.material import BASE_US, Writing
from tests.cli.recording_material import SECOND_US, At, agent_naming, at, over
from tests.node.retrieval.cluster import Node, cluster

from tandem.archive.rows import GapCause

__all__ = ["at"]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    with cluster(tmp_path, "n1", "n2", "n3") as running:
        yield running


def test_each_copy_is_told_and_what_all_of_them_lack(nodes: list[Node], at: At) -> None:
    nodes[0].film(fragments=4)
    nodes[1].film(fragments=6)
    nodes[1].note(
        BASE_US + 6 * SECOND_US, BASE_US + 10 * SECOND_US, GapCause.CAMERA_STALLED, "Nothing came."
    )
    done = at.run("coverage", nodes[2], "gate", *over())
    assert done.exit_code == 3
    start = "2026-11-18T11:06:4"
    lacking = f"  {start}6.000Z - 2026-11-18T11:06:50.000Z       4.0 s  "
    assert done.stdout.splitlines() == [
        f"Camera gate (main), {start}0.000Z - 2026-11-18T11:06:50.000Z",
        "n1: 4.0 s, in 1 file that holds 100 frames in all",
        f"  {start}0.000Z - {start}4.000Z       4.0 s",
        f"  {start}4.000Z - 2026-11-18T11:06:50.000Z       6.0 s  not here, unknown",
        "n2: 6.0 s, in 1 file that holds 150 frames in all",
        f"  {start}0.000Z - {start}6.000Z       6.0 s",
        f"{lacking}not here, camera_stalled: Nothing came.",
        "n3: nothing",
        "Missing from all copies:",
        f"{lacking}camera_stalled: Nothing came.",
    ]


def test_what_was_never_a_nodes_to_keep_does_not_read_like_a_fault(
    nodes: list[Node], at: At
) -> None:
    nodes[0].film(fragments=40)
    nodes[1].film(fragments=20, start_us=BASE_US + 20 * SECOND_US)
    nodes[2].film(fragments=3, start_us=BASE_US + 5 * SECOND_US)
    at.now_us = BASE_US + 40 * SECOND_US
    placed = {"nodes": ["n1", "n2", "n3"], "generation": 1}
    with agent_naming(nodes[0], {"gate": "Gate"}, placement=placed, protection="hot", window_s=30):
        done = at.run("coverage", nodes[0], "gate", *over(0, 40))
        told = json.loads(at.run("coverage", nodes[0], "gate", *over(0, 40), "--json").stdout)
    lines = [line.split("Z  ")[1].strip() for line in done.stdout.splitlines() if "n" in line[62:]]
    assert lines == [
        "10.0 s  not this node's to keep",
        "10.0 s  not here, unknown",
        "5.0 s  not this node's to keep",
        "32.0 s  not this node's to keep",
    ]
    assert {gap["cause"] for copy in told["copies"] for gap in copy["gaps"]} == {"unknown"}


def causes(at: At, asks: Node, from_s: float, to_s: float) -> list[str]:
    """Why all copies lack what they lack."""
    done = at.run("coverage", asks, "gate", *over(from_s, to_s), "--json")
    return [one["cause"] for one in json.loads(done.stdout)["union"]["missing"]]


def test_before_the_first_recording_and_after_a_removal_is_no_riddle(
    nodes: list[Node], at: At
) -> None:
    nodes[0].film(fragments=2)
    nodes[1].film(fragments=2, start_us=BASE_US + 4 * SECOND_US)
    before, between, after = "before_first", "unknown", "removed"
    assert causes(at, nodes[2], -5, 9) == [before, between, "unknown"], "no agent tells"
    with agent_naming(nodes[0], {"gate": "Gate"}):
        assert causes(at, nodes[0], -5, 9) == [before, between, "unknown"]
    with agent_naming(nodes[1], {"yard": "Yard"}):
        assert causes(at, nodes[1], -5, 9) == [before, between, after]


def test_what_a_recorder_noted_of_the_time_before_and_after_speaks(
    nodes: list[Node], at: At
) -> None:
    nodes[0].film(fragments=4)
    nodes[0].note(BASE_US - 3 * SECOND_US, BASE_US, GapCause.CAMERA_REFUSED)
    nodes[0].note(BASE_US + 4 * SECOND_US, BASE_US + 6 * SECOND_US, GapCause.CAMERA_STALLED)
    with agent_naming(nodes[0], {"yard": "Yard"}):
        found = causes(at, nodes[0], -5, 9)
    assert found == ["before_first", "camera_refused", "camera_stalled", "removed"]


def test_while_a_node_cannot_be_asked_nobody_knows_what_came_first(
    nodes: list[Node], at: At
) -> None:
    nodes[0].film(fragments=4)
    nodes[1].stop()
    with agent_naming(nodes[0], {"yard": "Yard"}):
        assert causes(at, nodes[0], -5, 9) == ["node_down", "node_down"]


def test_two_whole_copies_are_equal_to_a_program(nodes: list[Node], at: At) -> None:
    for node in nodes[:2]:
        node.film(fragments=10)
        node.film(fragments=10, start_us=BASE_US + 10 * SECOND_US)
    done = at.run("coverage", nodes[0], "gate", *over(0, 20), "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    (first, second, third) = told["copies"]
    whole = [{"from": "2026-11-18T11:06:40.000000Z", "to": "2026-11-18T11:07:00.000000Z"}]
    assert first["intervals"] == second["intervals"] == told["union"]["intervals"] == whole
    assert first["gaps"] == second["gaps"] == told["union"]["missing"] == []
    assert (third["node_id"], third["intervals"], third["unreachable"]) == ("n3", [], None)
    assert told["version"] == 1


def test_a_node_out_of_reach_is_listed_and_may_have_what_is_missing(
    nodes: list[Node], at: At
) -> None:
    nodes[0].film(fragments=4)
    nodes[1].stop()
    done = at.run("coverage", nodes[0], "gate", *over(), "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert "archivist of node n2 cannot be asked" in told["copies"][1]["unreachable"]
    (missing,) = told["union"]["missing"]
    assert (missing["cause"], missing["unreachable_nodes"]) == ("node_down", ["n2"])
    words = at.run("coverage", nodes[0], "gate", *over())
    assert "Not reached:\n  n2: The archivist of node n2 cannot be asked" in words.stdout


def test_nothing_at_all_has_an_exit_status_of_its_own(nodes: list[Node], at: At) -> None:
    nodes[0].film(fragments=4)
    done = at.run("coverage", nodes[0], "gate", *over(60, 70))
    assert done.exit_code == 4
    assert "n1: nothing" in done.stdout


def test_what_is_recorded_just_now_is_whole_up_to_what_is_on_a_disk(
    nodes: list[Node], at: At
) -> None:
    for node, fragments in ((nodes[0], 6), (nodes[1], 5)):
        writing = Writing(node.mounted, 5, start_us=BASE_US)
        writing.append(fragments)
        writing.sync()
    at.now_us = BASE_US + 10 * SECOND_US
    done = at.run("coverage", nodes[2], "gate", "--from", "-10s", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["to"] == "2026-11-18T11:06:46.000000Z"
    assert [copy["gaps"] for copy in told["copies"][:2]] == [[], []]
    assert told["copies"][1]["intervals"][0]["to"] == "2026-11-18T11:06:45.000000Z"


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "typed",
    [
        ["rtsp://admin:s3cr3t@192.0.2.1/1"],
        ["rtsp:/admin:s3cr3t@192.0.2.1/1"],
        ["http://192.0.2.1/cgi?password=s3cr3t"],
        ["//admin:s3cr3t@192.0.2.1/1"],
        ["gate", "rtsp://admin:s3cr3t@192.0.2.1/1"],
    ],
)
@pytest.mark.parametrize("command", [("coverage",), ("export", "-o", "gate.mp4")])
def test_a_url_that_is_no_camera_is_not_repeated(
    nodes: list[Node], at: At, command: tuple[str, ...], typed: list[str], *, as_json: bool
) -> None:
    done = at.run(command[0], nodes[0], *typed, *command[1:], *over(), *["--json"][: int(as_json)])
    assert done.exit_code in {1, 2}
    assert done.output
    assert "s3cr3t" not in done.output


def test_a_camera_that_nobody_knows_is_refused(nodes: list[Node], at: At) -> None:
    nodes[0].film()
    done = at.run("coverage", nodes[0], "dock", *over())
    assert done.exit_code == 1
    assert "no camera 'dock': n1, n2, n3 told what there is" in done.stderr
