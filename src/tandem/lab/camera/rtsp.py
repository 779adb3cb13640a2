"""RTSP messages: bytes in, requests out (RFC 2326; RFC 7826 for the wording)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

STATUS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid In This State",
    461: "Unsupported Transport",
}

_LONGEST_REQUEST_BYTES = 64 << 10


class BadRequestError(Exception):
    """The client sent what is not RTSP."""


@dataclass(frozen=True, slots=True)
class Request:
    """One RTSP request. Header names are in lower case."""

    method: str
    uri: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A binary packet from the client, such as a receiver report."""

    channel: int


class RequestParser:
    """Cuts a client's byte stream into requests and interleaved packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Request | Interleaved]:
        """Take bytes from the connection.

        Args:
            data: the bytes.

        Yields:
            What became complete.

        Raises:
            BadRequestError: this is not RTSP.
        """
        self._buffer += data
        while self._buffer:
            step = self._interleaved() if self._buffer[0] == 0x24 else self._request()
            if step is None:
                return
            yield step

    def _interleaved(self) -> Interleaved | None:
        if len(self._buffer) < 4:
            return None
        length = 4 + int.from_bytes(self._buffer[2:4], "big")
        if len(self._buffer) < length:
            return None
        packet = Interleaved(self._buffer[1])
        del self._buffer[:length]
        return packet

    def _request(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_REQUEST_BYTES:
                raise BadRequestError("The request has no end.")
            return None
        request = _read_head(self._buffer[:end].decode("latin-1"))
        total = end + 4 + int(request.headers.get("content-length", "0"))
        if len(self._buffer) < total:
            return None
        del self._buffer[:total]
        return request


def _read_head(head: str) -> Request:
    first, *lines = head.lstrip("\r\n").split("\r\n")
    words = first.split()
    if len(words) != 3 or not words[2].startswith("RTSP/"):
        raise BadRequestError(f"The request begins with {first!r}.")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(words[0], words[1], headers)


def response(request: Request, status: int, headers: Mapping[str, str], body: str = "") -> bytes:
    """Write a response.

    Args:
        request: what is answered; its CSeq is repeated.
        status: status code.
        headers: further headers.
        body: the session description, or nothing.

    Returns:
        The message.
    """
    lines = [f"RTSP/1.0 {status} {STATUS[status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
