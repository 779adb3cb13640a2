"""What a recorder is told about a camera, and how it refuses what it cannot use.

The order to record travels as JSON through the recorder's standard input, never through its
arguments or environment, which other users can read.
"""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from ipaddress import ip_address
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
class Relay:
    """The recorder of another node, which has a camera's only session and passes it on.

    Attributes:
        node_id: the node; its certificate has to say so.
        addresses: of its links, tried in turn.
        port: of that recorder.
    """

    node_id: str
    addresses: tuple[str, ...]
    port: int


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
        relays: whether it is passed on to recorders of other nodes that ask for it.
        relay: where it is received from, if not from the camera.
    """

    camera_id: str
    camera_name: str
    stream: StreamName
    url: str
    login: Login | None
    transport: TransportPreference
    audio: bool
    role: Role
    relays: bool = False
    relay: Relay | None = None

    @property
    def key(self) -> StreamKey:
        """Which stream of which camera."""
        return (self.camera_id, self.stream)

    @property
    def connection(self) -> tuple[str, Login | None, TransportPreference, bool]:
        """All that a connection to the camera depends on: URL, login, transport and sound."""
        return (self.url, self.login, self.transport, self.audio)

    def asked_as(self, other: "StreamOrder") -> "StreamOrder":
        """The same order, but for a connection made as another says."""
        return replace(
            self, url=other.url, login=other.login, transport=other.transport, audio=other.audio
        )

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
        text: keys as the attributes of `StreamOrder`, save `login` as `username` and `password`,
            and `relay` as `{"node_id", "addresses", "port"}` or null.

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
        "relays",
        "relay",
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
        relays=text.get("relays") is True,
        relay=_relay(text, name),
    )


def encode_stream_order(order: StreamOrder) -> dict[str, Any]:
    """A stream order as `parse_stream_order` reads it. It may hold a password."""
    text: dict[str, Any] = {
        "camera_id": order.camera_id,
        "camera_name": order.camera_name,
        "stream": order.stream,
        "url": order.url,
        "transport": order.transport,
        "audio": order.audio,
        "role": order.role,
        "relays": order.relays,
    }
    if order.login is not None:
        text |= {"username": order.login.username, "password": order.login.password}
    if order.relay is not None:
        text["relay"] = asdict(order.relay)
    return text


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


def _relay(text: Mapping[str, Any], camera_name: str) -> Relay | None:
    described = text.get("relay")
    if described is None:
        return None
    if text.get("relays") is True:  # two nodes could else pass it on to each other, and to no disk
        raise CameraError(
            f"camera {camera_name}: what another node passes on is not passed on again"
        )
    try:
        node_id, port = str(described["node_id"]), described["port"]
        addresses = tuple(str(ip_address(str(address))) for address in described["addresses"])
    except (KeyError, TypeError, ValueError) as problem:
        raise CameraError(f"camera {camera_name}: its relay cannot be used: {problem}") from None
    if not (node_id and addresses and isinstance(port, int) and 0 < port < 1 << 16):
        raise CameraError(f"camera {camera_name}: its relay lacks a node, an address or a port")
    return Relay(node_id, addresses, port)


def _identity(text: Mapping[str, Any]) -> str:
    camera_id = str(text.get("camera_id") or "")
    try:
        return checked_name(camera_id)
    except ValueError:
        raise CameraError(
            f"{camera_id[:140]!r} is not a camera id: use up to 128 letters, digits, '-' and '_', "
            "beginning with a letter or digit, and give the camera any name you like besides"
        ) from None
