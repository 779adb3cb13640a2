"""What recorders of two nodes tell each other: it comes out as it went in, or is refused."""

import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recording.relay.feeding import HandClock, Notes
from tests.recording.relay.units import audio_units, video_units

from tandem.media.rtp.clock import MAX_CLOCK_HZ
from tandem.media.rtsp.session import CameraSession
from tandem.media.units import AccessUnit, Codec, TimelineBreak, VideoConfig
from tandem.recording.framing import MAX_BODY_BYTES, ProtocolError
from tandem.recording.relay.protocol import (
    ASK_MOST_BYTES,
    PROTOCOL_VERSION,
    Alive,
    Ask,
    Break,
    Control,
    Decoder,
    End,
    Hello,
    Kind,
    Lost,
    Message,
    Place,
    Report,
    Start,
    Unit,
    UnitWriter,
    encode,
)
from tandem.recording.relay.reception import Reception

words = st.text(st.characters(codec="ascii"), max_size=40)
plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
places = st.builds(Place, st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
totals = st.integers(-(1 << 63), (1 << 63) - 1)
controls: st.SearchStrategy[Control] = st.one_of(
    st.builds(Ask, words, words, st.none() | places),
    st.builds(
        Start, places, st.booleans(), st.none() | st.integers(1, MAX_CLOCK_HZ), totals, totals
    ),
    st.builds(Report, st.booleans(), st.integers(0, (1 << 32) - 1), totals),
    st.builds(Lost, totals, totals),
    st.just(Alive()),
    st.builds(End, st.text(st.characters(codec="utf-8"), max_size=40)),
    st.builds(CameraSession, plain, plain, st.integers(1, 24 * 3600)),
)
breaks = st.builds(Break, st.booleans())
units = st.builds(Unit, st.just(True), video_units) | st.builds(Unit, st.just(False), audio_units)
messages: st.SearchStrategy[Message] = st.one_of(controls, breaks, units)


def written(sent: list[Message]) -> bytes:
    """A whole connection, as it travels."""
    writer = UnitWriter()
    data = encode(Hello())
    for message in sent:
        match message:
            case Unit(is_video, unit):
                data += b"".join(writer.write(unit, is_video=is_video))
            case Break(is_video):
                data += b"".join(writer.write(TimelineBreak(), is_video=is_video))
            case _:
                data += encode(message)
    return data


def greeted() -> Decoder:
    decoder = Decoder()
    decoder.feed(encode(Hello()))
    return decoder


@given(st.lists(messages, max_size=10), st.lists(st.integers(0, 1 << 20), max_size=8))
def test_messages_come_out_as_they_went_in_however_the_network_cuts_them(
    sent: list[Message], cuts: list[int]
) -> None:
    data = written(sent)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    decoder = Decoder()
    got = [it for start, end in pairwise(edges) for it in decoder.feed(data[start:end])]
    assert got == [Hello(), *sent]


@given(st.lists(units, min_size=2, max_size=10))
def test_a_configuration_stays_the_same_object_until_it_changes(sent: list[Message]) -> None:
    configs: dict[bool, object] = {}
    for message in Decoder().feed(written([*sent, *sent])):
        if isinstance(message, Unit) and message.unit.config is not None:
            before = configs.get(message.is_video)
            if message.unit.config == before:
                assert message.unit.config is before
            configs[message.is_video] = message.unit.config


def test_it_stays_the_same_object_over_a_new_connection() -> None:
    config = VideoConfig(Codec.H264, (b"sps", b"pps"), 640, 360, None)
    data = written([Unit(True, AccessUnit(b"x", 1, True, config, bytes(16)))])
    kept: dict[bool, object] = {}
    seen = []
    for _ in range(2):
        _, message = Decoder(configs=kept).feed(data)  # type: ignore[arg-type]
        assert isinstance(message, Unit)
        seen.append(message.unit.config)
    assert seen[0] is seen[1]


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_noise_is_refused_or_waited_for_but_never_breaks_the_decoder(
    noise: list[bytes], is_greeted: bool
) -> None:
    decoder = greeted() if is_greeted else Decoder()
    with suppress(ProtocolError):
        for data in noise:
            decoder.feed(data)


@given(st.sampled_from(Kind), st.binary(max_size=80))
def test_any_body_of_any_kind_is_refused_or_understood(kind: Kind, body: bytes) -> None:
    with suppress(ProtocolError):
        greeted().feed(struct.pack(">IB", len(body), kind) + body)


@given(st.lists(messages, min_size=1, max_size=4), st.integers(0, 1 << 20), st.integers(1, 255))
def test_a_flipped_byte_is_refused_waited_for_or_gives_other_messages(
    sent: list[Message], at: int, flip: int
) -> None:
    data = bytearray(written(sent))
    data[at % len(data)] ^= flip
    with suppress(ProtocolError):
        Decoder().feed(bytes(data))


def test_who_speaks_another_protocol_is_recognised_at_once() -> None:
    with pytest.raises(ProtocolError, match="greeting"):
        Decoder().feed(b"GET / HTTP/1.1\r\n")


def test_another_version_is_refused_and_both_are_named() -> None:
    with pytest.raises(ProtocolError, match=f"version {PROTOCOL_VERSION + 1}.*same release"):
        Decoder().feed(encode(Hello(PROTOCOL_VERSION + 1)))


@pytest.mark.parametrize(
    ("decoder", "most"), [(Decoder(), MAX_BODY_BYTES), (Decoder(ASK_MOST_BYTES), ASK_MOST_BYTES)]
)
def test_a_giant_message_is_refused_by_its_header(decoder: Decoder, most: int) -> None:
    decoder.feed(encode(Hello()))
    with pytest.raises(ProtocolError, match=f"at most {most}"):
        decoder.feed(struct.pack(">IB", most + 1, Kind.ASK))


def test_the_longest_name_of_a_camera_may_be_asked_for() -> None:
    ask = Ask("x" * 128, "main", Place(1, 2))
    assert Decoder(ASK_MOST_BYTES).feed(encode(Hello()) + encode(ask)) == [Hello(), ask]


def test_what_is_too_large_or_impossible_is_never_sent() -> None:
    giant = AccessUnit(bytes(MAX_BODY_BYTES), 0, True, None, bytes(16))
    with pytest.raises(ProtocolError, match="at most"):
        UnitWriter().write(giant, is_video=True)
    with pytest.raises(ProtocolError, match="cannot be sent"):
        UnitWriter().write(AccessUnit(b"", 1 << 63, True, None, bytes(16)), is_video=True)
    with pytest.raises(ProtocolError, match="cannot be sent"):
        encode(Lost(1 << 63, 0))
    with pytest.raises(ProtocolError, match="cannot be sent"):
        encode(CameraSession("rtsp://192.0.2.1/s", "1\r\nEvil: yes"))


def test_a_unit_whose_configuration_never_came_is_refused() -> None:
    config = VideoConfig(Codec.H264, (b"sps", b"pps"), 640, 360, None)
    writer = UnitWriter()
    unit = AccessUnit(b"x", 1, True, config, bytes(16))
    writer.write(unit, is_video=True)
    with pytest.raises(ProtocolError, match="before its configuration"):
        greeted().feed(b"".join(writer.write(unit, is_video=True)))


@given(st.lists(st.lists(messages, max_size=4), max_size=6))
def test_any_messages_are_refused_or_received_in_any_order(pieces: list[list[Message]]) -> None:
    reception = Reception(Notes(), HandClock())
    with suppress(ProtocolError):
        for piece in pieces:
            if reception.take(piece) is not None:
                break
