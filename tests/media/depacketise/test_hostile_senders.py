"""Whatever arrives: no exception, bounded memory, and a good picture after it comes through."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.codecs.writing import h264_slice, h265_slice
from tests.media.depacketise.packets import Packet, feed, nal_units

from tandem.media.codecs import CodecError
from tandem.media.depacketise import make_depacketiser
from tandem.media.depacketise.base import Depacketiser
from tandem.media.units import Codec

AAC = {"mode": "AAC-hbr", "config": "1190", "sizelength": "13", "indexlength": "3"}

MAKERS: dict[Codec, Callable[[], Depacketiser]] = {
    Codec.H264: lambda: make_depacketiser(Codec.H264, {}, 90_000),
    Codec.H265: lambda: make_depacketiser(Codec.H265, {}, 90_000),
    Codec.AAC: lambda: make_depacketiser(Codec.AAC, AAC, 48_000, 2),
    Codec.OPUS: lambda: make_depacketiser(Codec.OPUS, {}, 48_000, 2),
    Codec.PCMA: lambda: make_depacketiser(Codec.PCMA, {}, 8_000, 2),
}

starts = st.sampled_from(
    [
        *(
            b"",
            b"\x7c\x85",
            b"\x7c\x05",
            b"\x7c\x45",
            b"\x7c\x87",
            b"\x78",
            b"\x78\0\2",
            b"\x67\x64",
        ),
        *(
            b"\x68",
            b"\x65\x88",
            b"\x41\x9a",
            b"\x41\x1a",
            b"\x06\x06",
            b"\0\0\1\x65\x88",
            b"\0\0\1",
        ),
        *(b"\x62\x01\x93", b"\x62\x01\x13", b"\x62\x01\x53", b"\x60\x01", b"\x40\x01", b"\x42\x01"),
        *(b"\x44\x01", b"\x26\x01\x80", b"\x02\x01\x80", b"\0\x10\0\xa0", b"\0\x20"),
    ]
)
payloads = st.builds(
    lambda start, body, end: start + body + end,
    *(starts, st.binary(max_size=60), st.sampled_from([b"", b"\0\0\1\x41\x9a", b"\0\0", b"\x80"])),
)
packets = st.one_of(st.none(), st.builds(Packet, payloads, st.integers(0, 3), st.booleans()))


@pytest.mark.parametrize("codec", MAKERS)
@given(st.lists(packets, max_size=25))
def test_nothing_that_arrives_raises_or_grows(codec: Codec, arriving: list[Packet | None]) -> None:
    depacketiser = MAKERS[codec]()
    units = feed(depacketiser, arriving)
    depacketiser.flush()
    units += feed(depacketiser, [])
    taken = sum(len(packet.payload) for packet in arriving if packet)
    assert sum(len(unit.data) for unit in units) <= 5 * taken
    for unit in units:
        assert len(unit.identity) == 16
        if codec.is_video:
            assert all(nal_units(unit))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@given(st.lists(packets, max_size=12))
def test_a_good_picture_comes_through_after_anything(
    codec: Codec, arriving: list[Packet | None]
) -> None:
    good = (
        h264_slice(key=True, body=b"\x77" * 9)
        if codec is Codec.H264
        else h265_slice(19, body=b"\x77" * 9)
    )
    depacketiser = MAKERS[codec]()
    feed(depacketiser, arriving)
    packets = [Packet(good, 90, True), Packet(good, 91, True), Packet(good, 92)]
    units = feed(depacketiser, packets)
    assert [unit.rtp_time for unit in units if unit.rtp_time >= 90][:2] == [90, 91]
    assert all(nal_units(unit)[-1] == good for unit in units if unit.rtp_time >= 90)


keys = st.sampled_from(
    [
        *("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps", "packetization-mode"),
        *("mode", "config", "sizelength", "indexlength", "constantsize", "sprop-max-don-diff"),
    ]
)
values = st.one_of(st.text(max_size=40), st.binary(max_size=30).map(bytes.hex), st.just("13"))


@given(st.sampled_from(Codec), st.dictionaries(keys, values), st.integers(), st.integers())
def test_no_description_does_more_than_raise_the_one_error(
    codec: Codec, fmtp: dict[str, str], clock_hz: int, channels: int
) -> None:
    for clock in (clock_hz, 90_000, 48_000):
        try:
            make_depacketiser(codec, fmtp, clock, channels)
        except CodecError as error:
            assert str(error)  # noqa: PT017 - raising is allowed, not demanded
