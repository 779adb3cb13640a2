"""What a camera says it will send: a session description (RFC 8866) as a list of media.

Cameras write this text carelessly, and a recorder that insists on the grammar records nothing. So
`parse` never fails: what it does not understand it leaves out, and a medium that cannot be recorded
stays in the list, without a codec, so that an error can name it.
"""

import base64
import binascii
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tandem.media.units import VIDEO_CLOCK_HZ, Codec

_MAX_MEDIA: Final = 32
_MAX_CHANNELS: Final = 255

_CODECS: Final = {
    "H264": Codec.H264,
    "H265": Codec.H265,
    "HEVC": Codec.H265,
    "MPEG4-GENERIC": Codec.AAC,
    "PCMU": Codec.PCMU,
    "PCMA": Codec.PCMA,
    "OPUS": Codec.OPUS,
}

# RFC 3551 section 6: what these payload types mean where no rtpmap says it.
_STATIC_FORMATS: Final = {
    0: ("PCMU", 8_000, 1),
    8: ("PCMA", 8_000, 1),
    9: ("G722", 8_000, 1),
    14: ("MPA", 90_000, 1),
    26: ("JPEG", 90_000, 1),
    32: ("MPV", 90_000, 1),
    33: ("MP2T", 90_000, 1),
}

_PARAMETER_SET_TYPES: Final = {
    Codec.H264: (7, 8),  # SPS, PPS: RFC 6184 section 1.3
    Codec.H265: (32, 33, 34),  # VPS, SPS, PPS: RFC 7798 section 1.1.4
}

_START_CODE: Final = re.compile(rb"\A\x00{2,3}\x01")
_NO_PARAMETERS: Final[Mapping[str, str]] = {}


class Direction(enum.StrEnum):
    """Which way a medium flows, as the camera put it (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


_DIRECTIONS: Final = {one.value: one for one in Direction}


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """One way in which a medium may be sent.

    Attributes:
        payload_type: the number its RTP packets carry.
        encoding: its name in upper case ("H264"); empty where the camera did not say.
        clock_rate_hz: rate of its RTP timestamps; 0 where unknown.
        channels: channels of sound; 1 for anything else.
        parameters: the `fmtp` attribute, names in lower case.
        codec: what Tandem calls it; None if it cannot be recorded.
    """

    payload_type: int
    encoding: str
    clock_rate_hz: int
    channels: int
    parameters: Mapping[str, str]
    codec: Codec | None

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        """NAL units of the `sprop-` parameters, ordered VPS, SPS, PPS, without start codes.

        RFC 6184 section 8.1 and RFC 7798 section 7.1. What is not a parameter set is left out, and
        nobody may rely on the rest: cameras change their sets in the stream and not here.
        """
        if self.codec is None or not self.codec.is_video:
            return ()
        is_h264 = self.codec is Codec.H264
        names = ("parameter-sets",) if is_h264 else ("vps", "sps", "pps")
        listed = ",".join(self.parameters.get(f"sprop-{name}", "") for name in names)
        nal_units = [nal for item in listed.split(",") if (nal := _nal_unit(item))]
        return tuple(
            nal
            for wanted in _PARAMETER_SET_TYPES[self.codec]
            for nal in nal_units
            if (nal[0] & 0x1F if is_h264 else nal[0] >> 1 & 0x3F) == wanted
        )


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One medium of a session: the video, the sound, what is spoken back to the camera.

    Attributes:
        kind: "video", "audio", "application" or whatever the camera wrote, in lower case.
        protocol: transport protocol, as "RTP/AVP".
        formats: in the order of the camera's preference; may be empty.
        control: its URL or what makes it from the session's; None where only the session has one.
        direction: which way it flows.
    """

    kind: str
    protocol: str
    formats: tuple[PayloadFormat, ...]
    control: str | None
    direction: Direction

    @property
    def format(self) -> PayloadFormat | None:
        """The first format that can be recorded; None if there is none."""
        return next((one for one in self.formats if one.codec is not None), None)

    @property
    def codec(self) -> Codec | None:
        """Codec of `format`."""
        return self.format.codec if self.format else None

    @property
    def encodings(self) -> str:
        """What it is sent as, for a person to read: "JPEG", "H264, JPEG"."""
        return ", ".join(one.encoding or str(one.payload_type) for one in self.formats)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """All a camera offers under one URL.

    Attributes:
        media: in the order of the description.
        control: aggregate control URL or "*" (RFC 2326 section C.1.1); None where not given.
    """

    media: tuple[MediaDescription, ...]
    control: str | None


@dataclass(slots=True)
class _Section:
    """Lines from one `m=` to the next; the first section is that of the session itself."""

    kind: str = ""
    protocol: str = ""
    payload_types: list[int] = field(default_factory=list)
    rtpmaps: dict[int, str] = field(default_factory=dict)
    parameters: dict[int, dict[str, str]] = field(default_factory=dict)
    control: str | None = None
    direction: Direction | None = None

    def attribute(self, text: str) -> None:
        """Take the value of one `a=` line."""
        name, _, value = text.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == "control" and value:
            self.control = value
        elif name in {"rtpmap", "fmtp"}:
            number, _, rest = value.partition(" ")
            payload_type = _number(number)
            if payload_type is None:
                return
            if name == "rtpmap":
                self.rtpmaps[payload_type] = rest.strip()
            else:
                self.parameters.setdefault(payload_type, {}).update(_format_parameters(rest))
        elif name in _DIRECTIONS:
            self.direction = _DIRECTIONS[name]

    def describe(self, direction: Direction) -> MediaDescription:
        """Make the medium, with the session's direction where it has none of its own."""
        return MediaDescription(
            kind=self.kind,
            protocol=self.protocol,
            formats=tuple(self._format(payload_type) for payload_type in self.payload_types),
            control=self.control,
            direction=self.direction or direction,
        )

    def _format(self, payload_type: int) -> PayloadFormat:
        encoding, clock_rate_hz, channels = _rtpmap(self.rtpmaps.get(payload_type, ""))
        if not encoding:
            encoding, clock_rate_hz, channels = _STATIC_FORMATS.get(payload_type, ("", 0, 1))
        codec = _CODECS.get(encoding) if "RTP" in self.protocol else None
        if codec and codec.is_video and not clock_rate_hz:
            clock_rate_hz = VIDEO_CLOCK_HZ
        if not clock_rate_hz:
            codec = None
        parameters = self.parameters.get(payload_type, _NO_PARAMETERS)
        return PayloadFormat(payload_type, encoding, clock_rate_hz, channels, parameters, codec)


def parse(text: bytes | str) -> SessionDescription:
    """Read a session description; never fails.

    Args:
        text: body of the answer to DESCRIBE; lines may end in CRLF, LF or CR.

    Returns:
        What could be understood. Without any `m=` line its `media` is empty.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    session = section = _Section()
    sections: list[_Section] = []
    for line in re.split(r"[\r\n]+", text.replace("\0", "")):
        kind, equals, value = line.strip().partition("=")
        if not equals:
            continue
        if kind == "m":
            if len(sections) == _MAX_MEDIA:
                break
            section = _media_section(value)
            sections.append(section)
        elif kind == "a":
            section.attribute(value)
    direction = session.direction or Direction.SENDRECV
    return SessionDescription(tuple(one.describe(direction) for one in sections), session.control)


def _media_section(value: str) -> _Section:
    """Begin the section of `m=<kind> <port> <protocol> <payload types>`."""
    words = value.split()
    numbers = [number for word in words[3:] if (number := _number(word)) is not None]
    return _Section(
        kind=words[0].lower() if words else "",
        protocol=words[2].upper() if len(words) > 2 else "",
        payload_types=list(dict.fromkeys(number for number in numbers if number < 128)),
    )


def _rtpmap(value: str) -> tuple[str, int, int]:
    """Encoding, clock rate and channels of "MPEG4-GENERIC/48000/2" (RFC 8866 section 6.6)."""
    encoding, rate, channels, *_ = [*(part.strip() for part in value.split("/")), "", ""]
    count = _number(channels) or 1
    return encoding.upper(), _number(rate) or 0, count if count <= _MAX_CHANNELS else 1


def _format_parameters(value: str) -> dict[str, str]:
    """The `name=value` pairs of an `fmtp`; base64 keeps the "=" at its end."""
    pairs = (item.partition("=") for item in value.split(";"))
    return {name.strip().lower(): given.strip() for name, _, given in pairs if name.strip()}


def _nal_unit(text: str) -> bytes:
    """Decode one item of a `sprop-` list; empty if it is no base64."""
    stripped = text.strip().rstrip("=")
    try:
        raw = base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return _START_CODE.sub(b"", raw)


def _number(text: str) -> int | None:
    """A whole number that is not negative and of sane length, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
