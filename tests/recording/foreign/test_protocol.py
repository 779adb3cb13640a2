"""The pipe between child and recorder: whatever comes through it, it is understood or refused."""

import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.units import AudioConfig, Codec
from tandem.recording.foreign.protocol import (
    PROTOCOL_VERSION,
    Decoder,
    End,
    Failure,
    Hello,
    Message,
    Tracks,
    Unit,
    encode,
)
from tandem.recording.framing import MAX_BODY_BYTES, ProtocolError
from tandem.recording.source import Cause

times = st.none() | st.integers(-(1 << 63) + 1, (1 << 63) - 1)
ticks = st.integers(0, (1 << 32) - 1)
audio = st.builds(
    AudioConfig,
    codec=st.sampled_from(Codec),
    sample_rate_hz=st.integers(1, 192_000),
    channels=st.integers(0, 255),
    specific=st.binary(max_size=8),
    samples_per_frame=ticks,
)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Tracks,
        st.sampled_from(Codec),
        st.lists(st.binary(max_size=50), max_size=5).map(tuple),
        st.integers(0, 1 << 40),
        st.none() | audio,
    ),
    st.builds(Unit, st.booleans(), times, times, ticks, st.binary(max_size=200)),
    st.builds(Failure, st.sampled_from(Cause), st.text(st.characters(codec="utf-8"))),
    st.just(End()),
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(messages, max_size=8), st.lists(st.integers(0, 1 << 20), max_size=8))
def test_messages_come_out_as_they_went_in_however_the_pipe_cuts_them(
    sent: list[Message], cuts: list[int]
) -> None:
    decoder = Decoder()
    data = b"".join(map(encode, [Hello(), *sent]))
    got = [message for piece in pieces(data, cuts) for message in decoder.feed(piece)]
    assert got == [Hello(), *sent]


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_noise_is_refused_or_waited_for_but_never_breaks_the_decoder(
    noise: list[bytes], greeted: bool
) -> None:
    decoder = Decoder()
    if greeted:
        decoder.feed(encode(Hello()))
    with suppress(ProtocolError):
        for data in noise:
            decoder.feed(data)


@given(messages, st.integers(0, 1 << 20), st.integers(1, 255))
def test_a_flipped_byte_is_refused_waited_for_or_gives_other_messages(
    message: Message, at: int, flip: int
) -> None:
    data = bytearray(encode(message) * 2)
    data[at % len(data)] ^= flip
    decoder = Decoder()
    decoder.feed(encode(Hello()))
    with suppress(ProtocolError):
        decoder.feed(bytes(data))


def test_a_process_that_prints_something_else_is_recognised_at_once() -> None:
    with pytest.raises(ProtocolError, match="greeting"):
        Decoder().feed(b"Traceback (most recent call last):\n")


def test_a_greeting_of_the_right_length_with_other_bytes_is_none() -> None:
    data = bytearray(encode(Hello()))
    data[5] ^= 1
    with pytest.raises(ProtocolError, match="greeting"):
        Decoder().feed(bytes(data))


def test_a_child_of_another_version_is_refused() -> None:
    with pytest.raises(ProtocolError, match=f"version {PROTOCOL_VERSION + 1}"):
        Decoder().feed(encode(Hello(PROTOCOL_VERSION + 1)))


def test_a_giant_message_is_refused_by_its_header() -> None:
    decoder = Decoder()
    decoder.feed(encode(Hello()))
    with pytest.raises(ProtocolError, match="at most"):
        decoder.feed(struct.pack(">IB", MAX_BODY_BYTES + 1, 3))


def test_a_giant_message_is_never_sent() -> None:
    with pytest.raises(ProtocolError, match="at most"):
        encode(Unit(True, 0, 0, 0, bytes(MAX_BODY_BYTES)))


def test_an_unknown_kind_is_refused() -> None:
    decoder = Decoder()
    decoder.feed(encode(Hello()))
    with pytest.raises(ProtocolError, match="kind 77"):
        decoder.feed(struct.pack(">IB", 0, 77))


def test_a_parameter_set_that_runs_past_its_message_is_refused() -> None:
    good = encode(Tracks(Codec.H264, (b"abc",)))
    body = good[5:-3]  # the length says three bytes, and none is there
    decoder = Decoder()
    decoder.feed(encode(Hello()))
    with pytest.raises(ProtocolError, match="cut off"):
        decoder.feed(struct.pack(">IB", len(body), 2) + body)
