"""The physical limit: sockets copied to files, nothing parsed but the dialogue that starts them.

`python -m benchmarks.limit DIRECTORY URL...`
"""

import os
import re
import select
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

BUFFER_BYTES = 128 << 10


def play(url: str) -> socket.socket:
    """Open a stream over interleaved TCP and return its socket once it plays."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 554), 10)
    sdp, _ = _ask(connection, "DESCRIBE", url, 1)
    control = re.findall(r"a=control:(\S+)", sdp)[-1]
    track = control if control.startswith("rtsp://") else f"{url}/{control}"
    _, head = _ask(connection, "SETUP", track, 2, "Transport: RTP/AVP/TCP;interleaved=0-1")
    session = re.search(r"Session: *([^;\r\n]+)", head)
    assert session is not None
    request = f"PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session[1]}\r\n\r\n"
    connection.sendall(request.encode())
    connection.setblocking(False)
    return connection


def _ask(
    connection: socket.socket, method: str, url: str, cseq: int, *extra: str
) -> tuple[str, str]:
    lines = [f"{method} {url} RTSP/1.0", f"CSeq: {cseq}", *extra, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"Content-[Ll]ength: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(4096)
    return body.decode(), head.decode()


def main() -> None:
    """Copy until killed."""
    directory, *urls = sys.argv[1:]
    poll = select.epoll()
    streams = {}
    for number, url in enumerate(urls):
        connection = play(url)
        file = os.open(Path(directory) / f"{number}.raw", os.O_WRONLY | os.O_CREAT)
        streams[connection.fileno()] = (connection, file)
        poll.register(connection.fileno(), select.EPOLLIN)
    buffer = bytearray(BUFFER_BYTES)
    view = memoryview(buffer)
    while True:
        for ready, _ in poll.poll():
            connection, file = streams[ready]
            os.write(file, view[: connection.recv_into(buffer)])


if __name__ == "__main__":
    main()
