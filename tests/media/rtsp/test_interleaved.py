import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.interleaved import (
    BUFFER_BYTES,
    MAX_FRAME_BYTES,
    MAX_GARBAGE_BYTES,
    InterleavedReader,
    frame,
)
from tandem.media.rtsp.message import Headers, Message, Request, Response

OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\n$\0\0\1"
ANNOUNCE = b"ANNOUNCE rtsp://h/ RTSP/1.0\r\nCSeq: 7\r\n\r\n"


class Packets:
    """Keeps a copy of each packet of its channel, in one list with those of the others."""

    def __init__(self, channel: int, into: list[tuple[int, bytes]]) -> None:
        self.channel = channel
        self.into = into

    def receive(self, buffer: memoryview, start: int, end: int) -> None:
        self.into.append((self.channel, bytes(buffer[start:end])))


class Connection:
    """A reader and all that came out of it."""

    def __init__(self, channels: tuple[int, ...] = (0, 1), buffer: bytearray | None = None) -> None:
        self.reader = InterleavedReader(buffer)
        self.packets: list[tuple[int, bytes]] = []
        self.messages: list[Message] = []
        for channel in channels:
            self.reader.register(channel, Packets(channel, self.packets))

    def feed(self, data: bytes, piece_bytes: int | None = None) -> None:
        while data:
            room = self.reader.get_buffer()
            assert len(room) > 0
            taken = min(len(room), len(data), piece_bytes or len(data))
            room[:taken] = data[:taken]
            data = data[taken:]
            self.messages += self.reader.received(taken)


def rtp(content: bytes) -> bytes:
    return b"\x80\x60" + content


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 5, 11, 64, None])
def test_packets_and_messages_come_out_as_they_went_in_whatever_the_pieces(
    piece_bytes: int | None,
) -> None:
    connection = Connection()
    stream = OK + frame(0, b"one") + frame(1, b"") + ANNOUNCE + frame(0, b"$" * 99) + b"\r\n" + OK
    connection.feed(stream, piece_bytes)
    assert connection.packets == [(0, b"one"), (1, b""), (0, b"$" * 99)]
    assert [type(message) for message in connection.messages] == [Response, Request, Response]
    assert connection.messages[0].body == b"$\0\0\1"
    assert connection.reader.garbage_bytes == connection.reader.resyncs == 0


@pytest.mark.parametrize("piece_bytes", [1_000, 65_536, None])
def test_a_frame_of_the_largest_size_is_read(piece_bytes: int | None) -> None:
    packet = bytes(range(256)) * 256
    for buffer_bytes in (MAX_FRAME_BYTES, BUFFER_BYTES):
        connection = Connection(buffer=bytearray(buffer_bytes))
        connection.feed((frame(0, packet[:65_535]) + frame(1, b"x")) * 5, piece_bytes)
        assert connection.packets == [(0, packet[:65_535]), (1, b"x")] * 5


@given(cuts=st.lists(st.tuples(st.booleans(), st.integers(1, 500)), max_size=40))
def test_connections_that_share_a_buffer_do_not_see_each_other(
    cuts: list[tuple[bool, int]],
) -> None:
    buffer = bytearray(BUFFER_BYTES)
    streams = [(frame(0, bytes([n]) * 700) + OK) * 5 for n in (1, 2)]
    alone = [Connection(), Connection()]
    shared = [Connection(buffer=buffer), Connection(buffer=buffer)]
    for is_second, cut in [*cuts, (False, 9999), (True, 9999)]:
        piece, streams[is_second] = streams[is_second][:cut], streams[is_second][cut:]
        alone[is_second].feed(piece)
        shared[is_second].feed(piece)
    for one, other in zip(alone, shared, strict=True):
        assert one.packets == other.packets
        assert len(one.packets) == len(one.messages) == len(other.messages) == 5


def test_a_buffer_too_small_for_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="must fit"):
        InterleavedReader(bytearray(MAX_FRAME_BYTES - 1))


def test_packets_before_the_answer_to_play_are_delivered() -> None:
    connection = Connection()
    connection.feed(frame(0, b"early") + OK)
    assert connection.packets == [(0, b"early")]
    assert len(connection.messages) == 1


def test_packets_of_a_channel_nobody_registered_are_counted() -> None:
    connection = Connection()
    connection.feed(frame(7, b"x") + frame(0, b"y") + frame(255, b"z"))
    assert connection.packets == [(0, b"y")]
    assert connection.reader.unclaimed_packets == 2


def test_many_messages_of_one_read_keep_their_order() -> None:
    connection = Connection()
    connection.feed(b"".join(Response(200 + n, "").to_bytes() for n in range(50)))
    statuses = [message.status for message in connection.messages if isinstance(message, Response)]
    assert statuses == list(range(200, 250))


@pytest.mark.parametrize("piece_bytes", [1, 3, 17, None])
@pytest.mark.parametrize(
    "garbage",
    [
        b"a=control:trackID=1\r\n",  # a Content-Length too small
        b"\0",
        b"RTSX",
        b"R",
        bytes(range(0x25, 0x80)),
        b"$$$$$$$$",
        b"\xff" * 70_000,
        b"price: 5$ or 6$\r\n" * 20,
    ],
)
def test_garbage_is_skipped_and_counted(garbage: bytes, piece_bytes: int | None) -> None:
    if piece_bytes and len(garbage) // piece_bytes > 30_000:
        piece_bytes = 1000
    for following in (OK, ANNOUNCE):
        connection = Connection()
        connection.feed(frame(0, rtp(b"a")) + garbage.lstrip(b"$") + following, piece_bytes)
        connection.feed(frame(0, rtp(b"b")), piece_bytes)
        assert connection.packets == [(0, rtp(b"a")), (0, rtp(b"b"))]
        assert len(connection.messages) == 1
        assert (connection.reader.resyncs > 0) is (garbage.lstrip(b"$") != b"")


@pytest.mark.parametrize("piece_bytes", [1, 4, None])
def test_after_garbage_a_frame_is_believed_by_its_rtp_version(piece_bytes: int | None) -> None:
    connection = Connection()
    connection.feed(b"\0\0$ is no frame $\0\0\4" + frame(0, rtp(b"real")), piece_bytes)
    assert connection.packets == [(0, rtp(b"real"))]
    assert connection.reader.resyncs == 1
    assert connection.reader.garbage_bytes == len(b"\0\0$ is no frame $\0\0\4")


@pytest.mark.parametrize("before", [b"", b"\0" * 20])
def test_a_dollar_sign_at_the_edge_of_a_read_is_no_frame_while_in_garbage(before: bytes) -> None:
    for tail_bytes in range(40):
        connection = Connection()
        connection.feed(before)
        connection.feed(b"\0" * 20 + b"$\0\0\4" + b"\1" * tail_bytes)
        connection.feed(b"\1" * 20 + frame(0, rtp(b"real")))
        assert connection.packets == [(0, rtp(b"real"))]


def test_endless_garbage_is_refused_in_a_sentence_and_within_bounds() -> None:
    connection = Connection()
    with pytest.raises(RtspError, match="neither RTP packets nor RTSP") as caught:
        connection.feed(b"\0" * (MAX_GARBAGE_BYTES + BUFFER_BYTES), 10_000)
    assert caught.value.cause is Cause.PROTOCOL
    assert connection.reader.garbage_bytes <= MAX_GARBAGE_BYTES + 10_000 + 20


def test_garbage_now_and_then_never_adds_up_to_a_refusal() -> None:
    connection = Connection()
    for _ in range(2 * MAX_GARBAGE_BYTES // 10_000):
        connection.feed(b"\0" * 10_000 + frame(0, rtp(b"x")))
    assert len(connection.packets) == 2 * MAX_GARBAGE_BYTES // 10_000


def test_a_web_server_is_told_from_a_camera() -> None:
    with pytest.raises(RtspError, match=r"HTTP/1\.1 400 Bad Request.*554"):
        Connection().feed(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_a_frame_of_ours_has_the_same_shape() -> None:
    assert frame(3, b"ab") == b"$\x03\x00\x02ab"


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 3), st.binary(max_size=300))
        | st.binary(max_size=100).map(lambda body: Response(200, "OK", Headers(), body)),
        max_size=20,
    ),
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=30),
)
def test_any_chunking_yields_the_same(
    parts: list[tuple[int, bytes] | Response], cuts: list[int]
) -> None:
    stream = b"".join(
        part.to_bytes() if isinstance(part, Response) else frame(*part) for part in parts
    )
    connection = Connection(channels=(0, 1, 2))
    for cut in cuts:
        connection.feed(stream[:cut])
        stream = stream[cut:]
    connection.feed(stream)
    packets = [part for part in parts if isinstance(part, tuple)]
    assert connection.packets == [part for part in packets if part[0] != 3]
    assert connection.reader.unclaimed_packets == sum(part[0] == 3 for part in packets)
    assert [message.body for message in connection.messages] == [
        part.body for part in parts if isinstance(part, Response)
    ]


PIECES = (
    st.binary(max_size=80)
    | st.sampled_from([OK, ANNOUNCE, b"$", b"RTSP/1.0 ", b"\r\n\r\n", b"Content-Length: 99\r\n"])
    | st.binary(max_size=50).map(lambda packet: frame(0, rtp(packet)))
)


@given(pieces=st.lists(PIECES, max_size=40))
def test_no_bytes_do_worse_than_a_refusal_and_none_is_lost_count_of(pieces: list[bytes]) -> None:
    connection = Connection()
    with contextlib.suppress(RtspError):
        for piece in pieces:
            connection.feed(piece)
    assert len(connection.reader._buffer) == BUFFER_BYTES
    assert len(connection.reader._rest) <= sum(map(len, pieces))


@given(garbage=st.binary(min_size=1, max_size=200), cut=st.integers(1, 50))
def test_enough_good_frames_bring_any_garbage_back_in_step(garbage: bytes, cut: int) -> None:
    connection = Connection()
    good = frame(0, rtp(b"g" * 100))
    try:
        connection.feed(garbage, cut)
        connection.feed(good * 800, cut * 100)
    except RtspError:
        return
    if not connection.reader._in_message:
        assert connection.packets[-1] == (0, good[4:])
