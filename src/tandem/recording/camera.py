"""What a recorder is told about a camera, and how it refuses what it cannot use.

The order to record travels as JSON through the recorder's standard input, never through its
arguments or environment, which other users can read.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tandem.archive.layout import checked_name
from tandem.archive.rows import Role

NATIVE_SCHEMES = frozenset({"rtsp"})
"""Received by Tandem itself; every other scheme goes through libav, in a process of its own."""


class CameraError(ValueError):
    """A camera's description cannot be used; names the camera and says what to write."""


class StreamName(enum.StrEnum):
    """The streams of a camera: the full picture, and a small one for walls of monitors."""

    MAIN = "main"
    SUB = "sub"


class TransportPreference(enum.StrEnum):
    """How RTP travels: inside the RTSP connection, or as datagrams beside it."""

    TCP = "tcp"
    UDP = "udp"


StreamKey = tuple[str, StreamName]
"""A stream of a camera: its camera's id, and its name."""


@dataclass(frozen=True, slots=True)
class Login:
    """A camera's user and password. The password is in no representation of it."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StreamOrder:
    """One stream that is to be recorded.

    Attributes:
        camera_id: immutable identity of the camera, used in paths: letters, digits, `-` and `_`.
        camera_name: free text, for messages.
        stream: main or sub.
        url: without credentials.
        login: None for a camera that asks for none.
        transport: for RTSP only.
        audio: whether sound is recorded beside the picture.
        role: of this node's copy.
    """

    camera_id: str
    camera_name: str
    stream: StreamName
    url: str
    login: Login | None
    transport: TransportPreference
    audio: bool
    role: Role

    @property
    def key(self) -> StreamKey:
        """Which stream of which camera."""
        return (self.camera_id, self.stream)

    @property
    def is_native(self) -> bool:
        """Whether Tandem's own receiver takes it."""
        return urlsplit(self.url).scheme in NATIVE_SCHEMES

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"camera {self.camera_name} ({self.camera_id}/{self.stream})"


def parse_stream_order(text: Mapping[str, Any]) -> StreamOrder:
    """Read a stream order from its JSON object.

    Args:
        text: keys as the attributes of `StreamOrder`, save `login` as `username` and `password`.

    Raises:
        CameraError: a key is missing, unknown or has an impossible value.
    """
    camera_id = _identity(text)
    name = str(text.get("camera_name") or camera_id)
    known = {
        "camera_id",
        "camera_name",
        "stream",
        "url",
        "username",
        "password",
        "transport",
        "audio",
        "role",
    }
    if unknown := sorted(set(text) - known):
        raise CameraError(f"camera {name}: unknown setting {unknown[0]!r}")
    try:
        stream = StreamName(text.get("stream", "main"))
        transport = TransportPreference(text.get("transport", "tcp"))
        role = Role(text.get("role", "primary"))
    except ValueError as problem:
        raise CameraError(f"camera {name}: {problem}") from None
    username = str(text.get("username") or "")
    return StreamOrder(
        camera_id=camera_id,
        camera_name=name,
        stream=stream,
        url=check_url(str(text.get("url") or ""), name),
        login=Login(username, str(text.get("password") or "")) if username else None,
        transport=transport,
        audio=bool(text.get("audio", False)),
        role=role,
    )


def check_url(url: str, camera_name: str) -> str:
    """Refuse a URL that cannot be recorded from.

    Args:
        url: as the user wrote it.
        camera_name: for the message.

    Returns:
        The URL, unchanged.

    Raises:
        CameraError: no scheme, no host, or a password inside: such a URL would end up in process
            lists, logs and shell histories.
    """
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise CameraError(
            f"camera {camera_name}: its URL is not valid; is the port right?"
        ) from None
    if parts.password is not None or parts.username is not None:
        raise CameraError(
            f"camera {camera_name}: the URL has a user name or password in it; "
            "give them apart from it, so that no process list or log can show them"
        )
    if not parts.scheme or not (parts.netloc or parts.scheme == "file") or not port_is_valid:
        raise CameraError(
            f"camera {camera_name}: its URL cannot be read; write for example "
            "rtsp://192.0.2.10/stream1"  # never quoted: what cannot be read cannot be redacted
        )
    return url


def _identity(text: Mapping[str, Any]) -> str:
    camera_id = str(text.get("camera_id") or "")
    try:
        return checked_name(camera_id)
    except ValueError:
        raise CameraError(
            f"{camera_id[:140]!r} is not a camera id: use up to 128 letters, digits, '-' and '_', "
            "beginning with a letter or digit, and give the camera any name you like besides"
        ) from None
