"""Messages as they travel to a recorder, from a child process or from another node.

Every message is its body's length (4 bytes), its kind (1 byte) and its body, all big-endian. The
first is a greeting, so that another version, or a program that says something else, is recognised
by its first bytes. Lengths are checked before anything is kept: a sender that went mad costs one
message of the largest size, not the memory.
"""

import struct
from collections.abc import Collection, Sequence
from typing import Final

from tandem.media.units import AudioConfig, Codec

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Several times the largest intra picture of a 4K camera."""

CODECS: Final = tuple(Codec)
"""A codec travels as its place in here."""

_HEADER = struct.Struct(">IB")
_GREETING = struct.Struct(">4sH")
_LENGTH = struct.Struct(">I")
_AUDIO = struct.Struct(">BIBI")

GREETING_BYTES: Final = _GREETING.size


class ProtocolError(ValueError):
    """What arrived is not this protocol; the message says in which way."""


def header(kind: int, length: int) -> bytes:
    """What stands before a body.

    Args:
        kind: of the message.
        length: of its body.

    Raises:
        ProtocolError: it is larger than any reader would take.
    """
    if length > MAX_BODY_BYTES:
        raise ProtocolError(f"a message of {length} bytes; at most {MAX_BODY_BYTES} are allowed")
    return _HEADER.pack(length, kind)


class FrameReader:
    """Takes the bytes as they come and returns the frames that are whole.

    Args:
        greeting: kind and length of the first message.
        kinds: those that there are.
        most_bytes: the largest body that is waited for.
    """

    def __init__(
        self, greeting: tuple[int, int], kinds: Collection[int], most_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._greeting = greeting
        self._kinds = kinds
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self._is_greeted = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take more bytes.

        Returns:
            Kind and body of the messages that they complete, oldest first.

        Raises:
            ProtocolError: what arrived cannot be a message; the reader is of no further use.
        """
        self._buffer += data
        frames: list[tuple[int, bytes]] = []
        at = 0
        while len(self._buffer) - at >= _HEADER.size:
            length, kind = _HEADER.unpack_from(self._buffer, at)
            self._check(length, kind)
            body = at + _HEADER.size
            if len(self._buffer) - body < length:
                break
            at = body + length
            frames.append((kind, bytes(memoryview(self._buffer)[body:at])))
        del self._buffer[:at]
        return frames

    def _check(self, length: int, kind: int) -> None:
        """Refuse a header before its body is waited for."""
        if not self._is_greeted and (kind, length) != self._greeting:
            raise ProtocolError("it does not begin with a greeting")
        self._is_greeted = True
        if kind not in self._kinds:
            raise ProtocolError(f"message kind {kind} is not known")
        if length > self._most_bytes:
            raise ProtocolError(
                f"a message of {length} bytes; at most {self._most_bytes} are allowed"
            )


def pack_greeting(magic: bytes, version: int) -> bytes:
    """The body of a first message.

    Args:
        magic: four bytes that name the protocol.
        version: of it.
    """
    return _GREETING.pack(magic, version)


def check_greeting(body: bytes, magic: bytes, version: int, remedy: str = "") -> None:
    """Read what `pack_greeting` wrote.

    Args:
        body: of the first message.
        magic: four bytes that name the protocol.
        version: the one that is understood.
        remedy: what to do about another one.

    Raises:
        ProtocolError: it is another protocol, or another version.
        struct.error: it is cut off.
    """
    found, spoken = _GREETING.unpack(body)
    if found != magic:
        raise ProtocolError("it does not begin with a greeting")
    if spoken != version:
        raise ProtocolError(f"it speaks version {spoken}, and this is version {version}{remedy}")


def pack_sets(parameter_sets: Sequence[bytes]) -> bytes:
    """Parameter sets, each behind its length."""
    return b"".join(_LENGTH.pack(len(nal)) + nal for nal in parameter_sets)


def unpack_sets(body: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    """Read what `pack_sets` wrote.

    Args:
        body: of the message.
        at: where they begin in it.
        count: how many there are.

    Returns:
        The parameter sets, and where they end.

    Raises:
        ProtocolError: the body ends before they do.
        struct.error: likewise.
    """
    sets = []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size + length
        if at > len(body):
            raise ProtocolError("a parameter set is cut off")
        sets.append(body[at - length : at])
    return tuple(sets), at


def pack_audio(audio: AudioConfig) -> bytes:
    """How to decode sound; what is specific to the codec is its end."""
    codec = CODECS.index(audio.codec)
    fields = (codec, audio.sample_rate_hz, audio.channels, audio.samples_per_frame)
    return _AUDIO.pack(*fields) + audio.specific


def unpack_audio(body: bytes) -> AudioConfig:
    """Read what `pack_audio` wrote.

    Raises:
        IndexError: there is no such codec.
        ProtocolError: it has no clock.
        struct.error: it is cut off.
    """
    codec, rate_hz, channels, samples = _AUDIO.unpack_from(body)
    if not rate_hz:
        raise ProtocolError("an audio track without a clock")
    return AudioConfig(CODECS[codec], rate_hz, channels, body[_AUDIO.size :], samples)
