"""ICMP echoes on the wire."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from tandem.resources.reach.echo import checksum, is_reply, request


@given(st.binary(max_size=64))
def test_the_checksum_of_what_has_its_own_is_zero(payload: bytes) -> None:
    """RFC 1071: "the sum of all 16-bit words, the checksum included, is all ones"."""
    assert checksum(request(4, payload)) == 0


def test_the_example_of_the_standard() -> None:
    """RFC 1071 section 3: the sum of these is ddf2."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF


def test_only_the_reply_with_what_was_sent_is_one() -> None:
    reply = struct.pack(">BBHHH", 0, 0, 0, 7, 1) + b"nonce"
    header = bytes([0x45]) + bytes(19)
    assert is_reply(4, reply, b"nonce")
    assert is_reply(4, header + reply, b"nonce")
    assert is_reply(6, struct.pack(">BBHHH", 129, 0, 0, 7, 1) + b"nonce", b"nonce")
    assert not is_reply(4, reply, b"other")
    assert not is_reply(4, request(4, b"nonce"), b"nonce")
    assert not is_reply(6, request(6, b"nonce"), b"nonce")
    assert not is_reply(4, b"", b"")


@given(st.binary(max_size=80), st.sampled_from([4, 6]))
def test_noise_breaks_nothing(data: bytes, version: int) -> None:
    assert is_reply(version, data, b"a nonce of sixteen") is False
