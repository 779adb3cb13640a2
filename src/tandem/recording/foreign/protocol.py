"""What a child tells the recorder through its standard output, as messages of `framing`."""

import enum
import struct
from dataclasses import dataclass, field
from typing import Final

from tandem.media.units import AudioConfig, Codec
from tandem.recording.framing import (
    CODECS,
    GREETING_BYTES,
    FrameReader,
    ProtocolError,
    check_greeting,
    header,
    pack_audio,
    pack_greeting,
    pack_sets,
    unpack_audio,
    unpack_sets,
)
from tandem.recording.source import Cause

PROTOCOL_VERSION: Final = 1

_MAGIC = b"TNDM"
_UNIT = struct.Struct(">BqqI")
_TRACKS = struct.Struct(">BQB")
_NO_TIME = -(1 << 63)
_CAUSES = tuple(Cause)


class Kind(enum.IntEnum):
    """The byte that tells what a message is."""

    HELLO = 1
    TRACKS = 2
    UNIT = 3
    FAILURE = 4
    END = 5


_KINDS = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Hello:
    """The child runs and has read its order; what it does next is on the network."""

    version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True)
class Tracks:
    """What will come. A later one replaces the parameter sets only.

    Attributes:
        codec: of the video track.
        parameter_sets: as the container has them, without length or start code; may be empty.
        wrap_ticks: after how many ticks of 90 kHz the container's timestamps begin anew, or 0.
        audio: None where no sound will come.
    """

    codec: Codec
    parameter_sets: tuple[bytes, ...]
    wrap_ticks: int = 0
    audio: AudioConfig | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One packet as libav delivered it.

    Attributes:
        is_video: which of the two tracks it belongs to.
        pts: presentation time in ticks (90 kHz, or the audio clock), as the container has it.
        dts: decode time in the same ticks.
        duration: in the same ticks, 0 where unknown.
        payload: video: NAL units behind 4-byte lengths; audio: the bare frame.
    """

    is_video: bool
    pts: int | None
    dts: int | None
    duration: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Nothing more will come, and why. The sentence names no camera and may hold credentials."""

    cause: Cause
    sentence: str


@dataclass(frozen=True, slots=True)
class End:
    """The other side ended the stream, without an error."""


Message = Hello | Tracks | Unit | Failure | End


def encode(message: Message) -> bytes:
    """Write a message as it travels.

    Raises:
        ProtocolError: it is larger than the decoder would take.
    """
    match message:
        case Hello():
            kind, body = Kind.HELLO, pack_greeting(_MAGIC, message.version)
        case Tracks():
            kind, body = Kind.TRACKS, _encode_tracks(message)
        case Unit():
            kind = Kind.UNIT
            pts = _NO_TIME if message.pts is None else message.pts
            dts = _NO_TIME if message.dts is None else message.dts
            body = _UNIT.pack(message.is_video, pts, dts, message.duration) + message.payload
        case Failure():
            kind = Kind.FAILURE
            body = bytes([_CAUSES.index(message.cause)]) + message.sentence.encode()
        case End():
            kind, body = Kind.END, b""
    return header(kind, len(body)) + body


class Decoder:
    """Takes the bytes as they come and returns the messages that are whole."""

    def __init__(self) -> None:
        self._frames = FrameReader((Kind.HELLO, GREETING_BYTES), _KINDS)

    def feed(self, data: bytes) -> list[Message]:
        """Take more bytes.

        Returns:
            The messages that they complete, oldest first.

        Raises:
            ProtocolError: what arrived cannot be a message; the decoder is of no further use.
        """
        return [_decode(Kind(kind), body) for kind, body in self._frames.feed(data)]


def _decode(kind: Kind, body: bytes) -> Message:
    try:
        match kind:
            case Kind.HELLO:
                check_greeting(body, _MAGIC, PROTOCOL_VERSION)
                return Hello()
            case Kind.TRACKS:
                return _decode_tracks(body)
            case Kind.UNIT:
                return _decode_unit(body)
            case Kind.FAILURE:
                return Failure(_CAUSES[body[0]], body[1:].decode())
            case Kind.END:
                return End()
    except (struct.error, IndexError, ValueError) as problem:
        if isinstance(problem, ProtocolError):
            raise
        raise ProtocolError(f"a {kind.name.lower()} message is malformed") from None


def _decode_unit(body: bytes) -> Unit:
    is_video, pts, dts, duration = _UNIT.unpack_from(body)
    return Unit(
        is_video == 1,
        None if pts == _NO_TIME else pts,
        None if dts == _NO_TIME else dts,
        duration,
        body[_UNIT.size :],
    )


def _encode_tracks(tracks: Tracks) -> bytes:
    codec = CODECS.index(tracks.codec)
    body = _TRACKS.pack(codec, tracks.wrap_ticks, len(tracks.parameter_sets))
    body += pack_sets(tracks.parameter_sets)
    return body if tracks.audio is None else body + pack_audio(tracks.audio)


def _decode_tracks(body: bytes) -> Tracks:
    codec, wrap_ticks, count = _TRACKS.unpack_from(body)
    sets, at = unpack_sets(body, _TRACKS.size, count)
    audio = unpack_audio(body[at:]) if at < len(body) else None
    return Tracks(CODECS[codec], sets, wrap_ticks, audio)
