"""The hot path: RTP packets and RTSP messages out of one TCP stream (RFC 2326 section 10.12).

About 360 packets a second arrive from each camera. The network writes into a buffer that all
connections of an event loop share: so it stays in the processor's cache. The part of a frame that
ends a read waits aside for the next. Packets are handed on where they lie, each by a call and
without an object. Four of five (of a camera of 4 Mbit/s) are taken without even that: they are the
middle of a picture, as long as their neighbours, and nothing in their headers differs but the
sequence number. In front of the first such packet stands one that was handed on, so what is done
here is only more of the same.
"""

import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from tandem.media.rtp.stream import RtpStream
from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.message import Message, MessageReader

BUFFER_BYTES: Final = 128 * 1024
MAX_FRAME_BYTES: Final = 4 + 65_535
MAX_GARBAGE_BYTES: Final = 256 * 1024

_DOLLAR: Final = 0x24
_FRAME_HEADER: Final = struct.Struct(">BBH")  # "$", channel, length of the packet
_read_frame_header: Final = _FRAME_HEADER.unpack_from

_ORIGIN_AT: Final = 8
"""Where in a frame its RTP packet goes on behind the sequence number."""
_LONGEST_ORIGIN: Final = 16
_ORIGINS: Final = tuple(
    struct.Struct(f">Q{length}s").unpack_from for length in range(_LONGEST_ORIGIN)
)
"""What stands before that as one number, and what packets of a run have in common from there on, by
its length."""

_STARTS: Final = (
    b"RTSP/",
    b"HTTP/",  # no RTSP, but the message reader can then say so
    b"OPTIONS ",
    b"ANNOUNCE ",
    b"SET_PARAMETER ",
    b"GET_PARAMETER ",
    b"REDIRECT ",
    b"TEARDOWN ",
    b"PLAY_NOTIFY ",
)
_LONGEST_START: Final = max(len(start) for start in _STARTS)
_LINE_ENDS: Final = re.compile(rb"[\r\n]*")
# A frame after garbage is believed only if its packet is of RTP version 2 (RFC 3550 section 5.1).
_PLAUSIBLE: Final = re.compile(
    rb"\$[\s\S]{3}[\x80-\xbf]|" + b"|".join(re.escape(start) for start in _STARTS)
)


_MOST_TOGETHER: Final = 32
"""Payloads that are copied at once: most pictures have fewer."""


@lru_cache(maxsize=256)
def _payloads(
    content: int, payload_bytes: int, count: int
) -> Callable[[memoryview, int], tuple[bytes, ...]]:
    """What takes the payloads out of `count` frames of one shape, without a step of Python each.

    To append them one by one costs more, above all in memory that is moved as it grows.
    """
    return struct.Struct(f"{content}x{payload_bytes}s" * count).unpack_from


class PacketReceiver(Protocol):
    """What takes the packets of one channel."""

    def receive(self, buffer: memoryview, start: int, end: int) -> None:
        """Take the packet `buffer[start:end]`, valid only during the call; must not raise.

        Args:
            buffer: the connection's buffer.
            start: first byte of the packet.
            end: one past its last byte.
        """
        ...


class InterleavedReader:
    """Takes one connection's bytes apart; for `asyncio.BufferedProtocol` or any `recv_into`.

    Packets go to the receiver of their channel, before and after PLAY was answered alike; messages
    are returned. Between the two, garbage (a wrong Content-Length leaves some) is skipped up to the
    next plausible beginning.

    Args:
        buffer: where the network writes, at least one whole frame of 65,539 bytes; one of its own
            if None. Readers may share it as long as none asks for it between another's `get_buffer`
            and `received`.

    Attributes:
        unclaimed_packets: how many came on channels without a receiver; only grows.
        garbage_bytes: how many were skipped; only grows.
        resyncs: how often bytes had to be skipped; only grows.
    """

    def __init__(self, buffer: bytearray | None = None) -> None:
        if buffer is None:
            buffer = bytearray(BUFFER_BYTES)
        if len(buffer) < MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {MAX_FRAME_BYTES} bytes must fit in the buffer")
        self.unclaimed_packets = 0
        self.garbage_bytes = 0
        self.resyncs = 0
        self._buffer = buffer
        self._view = memoryview(self._buffer)
        self._rest = b""
        self._receivers: list[Callable[[memoryview, int, int], None]] = [self._unclaimed] * 256
        self._streams: list[RtpStream | None] = [None] * 256
        self._message_reader = MessageReader()
        self._messages: list[Message] = []
        self._in_message = False
        self._in_garbage = False
        self._skipped = 0  # bytes of the garbage we are in, or were last in

    def register(self, channel: int, receiver: PacketReceiver) -> None:
        """Send the packets of `channel` (0 to 255) to `receiver` from now on."""
        self._receivers[channel] = receiver.receive
        self._streams[channel] = None

    def register_stream(self, channel: int, stream: RtpStream) -> None:
        """Send the packets of `channel` (0 to 255) to an RTP stream, many at a time."""
        self._receivers[channel] = stream.receive
        self._streams[channel] = stream

    def get_buffer(self) -> memoryview:
        """Where the next bytes go; never empty."""
        rest = self._rest
        self._view[: len(rest)] = rest
        return self._view[len(rest) :]

    def received(self, n_bytes: int) -> Sequence[Message]:
        """Take note that the first `n_bytes` of `get_buffer()` were filled.

        Returns:
            The messages that ended in them, in order.

        Raises:
            RtspError: what comes is not RTSP (`PROTOCOL`); the connection is of no more use.
        """
        buffer, view = self._buffer, self._view
        receivers, streams = self._receivers, self._streams
        position = 0
        stop = end = len(self._rest) + n_bytes
        last = end - 4
        if self._in_message or self._in_garbage:
            position = self._read_text(0, end)
            stop = position if self._in_garbage else end
        while stop - position >= 4:
            magic, channel, length = _read_frame_header(buffer, position)
            if magic != _DOLLAR:
                text = position
                position = self._read_text(text, end)
                if position == text or self._in_garbage:
                    break
                continue
            packet = position + 4
            after = packet + length
            if after > end:
                break
            receivers[channel](view, packet, after)
            position = after
            if after < last and view[after + 3] == length & 0xFF:
                # Of a picture's packets all but the last are alike in length.
                stream = streams[channel]
                if stream is not None:
                    position = self._take_run(stream, channel, after, end)
        self._rest = bytes(view[position:end])
        if not self._messages:
            return ()
        messages, self._messages = self._messages, []
        return messages

    def _take_run(self, stream: RtpStream, channel: int, position: int, end: int) -> int:
        """Take frames of one length that only go on with what the last packet began.

        Returns:
            Where the first other frame begins, or one that is not whole.
        """
        run = stream.run()
        if run is None or end - position < 4:
            return position
        view = self._view
        length = view[position + 2] << 8 | view[position + 3]
        # All up to the sequence number is one number, so the next packet's is greater by one.
        frame_header = (_DOLLAR << 8 | channel) << 16 | length
        expected = first = frame_header << 32 | run.head << 16 | run.sequence
        origin, data = run.origin, run.data
        unpack = _ORIGINS[len(origin)]
        content = _ORIGIN_AT + len(origin)
        frame_bytes = 4 + length
        if frame_bytes <= content:
            return position
        last = end - frame_bytes
        begin = position
        while position <= last:
            opening, from_here = unpack(view, position)
            if opening != expected or from_here != origin:
                break
            expected += 1
            position += frame_bytes
        count = expected - first
        stream.took(count)
        while count:
            together = min(count, _MOST_TOGETHER)
            payloads = _payloads(content, frame_bytes - content, together)
            data += b"".join(payloads(view, begin))
            begin += together * frame_bytes
            count -= together
        return position

    def _unclaimed(self, _buffer: memoryview, _start: int, _end: int) -> None:
        self.unclaimed_packets += 1

    def _read_text(self, position: int, end: int) -> int:
        """Read what is no frame: a message, line ends before one, or garbage.

        Returns:
            Where to read on; `position` itself where more bytes are needed to decide.
        """
        if self._in_message:
            return self._read_message(position, end)
        if self._in_garbage:
            return self._skip_garbage(position, end)
        line_ends = _LINE_ENDS.match(self._buffer, position, end)
        if line_ends and line_ends.end() > position:
            return line_ends.end()
        begun = bytes(self._view[position : min(end, position + _LONGEST_START)])
        if begun.startswith(_STARTS):
            self._in_message = True
            return self._read_message(position, end)
        if any(start.startswith(begun) for start in _STARTS):
            return position
        self.resyncs += 1
        self._in_garbage = True
        self._skipped = 0
        return self._skip_garbage(position, end)

    def _read_message(self, position: int, end: int) -> int:
        used, message = self._message_reader.feed(self._view[position:end])
        if message is not None:
            self._messages.append(message)
            self._in_message = False
        return position + used

    def _skip_garbage(self, position: int, end: int) -> int:
        """Skip to the next plausible beginning, or to where one may have begun."""
        found = _PLAUSIBLE.search(self._buffer, position, end)
        stop = found.start() if found else max(position, end - _LONGEST_START)
        self._in_garbage = found is None
        self._skipped += stop - position
        self.garbage_bytes += stop - position
        if self._skipped > MAX_GARBAGE_BYTES:
            raise RtspError(
                Cause.PROTOCOL,
                f"The camera sent {self._skipped} bytes that are neither RTP packets nor RTSP; "
                "check the port of its URL, restart the camera or update its firmware.",
            )
        return stop


def frame(channel: int, packet: bytes) -> bytes:
    """Wrap a packet of ours (an RTCP report) for its channel.

    Args:
        channel: 0 to 255.
        packet: at most 65,535 bytes.
    """
    return _FRAME_HEADER.pack(_DOLLAR, channel, len(packet)) + packet
