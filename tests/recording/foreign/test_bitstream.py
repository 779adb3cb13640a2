"""What delimits NAL units is changed; the NAL units never are."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recording.foreign.material import split_sample

from tandem.media.units import Codec
from tandem.recording.foreign.bitstream import Bitstream

SPS, PPS = b"\x67\x64\x00\x0d\xac", b"\x68\xeb\xe3"
VPS = b"\x40\x01\x0c"


def avcc(length_bytes: int) -> bytes:
    sets = b"\xe1" + struct.pack(">H", len(SPS)) + SPS + b"\x01" + struct.pack(">H", len(PPS)) + PPS
    return bytes([1, 0x64, 0, 0x0D, 0xFC | (length_bytes - 1)]) + sets


def hvcc(version: int = 1) -> bytes:
    head = bytes([version, 1]) + bytes(19) + bytes([0xFF, 2])
    arrays = b"".join(
        bytes([kind]) + struct.pack(">HH", 1, len(nal)) + nal
        for kind, nal in ((0xA0, VPS), (0xA2, PPS))
    )
    return head + arrays


# A NAL unit has no start code inside, and does not end in a zero byte.
nals = st.lists(
    st.binary(min_size=1, max_size=30)
    .map(lambda data: data.replace(b"\x00", b"\x01"))
    .filter(bool),
    min_size=1,
    max_size=6,
)


@given(nals, st.lists(st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\0\0\0\0\1"]), min_size=6))
def test_a_byte_stream_keeps_its_nal_units_whatever_start_codes_it_has(
    units: list[bytes], codes: list[bytes]
) -> None:
    packet = b"".join(code + unit for code, unit in zip(codes, units, strict=False))
    assert split_sample(Bitstream(Codec.H264, b"").sample(packet)) == units


@given(nals, st.sampled_from([1, 2, 4]))
def test_lengths_of_any_size_become_lengths_of_four_bytes(
    units: list[bytes], length_bytes: int
) -> None:
    packet = b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)
    assert split_sample(Bitstream(Codec.H264, avcc(length_bytes)).sample(packet)) == units


@given(st.binary(max_size=60), st.sampled_from([b"", avcc(1), avcc(2), avcc(4)]))
def test_any_packet_becomes_a_sample_whose_lengths_add_up(packet: bytes, extradata: bytes) -> None:
    split_sample(Bitstream(Codec.H264, extradata).sample(packet))


@given(st.binary(max_size=80), st.sampled_from([Codec.H264, Codec.H265]))
def test_any_extradata_is_survived(extradata: bytes, codec: Codec) -> None:
    Bitstream(codec, extradata).sample(b"\0\0\0\1\x65\x88")


def test_a_nal_unit_longer_than_its_packet_keeps_what_is_there() -> None:
    packet = struct.pack(">I", 99) + b"\x65\x88\x01"
    assert split_sample(Bitstream(Codec.H264, avcc(4)).sample(packet)) == [b"\x65\x88\x01"]


def test_empty_nal_units_vanish() -> None:
    packet = struct.pack(">I", 0) + struct.pack(">I", 2) + b"\x65\x88"
    assert split_sample(Bitstream(Codec.H264, avcc(4)).sample(packet)) == [b"\x65\x88"]


@pytest.mark.parametrize(
    ("codec", "extradata", "expected"),
    [
        (Codec.H264, avcc(4), (SPS, PPS)),
        (Codec.H265, hvcc(), (VPS, PPS)),
        (Codec.H265, hvcc(version=0), (VPS, PPS)),
        (Codec.H264, b"\0\0\0\1" + SPS + b"\0\0\1" + PPS, (SPS, PPS)),
        (Codec.H264, b"\0\0\1" + SPS, (SPS,)),
        (Codec.H264, b"", ()),
        (Codec.H264, avcc(4)[:12], ()),
        (Codec.H264, avcc(4)[:-1], (SPS,)),
    ],
)
def test_parameter_sets_are_found_in_extradata_of_any_form(
    codec: Codec, extradata: bytes, expected: tuple[bytes, ...]
) -> None:
    assert Bitstream(codec, extradata).parameter_sets == expected
