"""What the recorders say together."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.node.recorders.running import stream

from tandem.archive.space import Limits
from tandem.node.children.health import Condition
from tandem.node.children.slot import StatusError
from tandem.node.recorders.report import (
    NodeReport,
    RecorderReport,
    Status,
    merge,
    parse_status,
)
from tandem.node.recorders.wanted import Wanted
from tandem.recording.camera import StreamName
from tandem.recording.orders import VolumeOrder

MAIN = StreamName.MAIN
VOLUME_ID = str(UUID(int=1))
WANTED = Wanted(
    1, (VolumeOrder(Path("/srv/a"), UUID(int=1), Limits()),), (stream("a"), stream("b"))
)
WELL = {"problem": None, "dead": False, "backlog_bytes": 5}


def status(
    at_us: int, camera_id: str, volume: dict[str, Any] | None = None, dropped_bytes: int = 0
) -> Status:
    said = {"camera_id": camera_id, "stream": "main", "connected": True, "pictures": 9}
    measured = {"free_bytes": at_us, "recorded_bytes": at_us, "room_bytes": at_us}
    line = {
        "version": 1,
        "at_us": at_us,
        "streams": [said],
        "volumes": [{"volume_id": VOLUME_ID, "path": "/srv/a"} | WELL | measured | (volume or {})],
        "dropped_bytes": dropped_bytes,
    }
    return parse_status(json.dumps(line).encode())


def report(*recorders: RecorderReport) -> NodeReport:
    return merge(WANTED, {"a": 0, "b": 1}, recorders)


def recording(said: Status | None) -> RecorderReport:
    return RecorderReport(Condition.RUNNING, 1, status=said)


def test_each_stream_is_as_its_recorder_says() -> None:
    found = report(recording(status(1, "a")), recording(status(2, "b")))
    assert [it["connected"] for it in found.streams.values()] == [True, True]


@pytest.mark.parametrize("condition", sorted(set(Condition) - {Condition.RUNNING}))
def test_a_stream_whose_recorder_is_not_well_is_not_connected_and_says_why(
    condition: Condition,
) -> None:
    hung = RecorderReport(condition, 1, status=status(1, "a"))
    found = report(hung, recording(status(2, "b"))).streams["a", MAIN]
    assert (found["connected"], found["cause"]) == (False, "recorder_down")
    assert found["message"].startswith("camera a (a/main): its recorder ")
    assert found["pictures"] == 9  # what was known stays


def test_a_stream_that_no_recorder_has_begun_is_there_all_the_same() -> None:
    found = report(recording(None), recording(status(2, "b")))
    assert found.streams["a", MAIN]["connected"] is False


def test_a_stream_that_is_no_longer_wanted_is_not_shown() -> None:
    assert ("old", MAIN) not in report(recording(status(1, "old")), recording(None)).streams


def test_a_volume_is_shown_once_with_all_backlogs_and_the_latest_measure() -> None:
    found = report(recording(status(8, "a")), recording(status(7, "b"))).volumes
    assert list(found) == [VOLUME_ID]
    volume = found[VOLUME_ID]
    assert (volume["backlog_bytes"], volume["free_bytes"], volume["recorders"]) == (10, 8, 2)


def test_a_recorder_that_has_not_measured_hides_no_measure() -> None:
    unmeasured = {"free_bytes": None, "recorded_bytes": None, "room_bytes": None}
    found = report(recording(status(8, "a", unmeasured)), recording(status(7, "b")))
    assert found.volumes[VOLUME_ID]["free_bytes"] == 7


def test_a_volume_that_one_recorder_has_given_up_is_dead_and_says_why_once() -> None:
    broken = {"dead": True, "problem": "the disk is gone"}
    found = report(recording(status(8, "a", broken)), recording(status(7, "b", broken)))
    assert found.volumes[VOLUME_ID]["dead"]
    assert found.volumes[VOLUME_ID]["problem"] == "the disk is gone"


def test_a_volume_that_nobody_could_open_is_not_passed_over() -> None:
    found = report(recording(Status(1)), recording(None)).volumes[VOLUME_ID]
    assert (found["problem"], found["recorders"]) == ("no recorder has it open", 0)


def test_what_was_dropped_is_added_up() -> None:
    said = [recording(status(1, "a", dropped_bytes=3)), recording(status(1, "b", dropped_bytes=4))]
    assert report(*said).dropped_bytes == 7


@pytest.mark.parametrize(
    "line", [b"", b"{", b"7", b"{}", b'{"version": 1}', b'{"version": 2, "at_us": 1}', b"\xff"]
)
def test_what_is_no_status_is_refused(line: bytes) -> None:
    with pytest.raises(StatusError, match="A recorder wrote"):
        parse_status(line)
