"""Frames of sound out of their transport headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.recording.foreign.adts import aac_config, parse_adts

# AAC-LC, 48 kHz, stereo, 13 bytes in all, without CRC.
HEADER = bytes.fromhex("fff14c8001bffc")


def test_a_frame_loses_its_header_and_tells_its_configuration() -> None:
    frame = parse_adts(HEADER + b"abcdef")
    assert frame is not None
    assert frame.payload == b"abcdef"
    config = aac_config(frame.specific)
    assert config is not None
    assert (config.sample_rate_hz, config.channels, config.samples_per_frame) == (48_000, 2, 1024)


def test_a_checksum_is_no_part_of_the_frame() -> None:
    frame = parse_adts(bytes([0xFF, 0xF0]) + HEADER[2:] + b"CCabcd")
    assert frame is not None
    assert frame.payload == b"abcd"


@pytest.mark.parametrize("packet", [b"", HEADER[:6], b"\x21\x10\x04\x60\x8c\x1c\x00\x00"])
def test_a_bare_frame_is_left_alone(packet: bytes) -> None:
    assert parse_adts(packet) is None


def test_nonsense_is_no_configuration() -> None:
    assert aac_config(b"\xff") is None


@given(st.binary(max_size=40))
def test_any_packet_is_survived(packet: bytes) -> None:
    for data in (packet, b"\xff\xf1" + packet):
        if frame := parse_adts(data):
            aac_config(frame.specific)
