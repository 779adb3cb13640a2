"""What is pushed into a tap comes out at the other end, whenever one joins or loses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.store.subjects import in_a_loop
from tests.recording.relay.feeding import (
    GOP,
    PICTURE_TICKS,
    PICTURE_US,
    SOUND_HZ,
    Bench,
    Call,
    HandClock,
    Later,
    Notes,
    Wire,
    numbers,
)
from tests.recording.relay.units import audio_units, video_units
from tests.recording.streams import T0_US, order

from tandem.clock import Clock
from tandem.media.fragmenter import Fragment
from tandem.media.units import AccessUnit, TimelineBreak
from tandem.recording.framing import ProtocolError
from tandem.recording.relay.feed import KEPT_BYTES, KEPT_US, Tap, TappedSource
from tandem.recording.relay.protocol import Place, Start, Unit, UnitWriter
from tandem.recording.relay.reception import Reception
from tandem.recording.source import Cause, SourceError, UnitSink
from tandem.recording.stream_recording import StreamSink

totals = st.integers(0, 1 << 40)
pushes: st.SearchStrategy[Call] = st.one_of(
    st.tuples(st.just("video"), st.lists(video_units | st.just(TimelineBreak()), max_size=4)),
    st.tuples(st.just("audio"), st.lists(audio_units | st.just(TimelineBreak()), max_size=4)),
    st.tuples(
        st.just("report"), st.integers(0, (1 << 32) - 1), st.integers(0, 1 << 60), st.booleans()
    ),
    st.tuples(st.just("lost"), totals, totals),
)


def push(tap: Tap, call: Call) -> None:
    match call:
        case ("video", items):
            tap.video(items)
        case ("audio", items):
            tap.audio(items)
        case ("report", rtp_time, ntp_utc_us, is_video):
            tap.sender_report(rtp_time, ntp_utc_us, is_video=is_video)
        case ("lost", packets, damaged_units):
            tap.lost(packets, damaged_units)


def without_repetition(calls: list[Call]) -> list[Call]:
    """Losses are totals; to say the same again says nothing."""
    kept: list[Call] = []
    lost: Call = ("lost", 0, 0)
    for call in calls:
        if call[0] != "lost" or call != lost:
            kept.append(call)
        if call[0] == "lost":
            lost = call
    return kept


@given(st.none() | st.integers(1, 192_000), st.lists(pushes, max_size=12))
def test_what_comes_out_is_what_went_in(hz: int | None, calls: list[Call]) -> None:
    bench, received = Bench(hz), Notes()
    _, wire = bench.join(received)
    bench.begin()
    for call in calls:
        wire.deliver()
        push(bench.tap, call)
    wire.deliver()
    assert received.calls == without_repetition(bench.source.calls)


@given(st.lists(pushes, max_size=12), st.lists(st.integers(0, 2000), min_size=1, max_size=6))
def test_a_connection_that_breaks_anywhere_is_gone_on_with_where_it_ended(
    calls: list[Call], breaks: list[int]
) -> None:
    bench, received = Bench(SOUND_HZ), Notes()
    reception, wire = bench.join(received)
    bench.begin()
    wire.deliver()
    for place, call in enumerate(calls):
        push(bench.tap, call)
        if place % 2:
            wire.deliver(breaks[place % len(breaks)])
            wire.breaks()
            wire = Wire(bench.feed, reception)
    wire.deliver()
    assert received.units == bench.source.units
    assert [call for call in received.calls if call[0] == "begin"] == [("begin", SOUND_HZ)]


def test_who_joins_begins_with_the_last_keyframe() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    bench.film(3 * GOP + 10)
    _, wire = bench.join(received)
    bench.film(5)
    wire.deliver()
    assert numbers(received.calls) == list(range(3 * GOP, 3 * GOP + 15))


def test_who_joins_before_the_first_keyframe_gets_what_was_before_it() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    bench._next = 5
    bench.film(10)
    bench.join(received)[1].deliver()
    assert numbers(received.calls) == list(range(5, 15))


def test_who_was_away_for_too_long_is_told_that_pictures_lie_between() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    reception, wire = bench.join(received)
    bench.film(GOP)
    wire.deliver()
    wire.breaks()
    bench.film(GOP * (KEPT_US // 1_000_000 + 2))
    wire = Wire(bench.feed, reception)
    wire.deliver()
    assert wire.end_of_stream is not None
    assert wire.end_of_stream.cause is Cause.RELAY
    assert numbers(received.calls) == list(range(GOP))


def test_a_session_that_ended_is_not_gone_on_with() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    reception, wire = bench.join(received)
    bench.film(3)
    wire.deliver()
    wire.breaks()
    bench.feed.end("the camera closed the connection")
    bench.begin()
    bench.film(3)
    wire = Wire(bench.feed, reception)
    wire.deliver()
    assert wire.end_of_stream is not None
    assert numbers(received.calls) == [0, 1, 2]


def test_who_knows_the_session_before_gets_the_next_one_from_its_beginning() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    reception, wire = bench.join(received)
    bench.film(3)
    bench.feed.end("the camera closed the connection")
    wire.deliver()
    bench.begin()
    bench.film(2 * GOP)
    Wire(bench.feed, Reception(received, bench.clock, reception.place)).deliver()
    assert numbers(received.calls) == list(range(2 * GOP + 3))
    assert [call[0] for call in received.calls].count("begin") == 2


def test_who_was_away_for_too_long_begins_with_all_that_is_kept() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    reception, wire = bench.join(received)
    bench.film(3)
    wire.deliver()
    wire.breaks()
    bench.film(10 * GOP)
    first = bench.feed._first
    Wire(bench.feed, Reception(received, bench.clock, reception.place)).deliver()
    assert numbers(received.calls) == [0, 1, 2, *range(first, 10 * GOP + 3)]


def test_what_is_kept_is_bounded_in_time_and_in_bytes() -> None:
    bench = Bench()
    bench.begin()
    bench.film(100 * GOP)
    assert len(bench.feed._kept) <= KEPT_US // PICTURE_US + 1
    bench.film(100 * GOP, size=KEPT_BYTES // 10)
    assert bench.feed._kept_bytes <= KEPT_BYTES
    sizes = [len(it.item.data) for it in bench.feed._kept if isinstance(it.item, AccessUnit)]
    assert sum(sizes) == bench.feed._kept_bytes


def test_the_pictures_since_a_keyframe_are_kept_however_long_ago_it_was() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    bench.film(1)
    bench._next = 1
    for number in range(1, 500):
        bench.clock.now_us += PICTURE_US
        unit = bench.picture(number)
        unit.is_keyframe = False
        bench.tap.video([unit])
    bench.join(received)[1].deliver()
    assert numbers(received.calls) == list(range(500))


def test_nothing_is_kept_of_what_nobody_may_have() -> None:
    bench = Bench()
    bench.feed.offer(is_offered=False)
    bench.begin()
    bench.film(GOP)
    assert not bench.feed.is_live
    assert not bench.feed._kept
    assert numbers(bench.source.calls) == list(range(GOP))


def test_a_camera_that_is_recorded_already_may_be_offered_later() -> None:
    bench, received = Bench(SOUND_HZ), Notes()
    bench.feed.offer(is_offered=False)
    bench.begin()
    bench.film(GOP + 3)
    bench.feed.offer(is_offered=True)
    assert bench.feed.is_live
    _, wire = bench.join(received)
    bench.film(5)
    wire.deliver()
    assert received.calls[0] == ("begin", SOUND_HZ)
    assert numbers(received.calls) == list(range(GOP + 3, GOP + 8))


def test_what_is_offered_no_more_ends_for_all_who_have_it() -> None:
    bench = Bench()
    bench.begin()
    wires = [bench.join(Notes())[1] for _ in range(2)]
    bench.feed.offer(is_offered=False, why_not="the level was changed")
    for wire in wires:
        wire.deliver()
        assert wire.is_over
        assert wire.end_of_stream is not None
        assert wire.end_of_stream.cause is Cause.CLOSED
        assert "the level was changed" in wire.end_of_stream.message
    bench.film(3)
    assert all(not wire.sent for wire in wires)


def test_who_waits_for_a_camera_that_is_not_connected_gets_its_first_picture() -> None:
    bench, received = Bench(), Notes()
    _, wire = bench.join(received)
    wire.deliver()
    assert received.calls == []
    bench.begin()
    bench.film(3)
    wire.deliver()
    assert received.calls[0] == ("begin", None)
    assert numbers(received.calls) == [0, 1, 2]


def test_losses_are_counted_from_when_one_joined() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    bench.tap.lost(100, 10)
    _, wire = bench.join(received)
    bench.tap.lost(103, 11)
    wire.deliver()
    assert received.calls[-1] == ("lost", 3, 1)


def test_a_report_of_before_is_told_as_the_camera_would_make_it_now() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    bench.film(1)
    bench.report(0, ahead_us=7)
    bench.film(100)
    bench.join(received)[1].deliver()
    at = (1 << 33) + 100 * PICTURE_TICKS & 0xFFFFFFFF
    assert received.calls[-1] == ("report", at, T0_US + 101 * PICTURE_US + 7, True)


def test_a_report_of_before_a_break_is_not_told_after_it() -> None:
    bench, received = Bench(), Notes()
    bench.begin()
    bench.film(1)
    bench.report(0)
    bench.tap.video([TimelineBreak()])
    bench.film(1)
    bench.join(received)[1].deliver()
    assert [call[0] for call in received.calls] == ["begin", "video", "video", "video"]


@pytest.mark.parametrize("seconds_before", [0, 7])
def test_both_recordings_have_the_same_capture_times(seconds_before: int) -> None:
    """Though one hears everything later, the camera's clock tells when it was."""
    bench = Bench()
    recordings: list[list[Fragment]] = []

    def recording(clock: Clock) -> StreamSink:
        kept: list[Fragment] = []
        recordings.append(kept)
        return StreamSink(order(), clock, lambda _, it: kept.append(it), lambda *_: None)

    bench.tap = Tap(recording(bench.clock), bench.feed)
    bench.begin()
    wire = None
    for picture in range((seconds_before + 20) * GOP):
        if picture == seconds_before * GOP:
            _, wire = bench.join(recording(Later(bench.clock)))
        bench.film(1)
        if picture % 123 == 0:
            bench.report(picture, ahead_us=-150_000)
        if wire is not None:
            wire.deliver()
    first, second_ = (
        {sample.identity: sample.dts for fragment in kept for sample in fragment.video}
        for kept in recordings
    )
    apart = [abs(first[it] - second_[it]) for it in second_.keys() & first.keys()]
    assert len(apart) > 15 * GOP
    assert max(apart) <= 90


class Ending:
    """A source that begins and fails."""

    async def run(self, sink: UnitSink) -> None:
        sink.begin(None)
        raise SourceError(Cause.STALLED, "no picture for 5 s")


@in_a_loop
async def test_the_end_of_the_source_is_told_with_its_words() -> None:
    bench = Bench()
    _, wire = bench.join(Notes())
    with pytest.raises(SourceError):
        await TappedSource(Ending(), bench.feed).run(Notes())
    wire.deliver()
    assert wire.end_of_stream is not None
    assert "no picture for 5 s" in wire.end_of_stream.message
    assert not bench.feed.is_live


def test_units_before_the_start_are_refused() -> None:
    reception = Reception(Notes(), HandClock())
    unit = Unit(True, AccessUnit(b"x", 1, True, None, bytes(16)))
    with pytest.raises(ProtocolError, match="before the start"):
        reception.take([unit])


def test_a_start_elsewhere_than_asked_is_refused() -> None:
    reception = Reception(Notes(), HandClock())
    reception.take([Start(Place(1, 5), False, None, 0, 0)])
    with pytest.raises(ProtocolError, match="elsewhere"):
        reception.take([Start(Place(1, 7), True, None, 0, 0)])


def test_a_receiver_of_what_cannot_be_sent_is_the_only_one_harmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> list[bytes]:
        raise ProtocolError("a message of 33 MB")

    bench = Bench()
    bench.begin()
    _, wire = bench.join(Notes())
    monkeypatch.setattr(UnitWriter, "write", fail)
    bench.film(3)
    wire.deliver()
    assert wire.is_over
    assert numbers(bench.source.calls) == [0, 1, 2]
