"""What a node says it cannot record, and whose sessions it says it has: judged by progress."""

from dataclasses import replace
from typing import Any

import pytest

from tandem.archive.rows import Role
from tandem.cluster.duties import Word
from tandem.node.agent.standing import (
    BEGINNING_US,
    LOST_US,
    SILENT_US,
    UNKEPT_US,
    Standing,
)
from tandem.recording.camera import Relay, StreamKey, StreamName, StreamOrder, TransportPreference

SECOND_US = 1_000_000
ORDER = StreamOrder(
    "gate",
    "Gate",
    StreamName.MAIN,
    "rtsp://10.0.0.8/gate",
    None,
    TransportPreference.TCP,
    audio=False,
    role=Role.PRIMARY,
)
RELAYS = replace(ORDER, relays=True)
RELAYED = replace(ORDER, relay=Relay("n2", ("10.0.1.2",), 2381))
OFFERED = {"n2": Word(holds={"gate": {"main": 2381}})}


class Bench:
    """A node with one stream, looked at each second."""

    def __init__(self, order: StreamOrder = ORDER) -> None:
        self.order = order
        self.standing = Standing()
        self.others: dict[str, Word] = {}
        self.now_us = 1_000 * SECOND_US
        self.said: dict[str, Any] = {}

    def look(self, **said: Any) -> Word:
        self.said |= said
        key = self.order.key
        known = {key: self.said} if self.said else {}
        self.standing.look([self.order], known, self.others, self.now_us)
        return self.standing.word

    def record(self, seconds: int = 1) -> Word:
        """Pictures come and reach a disk."""
        for _ in range(seconds):
            self.now_us += SECOND_US
            self.look(
                connected=True,
                cause=None,
                recorded_until_us=self.now_us,
                durable_until_us=self.now_us - 2 * SECOND_US,
            )
        return self.standing.word

    def wait(self, duration_us: int, **said: Any) -> Word:
        """Look each second while it says the same."""
        until_us = self.now_us + duration_us
        while self.now_us < until_us:
            self.now_us = min(until_us, self.now_us + SECOND_US)
            self.look(**said)
        return self.standing.word


def is_able(word: Word) -> bool:
    return not word.unable


def test_a_stream_that_was_just_ordered_is_given_time() -> None:
    bench = Bench()
    bench.look()
    assert is_able(bench.wait(BEGINNING_US - 1))
    assert not is_able(bench.wait(1))


def test_a_node_whose_camera_does_not_answer_any_more_says_so_and_takes_it_back_by_pictures() -> (
    None
):
    bench = Bench()
    bench.record(20)
    assert is_able(bench.wait(LOST_US - 1, connected=False, cause="unreachable"))
    assert not is_able(bench.wait(1))
    assert not is_able(bench.wait(5 * SECOND_US, connected=True, cause=None))
    assert is_able(bench.record())


def test_a_session_that_the_camera_refused_to_give_back_is_held_no_more() -> None:
    bench = Bench(RELAYS)
    bench.record(20)
    assert bench.standing.word.holds
    assert not bench.wait(LOST_US, connected=False, cause="session-limit").holds
    word = bench.wait(SECOND_US, cause="unreachable")
    assert is_able(word)
    assert not word.holds, "it was lost long ago"


def test_a_connection_that_brought_nothing_for_seconds_is_not_waited_for_again() -> None:
    bench = Bench()
    bench.record(20)
    assert not is_able(bench.wait(SECOND_US, connected=False, cause="stalled"))


def test_a_camera_that_agrees_to_play_and_sends_nothing_is_none_whatever_it_agrees_to_again() -> (
    None
):
    bench = Bench()
    bench.look(connected=True, recorded_until_us=None, durable_until_us=None)
    assert is_able(bench.wait(SILENT_US - 1))
    assert not is_able(bench.wait(1))
    bench.wait(SECOND_US, connected=False, cause="stalled")
    assert not is_able(bench.wait(SECOND_US, connected=True, cause=None))


@pytest.mark.parametrize(
    "cause", ["session-limit", "unauthorised", "not-found", "no-video", "unsupported"]
)
def test_what_a_camera_would_say_to_any_node_makes_none_unable(cause: str) -> None:
    bench = Bench()
    bench.look()
    assert is_able(bench.wait(60 * SECOND_US, connected=False, cause=cause))


@pytest.mark.parametrize("cause", ["no-volume", "recorder_down", "name-unknown", "refused", None])
def test_whatever_else_keeps_it_from_recording_does(cause: str | None) -> None:
    bench = Bench()
    bench.look()
    assert not is_able(bench.wait(60 * SECOND_US, connected=False, cause=cause))


def test_a_node_without_recorders_says_that_it_cannot() -> None:
    bench = Bench()
    bench.look()
    assert not is_able(bench.wait(BEGINNING_US))


def test_pictures_that_reach_no_disk_are_none_until_one_reaches_it() -> None:
    bench = Bench()
    bench.record(20)
    kept_us = bench.said["durable_until_us"]
    for _ in range(UNKEPT_US // SECOND_US - 1):
        bench.now_us += SECOND_US
        assert is_able(bench.look(recorded_until_us=bench.now_us))
    bench.now_us += SECOND_US
    assert not is_able(bench.look(recorded_until_us=bench.now_us))
    assert not is_able(bench.look(durable_until_us=None)), "its recorder was started again"
    assert not is_able(bench.look(durable_until_us=kept_us))
    assert is_able(bench.record())


def test_what_a_camera_left_unfinished_when_it_went_is_not_laid_to_the_disk() -> None:
    bench = Bench()
    bench.record(20)
    assert is_able(bench.wait(2 * UNKEPT_US, connected=False, cause="session-limit"))


def test_a_disk_that_is_slow_and_gets_on_is_no_reason() -> None:
    bench = Bench()
    bench.record(20)
    for second in range(60):
        bench.now_us += SECOND_US
        late_us = bench.now_us - (30 + second) * SECOND_US - second % 7
        word = bench.look(recorded_until_us=bench.now_us, durable_until_us=late_us)
        assert is_able(word)


def test_a_session_is_held_while_connected_and_a_moment_longer() -> None:
    bench = Bench(RELAYS)
    assert not bench.look().holds
    assert bench.look(connected=True, relay_port=2382).holds == {"gate": {"main": 2382}}
    bench.record(20)
    word = bench.wait(LOST_US - 1, connected=False, cause="closed", relay_port=None)
    assert word.holds == {"gate": {"main": 2382}}, "others keep asking there"
    assert not bench.wait(1).holds


@pytest.mark.parametrize("cause", ["session-limit", "stalled"])
def test_a_session_that_another_node_has_or_that_brings_nothing_is_not_held(cause: str) -> None:
    bench = Bench(RELAYS)
    bench.record(20)
    assert not bench.wait(SECOND_US, connected=False, cause=cause).holds


def test_only_what_comes_from_the_camera_and_is_to_be_passed_on_is_held() -> None:
    assert not Bench(ORDER).record(20).holds
    bench = Bench(RELAYED)
    bench.others = OFFERED
    assert not bench.record(20).holds


def test_who_is_passed_nothing_on_is_not_to_blame_while_nothing_is_offered() -> None:
    bench = Bench(RELAYED)
    bench.look()
    assert is_able(bench.wait(60 * SECOND_US, connected=False, cause="unreachable"))
    bench.others = OFFERED
    assert is_able(bench.wait(BEGINNING_US - 1))
    assert not is_able(bench.wait(1))


def test_when_the_source_changes_it_is_given_time_anew() -> None:
    bench = Bench(RELAYS)
    bench.look()
    assert not is_able(bench.wait(60 * SECOND_US, connected=False, cause="unreachable"))
    bench.order, bench.others = RELAYED, OFFERED
    assert is_able(bench.look())


def test_a_stream_that_stalls_says_nothing_of_the_cameras_other_one() -> None:
    standing, sub = Standing(), replace(ORDER, stream=StreamName.SUB)
    for second in range(1, 30):
        now_us = second * SECOND_US
        main: dict[str, Any] = {
            "connected": True,
            "recorded_until_us": now_us,
            "durable_until_us": now_us,
        }
        said: dict[StreamKey, dict[str, Any]] = {
            ORDER.key: main,
            sub.key: {"connected": False, "cause": "stalled"},
        }
        standing.look([ORDER, sub], said, {}, now_us)
    assert standing.word.unable == {sub.key}


def test_a_word_is_counted_when_it_changes() -> None:
    bench = Bench()
    bench.record(20)
    assert bench.standing.changes == 0
    bench.wait(60 * SECOND_US, connected=False, cause="unreachable")
    assert bench.standing.changes == 1
