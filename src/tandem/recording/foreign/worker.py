"""The child: one URL through libav, as messages to standard output.

Started as `python -m tandem.recording.foreign.worker`, with a `ChildOrder` as JSON in its standard
input. It ends with the stream, with the recorder, or when it is killed; it never asks anything.
"""

import errno
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final
from urllib.parse import urlsplit

import av
import av.error
import av.logging

from tandem.clock import Clock, SystemClock
from tandem.recording.foreign.causes import Unusable, explain, name_unknown
from tandem.recording.foreign.confine import claim_output, die_with, limit_resources
from tandem.recording.foreign.order import ChildOrder
from tandem.recording.foreign.pace import Pace
from tandem.recording.foreign.protocol import (
    End,
    Failure,
    Hello,
    Message,
    encode,
)
from tandem.recording.foreign.tracks import AnyPacket, AudioTrack, VideoTrack, choose_audio
from tandem.recording.framing import ProtocolError
from tandem.recording.source import Cause

_PACKETS_BEFORE_SOUND: Final = 20
_PATIENCE_US: Final = 2_000_000
"""How many packets, and how long, the pictures wait for an announced sound to say what it is: some
cameras announce one and never send it."""


class Worker:
    """Receives one stream.

    Args:
        order: what to receive.
        output: file descriptor for messages.
        clock: for pacing and patience.
    """

    def __init__(self, order: ChildOrder, output: int, clock: Clock) -> None:
        self._order = order
        self._output = output
        self._clock = clock
        self._is_open = False

    def run(self) -> None:
        """Receive until the stream ends, and say how it ended.

        Raises:
            BrokenPipeError: the recorder takes no more.
        """
        self._send(Hello())
        try:
            self._receive()
        except av.error.FFmpegError as problem:
            self._send(self._explain(problem))
        except Unusable as refusal:
            self._send(refusal.failure)
        except ProtocolError as problem:
            self._send(Failure(Cause.PROTOCOL, f"a picture does not fit into {problem}"))
        except MemoryError:
            self._send(Failure(Cause.PROTOCOL, "it sends more than a camera may keep in memory"))
        else:
            self._send(End())

    def _receive(self) -> None:
        with av.open(self._order.address, options=self._order.options) as container:
            video = VideoTrack(container)
            audio = choose_audio(container) if self._order.audio else None
            streams = [video.stream, audio.stream] if audio else [video.stream]
            packets = (packet for packet in container.demux(streams) if packet.size)
            first = self._first_packets(packets, audio)
            self._send(video.describe(audio.config if audio else None))
            self._is_open = True
            self._forward(chain(first, packets), video, audio)

    def _first_packets(
        self, packets: Iterator[AnyPacket], audio: AudioTrack | None
    ) -> list[AnyPacket]:
        """Hold packets until the sound is known, if it is not; never for long."""
        held: list[AnyPacket] = []
        deadline_us = self._clock.boot_us() + _PATIENCE_US
        while audio and audio.config is None and len(held) < _PACKETS_BEFORE_SOUND:
            packet = next(packets, None)
            if packet is None:
                break
            held.append(packet)
            if audio.learn(packet) or self._clock.boot_us() > deadline_us:
                break
        return held

    def _forward(
        self, packets: Iterable[AnyPacket], video: VideoTrack, audio: AudioTrack | None
    ) -> None:
        pace = Pace(self._clock) if self._order.scheme == "file" else None
        for packet in packets:
            if packet.stream_index == video.stream.index:
                if video.has_changed(packet):
                    self._send(video.describe(audio.config if audio else None))
                unit = video.unit(packet)
                if pace:
                    pace.wait(unit.pts if unit.dts is None else unit.dts)
                self._send(unit)
            elif audio and (frame := audio.unit(packet)):
                self._send(frame)

    def _explain(self, problem: av.error.FFmpegError) -> Failure:
        host = urlsplit(self._order.url).hostname
        if problem.errno == errno.EIO and not self._is_open and host and not _has_address(host):
            return name_unknown(host)
        return explain(problem, self._order.shown_url, is_open=self._is_open)

    def _send(self, message: Message) -> None:
        rest = memoryview(encode(message))
        while rest:
            rest = rest[os.write(self._output, rest) :]


def _has_address(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


def main() -> None:
    """Read the order, give up what is not needed, and receive."""
    output = claim_output()
    order = ChildOrder.from_json(sys.stdin.buffer.read())
    die_with(order.parent_pid)
    limit_resources()
    # libav writes its log itself: through Python, its threads would wait for the interpreter.
    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.WARNING)
    try:
        Worker(order, output, SystemClock()).run()
    except BrokenPipeError:
        return  # the recorder has gone, and nobody is left to tell


if __name__ == "__main__":
    main()
