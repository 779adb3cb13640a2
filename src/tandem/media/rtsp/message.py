"""RTSP messages (RFC 2326 sections 4 to 7): written, and read piece by piece within bounds."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.url import quote, redact

MAX_HEAD_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 128
MAX_BODY_BYTES: Final = 256 * 1024

_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE: Final = re.compile(r"RTSP/\d\.\d +(\d{3})(?: +(.*))?\Z")
_REQUEST_LINE: Final = re.compile(r"([A-Z_]{1,32}) +(\S+) +RTSP/\d\.\d\Z")
_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization"})


class Headers:
    """The header fields of a message: in order, names in any case, several of one name allowed."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = tuple(fields)

    def get(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Every value of a header, in the order received."""
        wanted = name.lower()
        return [value for each, value in self._fields if each.lower() == wanted]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __repr__(self) -> str:
        shown = (
            (name, "***" if name.lower() in _SECRET_HEADERS else redact(value))
            for name, value in self._fields
        )
        return f"Headers({list(shown)})"


@dataclass(frozen=True, slots=True)
class Request:
    """What one side asks of the other.

    Attributes:
        method: as "DESCRIBE".
        url: absolute, without credentials, or "*".
        headers: without Content-Length, which `to_bytes` adds where there is a body.
        body: as Content-Length delimits it.
    """

    method: str
    url: str = field(repr=False)
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """The message as it goes over the wire."""
        return _to_bytes(f"{self.method} {self.url} RTSP/1.0", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What the other side answers.

    Attributes:
        status: three digits; 200 is success (RFC 2326 section 7.1.1).
        reason: for people; may be empty.
        headers: as received.
        body: as Content-Length delimits it.
    """

    status: int
    reason: str = field(repr=False)
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300

    def to_bytes(self) -> bytes:
        """The message as it goes over the wire."""
        return _to_bytes(f"RTSP/1.0 {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


class MessageReader:
    """Reads one message after another from a stream whose messages may come in any pieces.

    It is told where a message begins and says where it ends: between messages, bytes are not its
    business (RTP packets may stand there). It holds at most one message.
    """

    def __init__(self) -> None:
        self._head = bytearray()
        self._body = bytearray()
        self._body_bytes = 0
        self._without_body: Message | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> tuple[int, Message | None]:
        """Read on in the message.

        Args:
            data: its next bytes, and maybe what follows it.

        Returns:
            How many bytes of `data` belong to the message, and the message once it is whole.

        Raises:
            RtspError: this is no RTSP message, or larger than any camera has reason to send
                (`PROTOCOL`).
        """
        used = 0
        if self._without_body is None:
            used, is_whole = self._feed_head(data)
            if not is_whole:
                return used, None
            self._without_body = _parse_head(bytes(self._head))
            self._head.clear()
            self._body_bytes = _content_length(self._without_body.headers)
        wanted = self._body_bytes - len(self._body)
        taken = data[used : used + wanted]
        self._body += taken
        used += len(taken)
        if len(self._body) < self._body_bytes:
            return used, None
        message = _with_body(self._without_body, bytes(self._body))
        self._without_body = None
        self._body.clear()
        return used, message

    def _feed_head(self, data: bytes | bytearray | memoryview) -> tuple[int, bool]:
        """Collect up to the empty line; the bytes used, and whether it was found."""
        before = len(self._head)
        self._head += data[: MAX_HEAD_BYTES - before]
        end = _END_OF_HEAD.search(self._head, max(0, before - 3))
        if end:
            del self._head[end.end() :]
            return end.end() - before, True
        if len(self._head) >= MAX_HEAD_BYTES:
            raise RtspError(
                Cause.PROTOCOL,
                f"The camera sent a header of more than {MAX_HEAD_BYTES} bytes, which no RTSP "
                "server has reason to; check that the address is that of a camera.",
            )
        return len(self._head) - before, False


def _parse_head(head: bytes) -> Message:
    lines = re.split(r"[\r\n]+", head.decode("utf-8", errors="replace").strip("\r\n"))
    if status := _STATUS_LINE.match(lines[0]):
        return Response(int(status[1]), (status[2] or "").strip(), _parse_headers(lines[1:]))
    if request := _REQUEST_LINE.match(lines[0]):
        return Request(request[1], request[2], _parse_headers(lines[1:]))
    raise RtspError(
        Cause.PROTOCOL,
        f'The camera sent "{quote(lines[0])}", which is not RTSP; check the port of its URL '
        "(RTSP is usually on 554).",
    )


def _parse_headers(lines: list[str]) -> Headers:
    """Fields of a head. Lines that are none are skipped; folded ones are joined."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip()}".strip())
            continue
        name, colon, value = line.partition(":")
        if colon and name.strip():
            fields.append((name.strip(), value.strip()))
    if len(fields) > MAX_HEADERS:
        raise RtspError(
            Cause.PROTOCOL,
            f"The camera sent a message with {len(fields)} header fields; more than {MAX_HEADERS} "
            "are not accepted. Check that the address is that of a camera.",
        )
    return Headers(fields)


def _content_length(headers: Headers) -> int:
    text = headers.get("Content-Length") or "0"
    if not (text.isascii() and text.isdigit()):
        raise RtspError(
            Cause.PROTOCOL,
            f'The camera announced a body of "{quote(text)}" bytes, which is no number; restart '
            "the camera or update its firmware.",
        )
    if len(text) > 9 or int(text) > MAX_BODY_BYTES:
        raise RtspError(
            Cause.PROTOCOL,
            f"The camera announced a body of {quote(text)} bytes; more than {MAX_BODY_BYTES} are "
            "not accepted. Check that the address is that of a camera.",
        )
    return int(text)


def _with_body(message: Message, body: bytes) -> Message:
    if isinstance(message, Request):
        return Request(message.method, message.url, message.headers, body)
    return Response(message.status, message.reason, message.headers, body)


def _to_bytes(first_line: str, headers: Headers, body: bytes) -> bytes:
    fields = list(headers)
    if body:
        fields.append(("Content-Length", str(len(body))))
    lines = [first_line, *(f"{name}: {value}" for name, value in fields)]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line of an RTSP message may not hold a line break")
    return "\r\n".join([*lines, "", ""]).encode() + body
