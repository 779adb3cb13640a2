"""`tandem export`: what it says, what it writes, and how it ends."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from tests.archive.export.material import packets
from tests.archive.material import BASE_US, FRAMES, Writing
from tests.cli.recording_material import SECOND_US, At, agent_naming, at, over
from tests.node.retrieval.cluster import Node, cluster

from tandem.archive.export.export import Phase, Progress
from tandem.archive.rows import GapCause
from tandem.node.archivist.view import ARCHIVIST_PORT
from tandem.node.retrieval import recordings, remote

__all__ = ["at"]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    with cluster(tmp_path, "n1", "n2") as running:
        yield running


def words(done: Result) -> str:
    """What is said of a failure, wherever its lines are broken."""
    return " ".join(done.stderr.split())


def test_two_nodes_that_lack_a_part_each_give_all_of_it(
    nodes: list[Node], tmp_path: Path, at: At
) -> None:
    nodes[0].film(fragments=10, without=frozenset({2, 3}))
    nodes[1].film(fragments=10, without=frozenset({6}))
    target = tmp_path / "gate.mp4"
    done = at.run("export", nodes[0], "gate", *over(), "-o", target)
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{target}: 250 frames, 10.0 s, 0.1 MB, h264" in done.stdout
    assert "2026-11-18T11:06:40.000Z - 2026-11-18T11:06:50.000Z      10.0 s  at 0:00:00.0" in (
        done.stdout
    )
    assert "Frames from: n1 25 (has 200), n2 225 (has 225)" in done.stdout
    assert "Missing" not in done.stdout
    assert len(packets(target)) == 10 * FRAMES


def test_a_program_gets_the_same_as_json(nodes: list[Node], tmp_path: Path, at: At) -> None:
    nodes[0].film(fragments=10)
    target = tmp_path / "gate.mp4"
    done = at.run("export", nodes[1], "gate", *over(), "-o", target, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["version"], told["camera_id"], told["stream"]) == (1, "gate", "main")
    assert (told["frames"], told["missing"], told["unreachable"]) == (250, [], [])
    assert told["files"][0]["path"] == str(target)
    assert told["copies"] == [
        {"node_id": "n1", "frames_taken": 250, "frames_held": 250},
        {"node_id": "n2", "frames_taken": 0, "frames_held": 0},
    ]


def test_what_is_missing_is_told_with_its_cause_and_by_the_exit_status(
    nodes: list[Node], tmp_path: Path, at: At
) -> None:
    for node in nodes:
        node.film(fragments=4)
        node.film(fragments=4, start_us=BASE_US + 6 * SECOND_US)
    gap = BASE_US + 4 * SECOND_US, BASE_US + 6 * SECOND_US
    nodes[1].note(*gap, GapCause.CAMERA_STALLED, "Nothing came for 2 s.")
    done = at.run("export", nodes[0], "gate", *over(), "-o", tmp_path / "gate.mp4")
    assert done.exit_code == 3
    assert (
        "Missing:\n  2026-11-18T11:06:44.000Z - 2026-11-18T11:06:46.000Z       2.0 s  "
        "camera_stalled: Nothing came for 2 s.\n"
    ) in done.stdout


def test_a_node_that_is_down_is_told_and_may_have_what_is_missing(
    nodes: list[Node], tmp_path: Path, at: At
) -> None:
    nodes[0].film(fragments=4)
    nodes[1].stop()
    complete = at.run("export", nodes[0], "gate", *over(0, 4), "-o", tmp_path / "a.mp4")
    assert complete.exit_code == 0
    assert "Not reached:\n  n2: The archivist of node n2 cannot be asked:" in complete.stdout
    lacking = at.run("export", nodes[0], "gate", *over(0, 9), "-o", tmp_path / "b.mp4")
    assert lacking.exit_code == 3
    assert "node_down (may be on n2)" in lacking.stdout


def test_a_suspected_node_that_says_nothing_is_named_and_not_waited_for(
    nodes: list[Node], tmp_path: Path, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes[0].film(fragments=4)
    monkeypatch.setattr(recordings, "SUSPECTED_S", 2.0)
    nodes[1].stop()
    with (
        socket.create_server((nodes[1].hosts[0], ARCHIVIST_PORT)),
        agent_naming(nodes[0], {}, suspected={"n2"}),
    ):
        done = at.run("export", nodes[0], "gate", *over(0, 9), "-o", tmp_path / "a.mp4", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["frames"]) == (3, 100)
    assert told["unreachable"] == [
        {
            "node_id": "n2",
            "reason": "Node n2 is heard on no link, and its archivist did not answer within 2 s.",
            "spans": None,
        }
    ]
    assert [(one["cause"], one["unreachable_nodes"]) for one in told["missing"]] == [
        ("node_down", ["n2"])
    ]


def test_a_suspected_node_that_answers_is_read_as_any_other(
    nodes: list[Node], tmp_path: Path, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "SUSPECTED_S", 60.0)
    nodes[1].film(fragments=10)
    with agent_naming(nodes[0], {}, suspected={"n2"}):
        done = at.run("export", nodes[0], "gate", *over(), "-o", tmp_path / "a.mp4", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["frames"], told["unreachable"]) == (0, 250, [])


def test_a_node_that_dies_in_the_middle_is_told_as_well(
    nodes: list[Node], tmp_path: Path, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES_S", ())
    nodes[0].film(fragments=4)
    nodes[1].film(fragments=4, start_us=BASE_US + 4 * SECOND_US)
    read = remote.RemoteSource.read

    def die(source: remote.RemoteSource, *place: object) -> bytes:
        if source.node_id == "n2":
            nodes[1].stop()
        return read(source, *place)  # type: ignore[arg-type]

    monkeypatch.setattr(remote.RemoteSource, "read", die)
    done = at.run("export", nodes[0], "gate", *over(0, 8), "-o", tmp_path / "a.mp4", "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert told["frames"] == 100
    assert told["unreachable"][0]["node_id"] == "n2"
    assert told["unreachable"][0]["spans"] == [
        {"from": "2026-11-18T11:06:44.000000Z", "to": "2026-11-18T11:06:48.000000Z"}
    ]
    assert [one["cause"] for one in told["missing"]] == ["node_down"]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_time_of_which_nothing_is_recorded_has_an_exit_status_of_its_own(
    nodes: list[Node], tmp_path: Path, at: At, as_json: bool
) -> None:
    nodes[0].film(fragments=4)
    nodes[0].note(
        BASE_US + 60 * SECOND_US, BASE_US + 99 * SECOND_US, GapCause.CAMERA_UNAUTHORISED, "401."
    )
    options = ["--json"] if as_json else []
    target = tmp_path / "gate.mp4"
    done = at.run("export", nodes[0], "gate", *over(70, 80), "-o", target, *options)
    assert done.exit_code == 4
    problem = json.loads(done.stdout)["problem"] if as_json else " ".join(done.stderr.split())
    assert "no recording between 2026-11-18T11:07:50.000000Z" in problem
    assert "the cause is camera_unauthorised (401.)" in problem
    assert not target.exists()


def test_a_stream_that_is_not_recorded_is_told_with_those_that_are(
    nodes: list[Node], tmp_path: Path, at: At
) -> None:
    nodes[0].film()
    options = [*over(), "-o", str(tmp_path / "x.mp4"), "--stream", "sub"]
    done = at.run("export", nodes[0], "gate", *options)
    assert done.exit_code == 4
    assert "stream 'sub' of camera gate. It has main" in words(done)


def test_until_now_ends_with_what_is_on_a_disk(nodes: list[Node], tmp_path: Path, at: At) -> None:
    writing = Writing(nodes[1].mounted, 5, start_us=BASE_US)
    writing.append(6)
    writing.sync()
    writing.append(1)
    at.now_us = BASE_US + 10 * SECOND_US
    target = tmp_path / "gate.mp4"
    done = at.run("export", nodes[0], "gate", "--from", "-10s", "-o", target, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["frames"] == 6 * FRAMES
    assert told["to"] == "2026-11-18T11:06:46.000000Z"


def test_a_camera_is_found_by_its_name_too(nodes: list[Node], tmp_path: Path, at: At) -> None:
    nodes[0].film(fragments=10)
    with agent_naming(nodes[0], {"gate": "Front gate", "c1": "Yard", "c2": "yard"}):
        done = at.run("export", nodes[0], "front GATE", *over(), "-o", tmp_path / "a.mp4")
        assert done.exit_code == 0
        twice = at.run("export", nodes[0], "yard", *over(), "-o", tmp_path / "b.mp4")
        assert (twice.exit_code, "Name its id: c1, c2" in words(twice)) == (1, True)
        never = at.run("export", nodes[0], "c1", *over(), "-o", tmp_path / "b.mp4")
        assert (never.exit_code, "c1 (main) has no recording" in words(never).lower()) == (4, True)


def test_without_an_agent_names_are_not_known_and_ids_are(
    nodes: list[Node], tmp_path: Path, at: At
) -> None:
    nodes[0].film(fragments=10)
    done = at.run("export", nodes[0], "Front gate", *over(), "-o", tmp_path / "a.mp4", "--json")
    assert done.exit_code == 1
    problem = json.loads(done.stdout)["problem"]
    assert "the agent of this node tells no names" in problem
    assert "known: gate" in problem


def test_what_is_there_is_replaced_only_by_force(nodes: list[Node], tmp_path: Path, at: At) -> None:
    nodes[0].film(fragments=10)
    target = tmp_path / "gate.mp4"
    target.write_bytes(b"evidence")
    kept = at.run("export", nodes[0], "gate", *over(), "-o", target)
    assert (kept.exit_code, "exists already" in words(kept)) == (1, True)
    assert target.read_bytes() == b"evidence"
    forced = at.run("export", nodes[0], "gate", *over(), "-o", target, "--force")
    assert forced.exit_code == 0
    assert len(packets(target)) == 250


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "noon", "-o", "x.mp4"], "--from: 'noon' is no time"),
        (["--from", "-1m", "--to", "-2m", "-o", "x.mp4"], "is not before --to"),
        (["--from", "2030-01-01", "--to", "2030-01-02", "-o", "x.mp4"], "has not come yet"),
        (["-o", "x.mp4"], "Missing option '--from'"),
        (["--from", "-1m"], "Missing option '-o'"),
    ],
)
def test_wrong_usage_is_told_before_anybody_is_asked(
    nodes: list[Node], at: At, options: list[str], sentence: str
) -> None:
    done = at.run("export", nodes[0], "gate", *options)
    assert (done.exit_code, sentence in words(done)) == (2, True)


def test_a_machine_that_is_no_node_is_told_so(nodes: list[Node], tmp_path: Path, at: At) -> None:
    options = [*over(), "-o", str(tmp_path / "x.mp4")]
    nowhere = replace(nodes[0], settings_path=tmp_path / "none.toml")
    done = at.run("export", nowhere, "gate", *options)
    assert (done.exit_code, "none.toml: No such file" in words(done)) == (1, True)
    credentials = nodes[0].settings.data / "node.pem"
    credentials.write_text("no key")
    damaged = at.run("export", nodes[0], "gate", *options)
    assert (damaged.exit_code, "node.pem cannot be used" in words(damaged)) == (1, True)
    credentials.unlink()
    done = at.run("export", nodes[0], "gate", *options)
    assert (done.exit_code, "has it joined a cluster?" in words(done)) == (1, True)


def test_who_may_not_read_the_nodes_key_is_told_to_be_root(
    nodes: list[Node], tmp_path: Path, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = os.open

    def refuse(path: str | Path, *more: int, **keys: int) -> int:
        if str(path).endswith("node.pem"):
            raise PermissionError(13, "Permission denied")
        return opening(path, *more, **keys)

    monkeypatch.setattr(os, "open", refuse)
    done = at.run("export", nodes[0], "gate", *over(), "-o", tmp_path / "x.mp4")
    assert (done.exit_code, "run this with sudo" in words(done)) == (1, True)


def test_a_directory_that_takes_no_file_is_told(nodes: list[Node], tmp_path: Path, at: At) -> None:
    nodes[0].film(fragments=10)
    done = at.run("export", nodes[0], "gate", *over(), "-o", tmp_path / "none" / "x.mp4")
    assert (done.exit_code, "/none does not exist. Make it" in words(done)) == (1, True)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkfifo, "a device, pipe or socket"),
        (os.mkdir, "a directory"),
        (lambda path: Path(path).symlink_to("elsewhere"), "a symbolic link"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--force",)])
def test_only_a_file_gives_way_to_an_export(
    nodes: list[Node],
    tmp_path: Path,
    at: At,
    make: Callable[[str], None],
    kind: str,
    options: tuple[str, ...],
) -> None:
    nodes[0].film(fragments=10)
    target = tmp_path / "gate.mp4"
    make(str(target))
    before = target.lstat()
    done = at.run("export", nodes[0], "gate", *over(), "-o", target, *options)
    assert (done.exit_code, f"is {kind}, and an export" in words(done)) == (1, True)
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_a_file_that_came_to_be_meanwhile_stays(
    nodes: list[Node], tmp_path: Path, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes[0].film(fragments=10)
    target = tmp_path / "exports" / "gate.mp4"
    target.parent.mkdir()

    def come(_shown: object, progress: Progress) -> None:
        if progress.phase is Phase.COPYING:
            target.write_bytes(b"evidence")

    monkeypatch.setattr("tandem.cli.export._Shown.show", come)
    done = at.run("export", nodes[0], "gate", *over(), "-o", target)
    assert (done.exit_code, "exists already" in words(done)) == (1, True)
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"evidence"]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("-", "cannot go to standard output"),
        ("", "names no file"),
        ("exports/", "'exports/' names no file, as in 'exports/gate.mp4'"),
    ],
)
def test_what_names_no_file_is_wrong_usage(
    nodes: list[Node], at: At, target: str, sentence: str
) -> None:
    done = at.run("export", nodes[0], "gate", *over(), "-o", target)
    assert (done.exit_code, sentence in words(done)) == (2, True)


def test_a_time_before_all_recordings_is_answered_with_when_they_are(
    nodes: list[Node], tmp_path: Path, at: At
) -> None:
    nodes[0].film(fragments=4)
    done = at.run("export", nodes[1], "gate", *over(-60, -30), "-o", tmp_path / "x.mp4")
    known = "between 2026-11-18T11:06:40.000000Z and 2026-11-18T11:06:44.000000Z"
    assert (done.exit_code, f"What is there lies {known}" in words(done)) == (4, True)


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def sent(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal, handled as at a terminal: whatever runs in the background may have it ignored."""
    chosen: signal.Signals = request.param
    handler = signal.default_int_handler if chosen is signal.SIGINT else signal.SIG_DFL
    before = signal.signal(chosen, handler)
    yield chosen
    signal.signal(chosen, before)


def test_a_command_that_is_told_to_end_leaves_nothing_half_written(
    nodes: list[Node],
    tmp_path: Path,
    at: At,
    monkeypatch: pytest.MonkeyPatch,
    sent: signal.Signals,
) -> None:
    nodes[0].film(fragments=10)
    folder = tmp_path / "exports"
    folder.mkdir()
    seen: list[str] = []

    def end(_shown: object, progress: Progress) -> None:
        if progress.phase is Phase.COPYING:
            seen.extend(path.name for path in folder.iterdir())
            os.kill(os.getpid(), sent)

    monkeypatch.setattr("tandem.cli.export._Shown.show", end)
    before = signal.getsignal(sent)
    done = at.run("export", nodes[0], "gate", *over(), "-o", folder / "gate.mp4", "--json")
    told = {"version": 1, "problem": "The export was stopped. No file was written."}
    assert (done.exit_code, json.loads(done.stdout)) == (1, told)
    assert len(seen) == 1
    assert list(folder.iterdir()) == []
    assert signal.getsignal(sent) is before
