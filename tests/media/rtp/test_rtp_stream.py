"""Packets in every state, through `RtpStream`, to a depacketiser that writes down what it gets."""

import struct
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtp.stream import RtpStream
from tandem.media.rtp.wrap import unwrap32
from tandem.media.units import AccessUnit, TimelineBreak

PAYLOAD_TYPE = 96
SSRC = 0x1234_5678


class Recorder:
    """A depacketiser that keeps the payloads and the order of all calls."""

    def __init__(self) -> None:
        self.units: list[AccessUnit | TimelineBreak] = []
        self.damaged_units = 0
        self.calls: list[str] = []
        self.times: list[int] = []
        self.markers: list[bool] = []

    def receive(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        self.calls.append(bytes(buffer[start:end]).decode("latin-1"))
        self.times.append(rtp_time)
        self.markers.append(marker)

    def continuation(self) -> None:
        return None

    def lose(self) -> None:
        self.calls.append("<lose>")

    def flush(self) -> None:
        assert TimelineBreak() not in self.units[len(self.units) - 1 :], "flush before the break"
        self.calls.append("<flush>")

    def take(self) -> list[AccessUnit | TimelineBreak]:
        taken, self.units = self.units, []
        return taken


def packet(
    sequence: int,
    payload: bytes = b"x",
    *,
    timestamp: int = 0,
    ssrc: int = SSRC,
    payload_type: int = PAYLOAD_TYPE,
    marker: bool = False,
    flags: int = 0x80,
) -> bytes:
    return (
        struct.pack(
            "!BBHII",
            flags,
            payload_type | (0x80 if marker else 0),
            sequence & 0xFFFF,
            timestamp & 0xFFFF_FFFF,
            ssrc,
        )
        + payload
    )


def received(packets: Iterable[bytes]) -> tuple[RtpStream, Recorder]:
    """A stream that took these packets from the middle of a larger buffer, which then changed."""
    recorder = Recorder()
    stream = RtpStream(recorder, PAYLOAD_TYPE)
    for data in packets:
        buffer = bytearray(b"\xff" * 4 + data + b"\xff" * 3)
        stream.receive(memoryview(buffer), 4, 4 + len(data))
        buffer[:] = bytes(len(buffer))
    return stream, recorder


def test_packets_in_sequence_pass_with_their_marker_and_nothing_is_lost() -> None:
    stream, recorder = received([packet(7, b"a"), packet(8, b"b", marker=True), packet(9, b"c")])
    assert recorder.calls == ["a", "b", "c"]
    assert recorder.markers == [False, True, False]
    assert stream.counters.packets == 3
    assert stream.ssrc == SSRC


def test_the_sequence_wraps_without_loss() -> None:
    stream, recorder = received(packet(n, bytes([n % 7])) for n in range(65_530, 65_545))
    assert len(recorder.calls) == 15
    assert stream.counters.lost == stream.counters.late == 0
    reception = stream.reception()
    assert reception is not None
    assert reception.extended_highest_sequence == 65_544
    assert (reception.expected, reception.lost) == (15, 0)


def test_a_gap_across_the_wrap_is_counted_once_and_told_before_the_next_packet() -> None:
    stream, recorder = received([packet(65_534, b"a"), packet(3, b"b"), packet(4, b"c")])
    assert recorder.calls == ["a", "<lose>", "b", "c"]
    assert stream.counters.lost == 4
    reception = stream.reception()
    assert reception is not None
    assert reception.extended_highest_sequence == 65_536 + 4
    assert (reception.expected, reception.lost) == (7, 4)


def test_late_and_duplicate_packets_are_dropped() -> None:
    stream, recorder = received([packet(n, str(n).encode()) for n in (10, 11, 13, 12, 13, 14)])
    assert recorder.calls == ["10", "11", "<lose>", "13", "14"]
    assert (stream.counters.lost, stream.counters.late) == (1, 2)
    reception = stream.reception()
    assert reception is not None
    assert reception.lost == -1  # late and duplicate ones count as received, RFC 3550 A.3


def test_padding_csrc_list_and_header_extension_are_taken_off() -> None:
    csrc = b"\0\0\0\1\0\0\0\2"
    extension = b"\xab\xcd\0\1" + b"ext!"
    _, recorder = received(
        [
            packet(1, b"pad" + b"\0\0\3", flags=0xA0),
            packet(2, csrc + b"csrc", flags=0x82),
            packet(3, extension + b"extended", flags=0x90),
            packet(4, csrc + extension + b"all" + b"\1", flags=0xB2),
            packet(5, b"plain"),
        ]
    )
    assert recorder.calls == ["pad", "csrc", "extended", "all", "plain"]


def test_packets_of_padding_only_carry_nothing_and_are_not_lost() -> None:
    stream, recorder = received(
        [packet(1, b"a"), packet(2, b"\0\0\0\4", flags=0xA0), packet(3, b""), packet(4, b"b")]
    )
    assert recorder.calls == ["a", "b"]
    assert (stream.counters.lost, stream.counters.malformed) == (0, 0)


def test_lengths_that_do_not_add_up_are_malformed_and_their_packet_lost() -> None:
    bad = [
        packet(2, b"abc", flags=0x40),  # version 1
        packet(2, b"abc\5", flags=0xA0),  # more padding than payload
        packet(2, b"abc\0", flags=0xA0),  # padding of no bytes
        packet(2, b"", flags=0xA0),  # padding without a byte to say how much
        packet(2, b"abc", flags=0x81),  # CSRC list cut short
        packet(2, b"\0\0\0", flags=0x90),  # header extension cut short
        packet(2, b"\0\0\0\2\0\0\0\0", flags=0x90),  # extension longer than the packet
        packet(2)[:11],
        b"",
    ]
    stream, recorder = received([packet(1, b"a"), *bad, packet(3, b"b")])
    assert recorder.calls == ["a", "<lose>", "b"]
    assert stream.counters.malformed == len(bad)
    assert stream.counters.lost == 1


def test_another_payload_type_of_the_same_source_is_ignored_but_is_not_loss() -> None:
    stream, recorder = received(
        [packet(1, b"a"), packet(2, b"noise", payload_type=13), packet(3, b"b")]
    )
    assert recorder.calls == ["a", "b"]
    assert (stream.counters.foreign, stream.counters.lost) == (1, 0)


def test_another_payload_type_of_another_source_changes_nothing() -> None:
    strangers = [packet(n, b"?", payload_type=97, ssrc=9) for n in (500, 501, 502)]
    stream, recorder = received([packet(1, b"a"), *strangers, packet(2, b"b")])
    assert recorder.calls == ["a", "b"]
    assert stream.counters.foreign == 3
    assert stream.ssrc == SSRC


def test_a_foreign_first_packet_does_not_become_the_source() -> None:
    _, recorder = received([packet(1, payload_type=97, ssrc=9), packet(5, b"a"), packet(6, b"b")])
    assert recorder.calls == ["a", "b"]


def test_a_new_source_is_taken_over_whole_behind_a_break() -> None:
    stream, recorder = received(
        [
            packet(1, b"a", timestamp=90_000),
            packet(700, b"b", ssrc=9, timestamp=5),
            packet(701, b"c", ssrc=9, timestamp=5, marker=True),
            packet(702, b"d", ssrc=9, timestamp=3605),
        ]
    )
    assert recorder.calls == ["a", "<flush>", "b", "c", "d"]
    assert recorder.take() == [TimelineBreak()]
    assert (stream.counters.ssrc_changes, stream.counters.lost) == (1, 0)
    assert [time & 0xFFFF_FFFF for time in recorder.times] == [90_000, 5, 5, 3605]
    reception = stream.reception()
    assert reception is not None
    assert (reception.ssrc, reception.expected, reception.lost) == (9, 3, 0)


def test_a_stray_that_happens_to_be_next_in_sequence_is_not_taken_for_ours() -> None:
    _, recorder = received([packet(1, b"a"), packet(2, b"?", ssrc=9), packet(2, b"b")])
    assert recorder.calls == ["a", "b"]


def test_single_strays_of_other_sources_do_not_break_the_timeline() -> None:
    packets = [packet(1, b"a"), packet(50, b"?", ssrc=9), packet(2, b"b")]
    packets += [packet(51, b"?", ssrc=9), packet(3, b"c"), packet(7, b"?", ssrc=8)]
    stream, recorder = received(packets)
    assert recorder.calls == ["a", "b", "c"]
    assert recorder.units == []
    assert stream.counters.stray == 2


def test_a_large_jump_is_a_restart_once_a_second_packet_follows() -> None:
    stream, recorder = received(
        [packet(1, b"a"), packet(40_000, b"b"), packet(40_001, b"c"), packet(40_002, b"d")]
    )
    assert recorder.calls == ["a", "<flush>", "b", "c", "d"]
    assert recorder.take() == [TimelineBreak()]
    assert (stream.counters.restarts, stream.counters.lost) == (1, 0)


def test_a_jump_that_nothing_follows_is_forgotten() -> None:
    stream, recorder = received(
        [packet(1, b"a"), packet(40_000, b"?"), packet(2, b"b"), packet(40_001, b"?")]
    )
    assert recorder.calls == ["a", "b"]
    assert stream.counters.restarts == 0
    assert stream.counters.stray == 1


def test_a_restart_with_the_last_sequence_number_before_the_wrap_is_followed() -> None:
    _, recorder = received(
        [
            packet(9, b"a"),
            packet(65_535, b"b", ssrc=9),
            packet(0, b"c", ssrc=9),
            packet(1, b"d", ssrc=9),
        ]
    )
    assert recorder.calls == ["a", "<flush>", "b", "c", "d"]


def test_two_thousand_lost_packets_are_loss_and_not_a_restart() -> None:
    stream, recorder = received([packet(1, b"a"), packet(2002, b"b")])
    assert recorder.calls == ["a", "<lose>", "b"]
    assert stream.counters.lost == 2000


def test_timestamps_go_back_for_b_frames_and_wrap_both_ways() -> None:
    stamps = [0, 9000, 3000, -3000, 6000, 2**32 - 10, 20]
    _, recorder = received(packet(n, timestamp=stamp) for n, stamp in enumerate(stamps))
    base = recorder.times[0]
    assert [time - base for time in recorder.times] == [0, 9000, 3000, -3000, 6000, -10, 20]
    assert min(recorder.times) >= 0
    assert [time & 0xFFFF_FFFF for time in recorder.times] == [s & 0xFFFF_FFFF for s in stamps]


@given(st.integers(0, 2**63), st.integers(-(2**31), 2**31 - 1))
def test_unwrapping_is_the_inverse_of_wrapping(near: int, step: int) -> None:
    assert unwrap32((near + step) & 0xFFFF_FFFF, near) == near + step


@given(
    first=st.integers(0, 0xFFFF),
    steps=st.lists(st.integers(1, 2999), min_size=1, max_size=200),
)
def test_any_loss_is_counted_exactly_over_any_number_of_wraps(first: int, steps: list[int]) -> None:
    numbers = [first]
    for step in steps:
        numbers.append(numbers[-1] + step)
    stream, recorder = received(packet(n) for n in numbers)
    assert stream.counters.packets == len(numbers)
    assert stream.counters.lost == numbers[-1] - first + 1 - len(numbers)
    assert recorder.calls.count("<lose>") == sum(step > 1 for step in steps)
    reception = stream.reception()
    assert reception is not None
    assert reception.extended_highest_sequence == numbers[-1]
    assert reception.expected == numbers[-1] - first + 1


def _nearly_rtp() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda flags, kind, sequence, rest: bytes([flags, kind]) + sequence.to_bytes(2) + rest,
        st.sampled_from([0x80, 0x80, 0x90, 0xA0, 0x83, 0xBF, 0x00]) | st.integers(0, 255),
        st.sampled_from([96, 224, 97]) | st.integers(0, 255),
        st.integers(0, 40) | st.integers(0, 0xFFFF),
        st.sampled_from([bytes(8), b"\0\0\0\0SSRC", b"\0\0\0\0SSRCpay\1", b""])
        | st.binary(max_size=40),
    )


@given(st.lists(st.binary(max_size=60) | _nearly_rtp(), max_size=60))
def test_no_bytes_whatever_raise_and_every_packet_is_accounted_for(packets: list[bytes]) -> None:
    stream, recorder = received(packets)
    counters = stream.counters
    held = stream._on_probation is not None
    settled = counters.packets + counters.late + counters.malformed + counters.foreign
    assert settled + counters.stray + held == len(packets)
    assert recorder.calls.count("<flush>") == counters.ssrc_changes + counters.restarts
    assert len(recorder.units) == recorder.calls.count("<flush>")
