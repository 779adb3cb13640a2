"""RTCP as cameras send it, whole and broken, and as a receiver has to send it."""

import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtp.ntp import ntp_to_utc_us, utc_us_to_ntp
from tandem.media.rtp.reception import ReceiverReporter
from tandem.media.rtp.rtcp import (
    Goodbye,
    OtherPacket,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    build_receiver_report,
    parse,
)
from tandem.media.rtp.stream import Reception

NTP = 0xE8000000_80000000
SENDER_REPORT = struct.pack("!BBHIQIII", 0x80, 200, 6, 7, NTP, 90_000, 10, 1000)
CNAME = struct.pack("!BBHIBB", 0x81, 202, 3, 7, 1, 5) + b"cam-1" + b"\0"


def utc_us(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_a_compound_of_sender_report_description_and_goodbye_is_understood() -> None:
    goodbye = struct.pack("!BBHI", 0x81, 203, 1, 7)
    report, description, end = parse(SENDER_REPORT + CNAME + goodbye)
    assert report == SenderReport(7, NTP, 90_000, 10, 1000, ())
    assert description == SourceDescription(((7, 1, b"cam-1"),))
    assert end == Goodbye((7,))


def test_report_blocks_with_negative_loss_are_read() -> None:
    block = struct.pack("!IIIIII", 9, 0x40FFFFFE, 0x0001_0005, 3, 4, 5)
    (report,) = parse(struct.pack("!BBHI", 0x81, 201, 7, 1) + block)
    assert report == ReceiverReport(1, (ReportBlock(9, 0x40, -2, 0x0001_0005, 3, 4, 5),))


def test_a_report_that_promises_more_blocks_than_it_holds_is_taken_without_them() -> None:
    (report,) = parse(b"\x83" + SENDER_REPORT[1:])
    assert isinstance(report, SenderReport)
    assert report.blocks == ()


def test_a_packet_cut_short_leaves_those_before_it() -> None:
    assert len(parse(SENDER_REPORT + CNAME[:-1])) == 1
    assert parse(SENDER_REPORT[:-1]) == []


def test_a_sender_report_too_short_for_its_clock_is_left_out_and_the_rest_read() -> None:
    assert parse(struct.pack("!BBHI", 0x80, 200, 1, 7) + CNAME) == parse(CNAME)


def test_padding_behind_the_last_packet_is_taken_off() -> None:
    padded = struct.pack("!BBHI", 0xA1, 203, 2, 7) + b"\0\0\0\4"
    assert parse(padded) == [Goodbye((7,))]


def test_application_and_unknown_packets_are_passed_on_as_they_are() -> None:
    application = struct.pack("!BBHI4s", 0x85, 204, 2, 7, b"TNDM")
    feedback = struct.pack("!BBHII", 0x81, 206, 2, 7, 8)
    assert parse(application + feedback) == [
        OtherPacket(204, 5, application[4:]),
        OtherPacket(206, 1, feedback[4:]),
    ]


def test_a_goodbye_with_more_sources_than_bytes_names_those_that_are_there() -> None:
    assert parse(struct.pack("!BBHI", 0x9F, 203, 1, 7)) == [Goodbye((7,))]


def test_descriptions_of_two_sources_with_several_items_are_read() -> None:
    chunks = struct.pack("!IBB", 1, 1, 1) + b"a" + b"\2\1b" + b"\0\0" + struct.pack("!IBB", 2, 1, 0)
    chunks += b"\0\0"
    (description,) = parse(struct.pack("!BBH", 0x82, 202, len(chunks) // 4) + chunks)
    assert description == SourceDescription(((1, 1, b"a"), (1, 2, b"b"), (2, 1, b"")))


def test_an_item_longer_than_its_packet_is_left_out() -> None:
    chunk = struct.pack("!IBB", 1, 1, 1) + b"a" + struct.pack("!BB", 2, 9) + b"bcd"
    chunk += b"\0" * (-len(chunk) % 4)
    (description,) = parse(struct.pack("!BBH", 0x81, 202, len(chunk) // 4) + chunk)
    assert description == SourceDescription(((1, 1, b"a"),))


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise(data: bytes) -> None:
    parse(data)


@given(
    st.lists(
        st.builds(
            lambda flags, kind, words, body: struct.pack("!BBH", flags, kind, words) + body,
            st.sampled_from([0x80, 0x81, 0x9F, 0xA0, 0xBF]),
            st.integers(199, 208),
            st.integers(0, 12),
            st.binary(max_size=50),
        ),
        max_size=5,
    )
)
def test_no_packets_with_wrong_lengths_raise(packets: list[bytes]) -> None:
    compound = b"".join(packets)
    assert len(parse(memoryview(compound))) <= len(compound) // 4


@given(st.integers(0, 2**64 - 1))
def test_an_ntp_time_is_known_to_the_microsecond(ntp: int) -> None:
    distance = (utc_us_to_ntp(ntp_to_utc_us(ntp)) - ntp + 2**63) % 2**64 - 2**63
    assert abs(distance) <= 2**32 // 1_000_000


@given(st.integers(-(10**13), 4 * 10**15))
def test_utc_survives_the_way_to_ntp_and_back(time_us: int) -> None:
    assert ntp_to_utc_us(utc_us_to_ntp(time_us)) == time_us


@pytest.mark.parametrize(
    ("ntp", "moment"),
    [
        (2_208_988_800 << 32, "1970-01-01T00:00:00+00:00"),
        (0xFFFF_FFFF_8000_0000, "2036-02-07T06:28:15.500000+00:00"),
        (0, "2036-02-07T06:28:16+00:00"),
        (3_943_814_400 << 32, "2024-12-22T00:00:00+00:00"),
        (60 << 32, "2036-02-07T06:29:16+00:00"),
    ],
)
def test_eras_and_clocks_that_were_never_set(ntp: int, moment: str) -> None:
    assert ntp_to_utc_us(ntp) == utc_us(moment)


def test_a_sender_without_a_clock_has_no_time() -> None:
    assert SenderReport(1, 0, 0, 0, 0, ()).utc_us is None
    assert SenderReport(1, 1 << 63, 0, 0, 0, ()).utc_us is not None


@pytest.mark.parametrize("length", range(9))
def test_a_receiver_report_is_read_back_as_it_was_built(length: int) -> None:
    block = ReportBlock(9, 25, -7, 0x0002_0001, 11, 12, 13)
    cname = "n" * length
    built = build_receiver_report(3, [block], cname)
    assert len(built) % 4 == 0
    assert parse(built) == [
        ReceiverReport(3, (block,)),
        SourceDescription(((3, 1, cname.encode()),)),
    ]


def test_a_name_too_long_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="CNAME of 255 bytes"):
        build_receiver_report(3, [], "n" * 256)


def _only_block(compound: bytes) -> ReportBlock:
    report = parse(compound)[0]
    assert isinstance(report, ReceiverReport)
    (block,) = report.blocks
    return block


def test_before_anything_came_the_report_is_empty() -> None:
    assert parse(ReceiverReporter(3, "n").build(None, 0))[0] == ReceiverReport(3, ())


def test_the_fraction_lost_is_that_since_the_previous_report() -> None:
    reporter = ReceiverReporter(3, "n")
    first = _only_block(reporter.build(Reception(7, 1099, 100, 25), 0))
    assert (first.fraction_lost, first.cumulative_lost) == (64, 25)
    second = _only_block(reporter.build(Reception(7, 1199, 200, 25), 0))
    assert (second.fraction_lost, second.cumulative_lost) == (0, 25)
    third = _only_block(reporter.build(Reception(7, 1299, 300, 75), 0))
    assert (third.fraction_lost, third.cumulative_lost) == (128, 75)
    other_source = _only_block(reporter.build(Reception(8, 399, 400, 200), 0))
    assert other_source.fraction_lost == 128


def test_losses_beyond_the_field_are_held_at_its_limit() -> None:
    block = _only_block(ReceiverReporter(3, "n").build(Reception(7, 2**33, 2**33, 2**25), 0))
    assert block.cumulative_lost == 2**23 - 1
    everything = _only_block(ReceiverReporter(3, "n").build(Reception(7, 9, 10, 10), 0))
    assert everything.fraction_lost == 255


def test_the_last_sender_report_and_the_delay_since_are_echoed() -> None:
    reporter = ReceiverReporter(3, "n")
    reporter.sender_report(SenderReport(7, 0x1111_2222_3333_4444, 0, 0, 0, ()), 1_000_000)
    block = _only_block(reporter.build(Reception(7, 9, 10, 0), 1_500_000))
    assert (block.last_report, block.delay) == (0x2222_3333, 32_768)
    stranger = _only_block(reporter.build(Reception(8, 9, 10, 0), 1_500_000))
    assert (stranger.last_report, stranger.delay) == (0, 0)
