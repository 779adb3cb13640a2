"""What a child is told through its standard input, and how libav is asked for it."""

import json
from dataclasses import asdict, dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from tandem.recording.camera import StreamOrder

_SILENCE_US: Final = 15_000_000
"""libav's own deadline for a read. The recorder's is shorter and does the work; this one ends a
child whose recorder has been frozen."""

_PROBE: Final = {
    # Never nobuffer: it throws away the second of pictures that was read to find the tracks.
    "analyzeduration": "2000000",
    "probesize": "5000000",
    "fpsprobesize": "0",
    # With no decoder allowed, libav finds the tracks by its parsers alone: nothing is ever decoded.
    "codec_whitelist": "none",
}
_TLS: Final = "https,http,tls,tcp,crypto,data"

_PROTOCOLS: Final = {
    "file": "file",
    "http": _TLS,
    "https": _TLS,
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,rtmp,tls,tcp",
    "rtsps": "tls,tcp,rtp,srtp,udp",
    "srt": "srt",
    "tcp": "tcp",
    "udp": "udp",
}
"""By scheme, what libav may open for it: a playlist that a camera sends must not name our files."""

FOREIGN_SCHEMES: Final = frozenset(_PROTOCOLS)
"""Schemes that can be recorded from through libav, where the installed one was built with them."""


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """What one child is to receive.

    Attributes:
        url: without credentials.
        username: empty where there is no login.
        password: empty where there is none.
        audio: whether sound is wanted.
        parent_pid: of the recorder; when it is gone the child has no reason to live.
    """

    url: str
    username: str
    password: str = field(repr=False)
    audio: bool
    parent_pid: int

    @property
    def scheme(self) -> str:
        """How the URL begins, in lower case."""
        return urlsplit(self.url).scheme

    @property
    def shown_url(self) -> str:
        """The URL for messages: without its query, where cameras take passwords and tokens."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    @property
    def address(self) -> str:
        """The URL as libav wants it, with the login inside."""
        parts = urlsplit(self.url)
        if parts.scheme == "file":
            return "file:" + unquote(parts.path)
        if not self.username or parts.scheme == "srt":
            return self.url
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return parts._replace(netloc=f"{login}@{parts.netloc}").geturl()

    @property
    def options(self) -> dict[str, str]:
        """Options for libav to open `address` with."""
        options = _PROBE | {"protocol_whitelist": _PROTOCOLS[self.scheme]}
        if self.scheme == "rtsps":
            # It knows no rw_timeout, and without a timeout of its own it waits for ever.
            options |= {
                "timeout": str(_SILENCE_US),
                "rtsp_transport": "tcp",
                "allowed_media_types": "video+audio" if self.audio else "video",
            }
        elif self.scheme != "file":
            # Not `timeout`: for RTMP that means to listen instead of to connect.
            options["rw_timeout"] = str(_SILENCE_US)
        if self.scheme == "srt" and self.password:
            options["passphrase"] = self.password
        return options

    def to_json(self) -> bytes:
        """Write it for `from_json`."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "ChildOrder":
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def child_order(order: StreamOrder, parent_pid: int) -> ChildOrder:
    """Take from a stream order what its child needs to know."""
    login = order.login
    return ChildOrder(
        url=order.url,
        username=login.username if login else "",
        password=login.password if login else "",
        audio=order.audio,
        parent_pid=parent_pid,
    )
