"""The RTSP receiver's sockets: redirects and names, by scripted servers."""

import asyncio
import errno
from collections.abc import Mapping
from contextlib import suppress
from random import Random

import pytest
from tests.recording.streams import order

from tandem.clock import SystemClock
from tandem.media.rtsp import client
from tandem.media.rtsp.session import CameraSession
from tandem.recording import rtsp_source
from tandem.recording.rtsp_causes import plain_reason
from tandem.recording.rtsp_source import RtspSource
from tandem.recording.source import Cause, SourceError
from tandem.recording.stream_recording import StreamSink

DEADLINE_S = 60.0


def sink_of(url: str) -> StreamSink:
    return StreamSink(order(url=url), SystemClock(), lambda *_: None, lambda *_: None)


async def fails(url: str) -> SourceError:
    source = RtspSource(order(url=url), SystemClock(), Random(1))
    with pytest.raises(SourceError) as failure:
        async with asyncio.timeout(DEADLINE_S):
            await source.run(sink_of(url))
    return failure.value


def test_an_error_is_told_in_the_systems_words() -> None:
    python_said = OSError(errno.EHOSTUNREACH, "Connect call failed ('192.0.2.1', 554)")
    assert plain_reason(python_said) == "No route to host"
    assert plain_reason(ConnectionResetError(errno.ECONNRESET, "x")) == "Connection reset by peer"
    assert plain_reason(OSError("Multiple exceptions")) == "Multiple exceptions"


class Scripted:
    """A server that answers each request with a status and headers, or not at all (None)."""

    def __init__(self, answers: Mapping[str, str | None]) -> None:
        self.requests: list[str] = []
        self._answers = answers
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                method = head.split(" ", 1)[0]
                self.requests.append(method)
                cseq = next(line for line in head.split("\r\n") if line.startswith("CSeq"))
                answer = self._answers.get(method, "200 OK")
                if answer is not None:
                    writer.write(f"RTSP/1.0 {answer}\r\n{cseq}\r\n\r\n".encode())

    async def close(self) -> None:
        """Let go of every connection."""
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def test_a_redirect_is_followed_and_the_new_place_is_asked() -> None:
    async def run() -> tuple[list[str], SourceError]:
        second = Scripted({"DESCRIBE": "404 Not Found"})
        async with await asyncio.start_server(second.serve, "127.0.0.1", 0) as there:
            port = there.sockets[0].getsockname()[1]
            moved = f"302 Moved\r\nLocation: rtsp://127.0.0.1:{port}/s"
            first = Scripted({"DESCRIBE": moved})
            async with await asyncio.start_server(first.serve, "127.0.0.1", 0) as here:
                failure = await fails(f"rtsp://127.0.0.1:{here.sockets[0].getsockname()[1]}/s")
                # From Python 3.12.1 on, the end of a server waits for its connections.
                await first.close()
                await second.close()
        return second.requests, failure

    requests, failure = asyncio.run(run())
    assert requests[:2] == ["OPTIONS", "DESCRIBE"]
    assert failure.cause is Cause.NOT_FOUND


class Book:
    """Knows of one session."""

    def __init__(self) -> None:
        self.session: CameraSession | None = CameraSession("rtsp://192.0.2.1/other/", "77")

    def opened(self, session: CameraSession) -> None:
        raise AssertionError(session)

    def take(self) -> CameraSession | None:
        session, self.session = self.session, None
        return session


async def asked_of(camera: Scripted, book: Book) -> Cause:
    async with await asyncio.start_server(camera.serve, "127.0.0.1", 0) as here:
        url = f"rtsp://127.0.0.1:{here.sockets[0].getsockname()[1]}/s"
        source = RtspSource(order(url=url), SystemClock(), Random(1), book)
        with pytest.raises(SourceError) as failure:
            async with asyncio.timeout(DEADLINE_S):
                await source.run(sink_of(url))
        await camera.close()
    return failure.value.cause


@pytest.mark.parametrize("answer", ["200 OK", "454 Session Not Found"])
def test_a_camera_that_has_no_session_left_is_asked_to_end_the_last_one_known_once(
    answer: str,
) -> None:
    camera = Scripted({"DESCRIBE": "453 Not Enough Bandwidth", "TEARDOWN": answer})
    book = Book()
    asked = ["OPTIONS", "DESCRIBE"]
    assert asyncio.run(asked_of(camera, book)) is Cause.SESSION_LIMIT
    assert camera.requests == [*asked, "TEARDOWN", *asked]
    camera.requests.clear()
    assert asyncio.run(asked_of(camera, book)) is Cause.SESSION_LIMIT
    assert camera.requests == asked


def test_whatever_else_a_camera_says_no_session_of_another_node_is_ended() -> None:
    for refusal in ("404 Not Found", "403 Forbidden", "500 Internal Server Error"):
        camera, book = Scripted({"DESCRIBE": refusal}), Book()
        asyncio.run(asked_of(camera, book))
        assert "TEARDOWN" not in camera.requests
        assert book.session is not None


@pytest.mark.parametrize("host", ["a..b", "%00host", "no-such-camera.invalid"])
def test_what_is_no_name_of_a_host_is_a_failure_of_that_camera(host: str) -> None:
    failure = asyncio.run(fails(f"rtsp://{host}/s"))
    assert failure.cause in {Cause.NAME_UNKNOWN, Cause.PROTOCOL}


def test_a_camera_that_does_not_answer_to_the_end_of_a_session_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "RESPONSE_TIMEOUT_US", 1_000_000_000)
    monkeypatch.setattr(rtsp_source, "END_S", 0.1)
    camera = Scripted({"DESCRIBE": "453 Not Enough Bandwidth", "TEARDOWN": None})
    assert asyncio.run(asked_of(camera, Book())) is Cause.SESSION_LIMIT
    asked = ["OPTIONS", "DESCRIBE"]
    assert camera.requests == [*asked, "TEARDOWN", *asked]
