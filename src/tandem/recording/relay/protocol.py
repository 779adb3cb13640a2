"""What a recorder that asks and one that passes a stream on tell each other, as `framing` has it.

Both begin with a `Hello`. Then one asks, once, and the other answers with what it has: a `Start`,
and from there on everything that the camera's source pushes, in its order; or an `End`. Units are
numbered from the beginning of the camera's session, so that who lost the connection can go on
where it ended, and who was told of the session's end gets the next one from its beginning. The
session's name is told after the `Start`, so that who asks can end it where the one with it died.
"""

import enum
import struct
from dataclasses import dataclass
from typing import Final

from tandem.media.rtp.clock import MAX_CLOCK_HZ
from tandem.media.rtsp.session import CameraSession
from tandem.media.units import (
    IDENTITY_BYTES,
    AccessUnit,
    AudioConfig,
    TimelineBreak,
    TrackConfig,
    VideoConfig,
)
from tandem.recording.framing import (
    CODECS,
    GREETING_BYTES,
    MAX_BODY_BYTES,
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

PROTOCOL_VERSION: Final = 1

ASK_MOST_BYTES: Final = 1024
"""A camera's id has 128 characters; who asks has nothing longer to say."""

_MAGIC = b"TNDR"
_REMEDY = "; run the same release of Tandem on all nodes"
_PLACE = struct.Struct(">QQ")
_START = struct.Struct(">QQ?Iqq")
_UNIT = struct.Struct(f">Bq{IDENTITY_BYTES}s")
_VIDEO = struct.Struct(">BIIiH")
_REPORT = struct.Struct(">?Iq")
_LOST = struct.Struct(">qq")

_IS_VIDEO, _IS_KEYFRAME, _HAS_CONFIG, _FOLLOWS_LOSS = 1, 2, 4, 8


class Kind(enum.IntEnum):
    """The byte that tells what a message is."""

    HELLO = 1
    ASK = 2
    START = 3
    VIDEO_CONFIG = 4
    AUDIO_CONFIG = 5
    UNIT = 6
    BREAK = 7
    REPORT = 8
    LOST = 9
    ALIVE = 10
    END = 11
    SESSION = 12


_KINDS = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Hello:
    """It speaks this protocol."""

    version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a stream.

    Attributes:
        session: of the holder with the camera; a random number.
        number: of the next unit or break in it.
    """

    session: int
    number: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Pass a stream on.

    Attributes:
        camera_id: of the camera.
        stream: main or sub.
        after: where the last connection ended, be it of a session that is over; None for the
            first.
    """

    camera_id: str
    stream: str
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """What follows, from where on.

    Attributes:
        place: of the first unit that follows.
        goes_on: it is the one that was asked for: nothing lies between.
        audio_clock_hz: None where no sound will come.
        packets: the session's losses so far: packets.
        damaged_units: likewise: pictures discarded for it.
    """

    place: Place
    goes_on: bool
    audio_clock_hz: int | None
    packets: int
    damaged_units: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A picture or a frame of sound."""

    is_video: bool
    unit: AccessUnit


@dataclass(frozen=True, slots=True)
class Break:
    """The timeline of one of the tracks broke."""

    is_video: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The camera's clock at an RTP timestamp; see `UnitSink.sender_report`."""

    is_video: bool
    rtp_time: int
    ntp_utc_us: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The session's losses so far; see `UnitSink.lost`."""

    packets: int
    damaged_units: int


@dataclass(frozen=True, slots=True)
class Alive:
    """Nothing happened, and the connection holds."""


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more will come, and why: a sentence without credentials."""

    sentence: str


Control = Hello | Ask | Start | Report | Lost | Alive | End | CameraSession
Message = Control | Unit | Break


def encode(message: Control) -> bytes:
    """Write a message as it travels; for units and breaks see `UnitWriter`.

    Raises:
        ProtocolError: a value of it is impossible.
    """
    try:
        kind, body = _encode(message)
    except struct.error as problem:
        raise ProtocolError(f"{type(message).__name__} cannot be sent: {problem}") from None
    return header(kind, len(body)) + body


def _encode(message: Control) -> tuple[Kind, bytes]:  # noqa: PLR0911 - one a kind
    match message:
        case Hello():
            return Kind.HELLO, pack_greeting(_MAGIC, message.version)
        case Ask():
            return Kind.ASK, _encode_ask(message)
        case Start():
            place, clock_hz = message.place, message.audio_clock_hz or 0
            fields = (place.session, place.number, message.goes_on, clock_hz)
            lost = (message.packets, message.damaged_units)
            return Kind.START, _START.pack(*fields, *lost)
        case Report():
            report = (message.is_video, message.rtp_time, message.ntp_utc_us)
            return Kind.REPORT, _REPORT.pack(*report)
        case Lost():
            return Kind.LOST, _LOST.pack(message.packets, message.damaged_units)
        case Alive():
            return Kind.ALIVE, b""
        case End():
            return Kind.END, message.sentence.encode()
        case CameraSession():
            if not message.is_plain:
                raise ProtocolError("the camera's session has a name that cannot be sent")
            return Kind.SESSION, f"{message.url} {message.id} {message.timeout_s}".encode()


class UnitWriter:
    """Writes the units of one connection; a track's configuration goes before the first it is for.

    A unit is written as two buffers, the second of which is its data: that is not copied here.
    """

    def __init__(self) -> None:
        self._configs: dict[bool, TrackConfig | None] = {}

    def write(self, item: AccessUnit | TimelineBreak, *, is_video: bool) -> list[bytes | bytearray]:
        """A unit or a break as it travels.

        Raises:
            ProtocolError: it is larger than any reader would take, or has an impossible value.
        """
        try:
            return self._write(item, is_video=is_video)
        except struct.error as problem:
            raise ProtocolError(f"a unit cannot be sent: {problem}") from None

    def _write(
        self, item: AccessUnit | TimelineBreak, *, is_video: bool
    ) -> list[bytes | bytearray]:
        if isinstance(item, TimelineBreak):
            return [header(Kind.BREAK, 1) + bytes([is_video])]
        config = item.config
        flags = _IS_VIDEO * is_video | _IS_KEYFRAME * item.is_keyframe
        flags |= _HAS_CONFIG * (config is not None) | _FOLLOWS_LOSS * item.follows_loss
        head = header(Kind.UNIT, _UNIT.size + len(item.data))
        head += _UNIT.pack(flags, item.rtp_time, item.identity)
        if config is not None and config is not self._configs.get(is_video):
            self._configs[is_video] = config
            head = _encode_config(config) + head
        return [head, item.data]


class Decoder:
    """Takes the bytes as they come and returns the messages that are whole.

    Args:
        most_bytes: of a message.
        configs: those of the last connection of the same stream, by whether it is the picture's;
            what is announced again unchanged stays the same object.
    """

    def __init__(
        self, most_bytes: int = MAX_BODY_BYTES, configs: dict[bool, TrackConfig] | None = None
    ) -> None:
        self._frames = FrameReader((Kind.HELLO, GREETING_BYTES), _KINDS, most_bytes)
        self._configs = {} if configs is None else configs

    def feed(self, data: bytes) -> list[Message]:
        """Take more bytes.

        Returns:
            The messages that they complete, oldest first.

        Raises:
            ProtocolError: what arrived cannot be a message; the decoder is of no further use.
        """
        messages: list[Message] = []
        for number, body in self._frames.feed(data):
            kind = Kind(number)
            try:
                message = self._decode(kind, body)
            except (struct.error, IndexError, ValueError) as problem:
                if isinstance(problem, ProtocolError):
                    raise
                raise ProtocolError(f"a {kind.name.lower()} message is malformed") from None
            if message is not None:
                messages.append(message)
        return messages

    def _decode(self, kind: Kind, body: bytes) -> Message | None:  # noqa: C901, PLR0911 - one a kind
        match kind:
            case Kind.HELLO:
                check_greeting(body, _MAGIC, PROTOCOL_VERSION, _REMEDY)
                return Hello()
            case Kind.ASK:
                return _decode_ask(body)
            case Kind.START:
                return _decode_start(body)
            case Kind.VIDEO_CONFIG:
                self._learn(_decode_video(body), is_video=True)
            case Kind.AUDIO_CONFIG:
                self._learn(unpack_audio(body), is_video=False)
            case Kind.UNIT:
                return self._decode_unit(body)
            case Kind.BREAK:
                return Break(body[0] == 1)
            case Kind.REPORT:
                return Report(*_REPORT.unpack(body))
            case Kind.LOST:
                return Lost(*_LOST.unpack(body))
            case Kind.ALIVE:
                return Alive()
            case Kind.END:
                return End(body.decode())
            case Kind.SESSION:
                return _decode_session(body)
        return None

    def _learn(self, config: TrackConfig, *, is_video: bool) -> None:
        if config.codec.is_video != is_video:
            raise ProtocolError(f"{config.codec} is announced for the wrong track")
        if config != self._configs.get(is_video):
            self._configs[is_video] = config

    def _decode_unit(self, body: bytes) -> Unit:
        flags, rtp_time, identity = _UNIT.unpack_from(body)
        is_video, config = bool(flags & _IS_VIDEO), None
        if flags & _HAS_CONFIG:
            config = self._configs.get(is_video)
            if config is None:
                raise ProtocolError("a unit comes before its configuration")
        is_keyframe, follows_loss = bool(flags & _IS_KEYFRAME), bool(flags & _FOLLOWS_LOSS)
        data = body[_UNIT.size :]
        return Unit(
            is_video, AccessUnit(data, rtp_time, is_keyframe, config, identity, follows_loss)
        )


def _encode_ask(ask: Ask) -> bytes:
    camera = ask.camera_id.encode()
    body = bytes([len(camera)]) + camera + bytes([len(ask.stream)]) + ask.stream.encode()
    return body if ask.after is None else body + _PLACE.pack(ask.after.session, ask.after.number)


def _decode_ask(body: bytes) -> Ask:
    camera_ends = 1 + body[0]
    stream_ends = camera_ends + 1 + body[camera_ends]
    camera_id, stream = body[1:camera_ends].decode(), body[camera_ends + 1 : stream_ends].decode()
    rest = body[stream_ends:]
    return Ask(camera_id, stream, Place(*_PLACE.unpack(rest)) if rest else None)


def _decode_session(body: bytes) -> CameraSession:
    url, name, timeout_s = body.decode().split(" ")
    session = CameraSession(url, name, int(timeout_s))
    if not session.is_plain:
        raise ValueError
    return session


def _decode_start(body: bytes) -> Start:
    session, number, goes_on, clock_hz, packets, damaged_units = _START.unpack(body)
    if clock_hz > MAX_CLOCK_HZ:
        raise ProtocolError(f"sound with a clock of {clock_hz} Hz")
    return Start(Place(session, number), goes_on, clock_hz or None, packets, damaged_units)


def _encode_config(config: TrackConfig) -> bytes:
    if isinstance(config, AudioConfig):
        body = pack_audio(config)
        return header(Kind.AUDIO_CONFIG, len(body)) + body
    depth = -1 if config.reorder_depth is None else config.reorder_depth
    sets = config.parameter_sets
    codec = CODECS.index(config.codec)
    body = _VIDEO.pack(codec, config.width_px, config.height_px, depth, len(sets))
    body += pack_sets(sets)
    return header(Kind.VIDEO_CONFIG, len(body)) + body


def _decode_video(body: bytes) -> VideoConfig:
    codec, width_px, height_px, depth, count = _VIDEO.unpack_from(body)
    sets, _ = unpack_sets(body, _VIDEO.size, count)
    return VideoConfig(CODECS[codec], sets, width_px, height_px, None if depth < 0 else depth)
