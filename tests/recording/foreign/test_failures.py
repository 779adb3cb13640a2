"""Each way in which a camera can fail has its own cause, and a sentence that says what to do."""

import asyncio
import socket
from pathlib import Path

import pytest
from tests.recording.foreign.material import (
    PASSWORD,
    Handler,
    answering,
    order,
    receive,
    received,
    saying_nothing,
    serving,
)

from tandem.recording.source import Cause, SourceError


def failure_of(handler: Handler, *, scheme: str = "http", path: str = "/x") -> SourceError:
    async def run() -> SourceError:
        async with serving(handler) as port:
            stream = order(f"{scheme}://127.0.0.1:{port}{path}", login=True)
            return (await receive(stream))[1]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "cause", "words"),
    [
        ("401 Unauthorized", Cause.UNAUTHORISED, "refused the user name or password"),
        ("403 Forbidden", Cause.UNAUTHORISED, "right to view"),
        ("404 Not Found", Cause.NOT_FOUND, "is its path right"),
        ("429 Too Many Requests", Cause.SESSION_LIMIT, "as many viewers"),
        ("500 Internal Server Error", Cause.PROTOCOL, "an error of its own"),
    ],
)
def test_what_a_camera_answers_is_passed_on(status: str, cause: Cause, words: str) -> None:
    problem = failure_of(answering(status), path="/x?token=verysecret")
    assert problem.cause is cause
    assert words in problem.message
    assert "camera Gate (gate/main): " in problem.message
    for secret in (PASSWORD, "verysecret", "admin"):
        assert secret not in problem.message


def test_a_closed_port_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        _, problem = received(f"http://127.0.0.1:{taken.getsockname()[1]}/x", login=True)
    assert problem.cause is Cause.REFUSED
    assert PASSWORD not in problem.message


def test_a_host_that_takes_no_connection_is_unreachable() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        crowd = [socket.socket() for _ in range(4)]  # fill its queue: further SYNs are dropped
        for caller in crowd:
            caller.setblocking(False)
            caller.connect_ex(address)
        _, problem = received(f"tcp://127.0.0.1:{address[1]}")
        for caller in crowd:
            caller.close()
    assert problem.cause is Cause.UNREACHABLE
    assert "does not answer" in problem.message


def test_an_unknown_name_is_told_from_an_input_output_error() -> None:
    _, problem = received("http://camera.invalid/x")
    assert problem.cause is Cause.NAME_UNKNOWN
    assert "camera.invalid" in problem.message


def test_a_camera_that_hangs_up_at_once_has_closed() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    assert failure_of(hang_up, scheme="tcp").cause in {Cause.CLOSED, Cause.PROTOCOL}


def test_what_is_no_video_is_no_protocol_of_ours() -> None:
    page = b"<html>Welcome to your camera</html>" * 200
    length = f"Content-Length: {len(page)}\r\n"
    problem = failure_of(answering("200 OK", page, length))
    assert problem.cause is Cause.PROTOCOL
    assert "no video that libav understands" in problem.message


def test_a_playlist_cannot_make_us_open_our_own_files() -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n"
    problem = failure_of(answering("200 OK", playlist), path="/x.m3u8")
    assert problem.cause in {Cause.PROTOCOL, Cause.CLOSED, Cause.NO_VIDEO}


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    _, problem = received(f"file://{tmp_path}/none.mp4")
    assert problem.cause is Cause.NOT_FOUND


def test_a_scheme_that_libav_must_not_be_asked_for_is_refused() -> None:
    _, problem = received("concat://192.0.2.1/x")
    assert problem.cause is Cause.UNSUPPORTED
    assert "rtmp" in problem.message


def test_a_protocol_that_libav_was_built_without_is_named() -> None:
    _, problem = received("srt://127.0.0.1:9")
    if problem.cause is not Cause.UNSUPPORTED:
        pytest.skip("this libav has SRT")
    assert "built without" in problem.message


@pytest.mark.parametrize("scheme", ["rtmp", "rtsps", "https", "tcp"])
def test_no_protocol_waits_for_ever(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.recording.foreign.source.SILENCE_S", 1)
    assert failure_of(saying_nothing, scheme=scheme).cause is Cause.STALLED
