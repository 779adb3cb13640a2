"""What the log is told of a stream: nothing twice in a row, and nothing too late."""

import logging

import pytest

from tandem.recording.stream_log import REPEAT_US, StreamLog

LABEL = "camera Gate (gate/main)"
HOUR_US = 3_600_000_000


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return said


def test_a_camera_that_is_off_for_long_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    log = StreamLog()
    for second in range(0, 3600, 5):
        log.failed(LABEL, "It is off.", second * 1_000_000)
    assert told(caplog) == [f"{LABEL}: It is off; it is tried again and again"] * (
        HOUR_US // REPEAT_US
    )


def test_another_failure_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    log = StreamLog()
    for message in ("It is off.", "It says no.", "It is off.", "It says no."):
        log.failed(LABEL, message, 0)
    assert [it.split(";")[0] for it in told(caplog)] == [
        f"{LABEL}: It is off",
        f"{LABEL}: It says no",
    ]


def test_messages_that_are_never_the_same_take_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    log = StreamLog()
    for number in range(1000):
        log.failed(LABEL, f"Failure {number}.", 0)
    assert len(told(caplog)) == 1000
    assert len(log._again_us) < 100


def test_its_return_is_told_once_and_the_next_failure_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = StreamLog()
    log.recorded(LABEL, None)
    assert told(caplog) == []
    log.failed(LABEL, "It is off.", 0)
    log.recorded(LABEL, None)
    log.recorded(LABEL, None)
    log.failed(LABEL, "It is off.", 1)
    assert told(caplog)[1:] == [
        f"{LABEL}: it is recorded again",
        f"{LABEL}: It is off; it is tried again and again",
    ]


def test_a_change_by_order_is_no_failure_and_its_end_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = StreamLog()
    log.switched(LABEL, "its settings were changed (URL), so it is asked anew")
    log.recorded(LABEL, None)
    log.recorded(LABEL, None)
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert told(caplog) == [
        f"{LABEL}: its settings were changed (URL), so it is asked anew",
        f"{LABEL}: it is recorded again",
    ]


def test_lost_packets_are_told_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    log = StreamLog()
    for second in range(0, 3600, 5):
        log.lost(LABEL, second + 1, second * 1_000_000)
    lines = told(caplog)
    assert len(lines) == HOUR_US // REPEAT_US
    assert lines[0].startswith(f"{LABEL}: packets are lost on the way from the camera (1 of")


def test_a_message_that_names_the_camera_names_it_once(caplog: pytest.LogCaptureFixture) -> None:
    StreamLog().failed(LABEL, f"{LABEL}: nothing listens.", 0)
    assert told(caplog) == [f"{LABEL}: nothing listens; it is tried again and again"]


def test_a_clock_that_is_not_believed_is_told_once_and_when_it_is_right_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = StreamLog()
    for offset_us in (200_000, -HOUR_US, None, -HOUR_US, 100_000, 100_000):
        log.recorded(LABEL, offset_us)
    wrong, right = told(caplog)
    assert wrong.startswith(f"{LABEL}: its clock is 3,600 s behind, and not believed")
    assert right == f"{LABEL}: its clock is right again"
