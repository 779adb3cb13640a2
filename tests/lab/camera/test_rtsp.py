"""RTSP as clients speak it, well and badly."""

import base64
import hashlib
import re

import pytest
from tests.lab.camera.conftest import StartCameras
from tests.lab.camera.raw_client import RawClient

from tandem.lab.camera.rtsp import BadRequestError, Interleaved, RequestParser


def test_requests_and_packets_are_cut_apart_wherever_tcp_cuts_them() -> None:
    stream = (
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        b"$\x01\x00\x03abc"
        b"SET_PARAMETER rtsp://a/b RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nbody"
        b"$\x03\x00\x00"
    )
    for cut in range(1, len(stream)):
        parser = RequestParser()
        found = [*parser.feed(stream[:cut]), *parser.feed(stream[cut:])]
        kinds = [one.channel if isinstance(one, Interleaved) else one.method for one in found]
        assert kinds == ["OPTIONS", 1, "SET_PARAMETER", 3]


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"x" * 70_000])
def test_what_is_not_rtsp_is_refused(garbage: bytes) -> None:
    with pytest.raises(BadRequestError):
        list(RequestParser().feed(garbage))


def test_a_client_that_speaks_no_rtsp_is_disconnected(start: StartCameras) -> None:
    with RawClient(start().address()) as client:
        client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert client.socket.recv(100) == b""


def test_an_unknown_path_method_session_or_transport_has_its_own_answer(
    start: StartCameras,
) -> None:
    cameras = start()
    with RawClient(cameras.address()) as client:
        assert client.request("OPTIONS").status == 200
        assert client.request("DESCRIBE", "/no/such").status == 404
        assert client.request("ANNOUNCE").status == 405
        assert client.request("PLAY").status == 454
        assert client.request("SETUP", "/track1", Transport="RTP/SAVP;unicast").status == 461
        assert client.set_up("/track2").status == 404
        client.play()
        client.session = "another"
        assert client.request("PLAY").status == 454


def test_a_pause_stops_the_pictures_and_play_goes_on(start: StartCameras) -> None:
    with RawClient(start().address()) as client:
        client.play()
        client.pictures(3)
        assert client.request("PAUSE").status == 200
        client._packets.clear()
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.packet()
        assert client.request("PLAY").status == 200
        assert client.pictures(1)[0].is_keyframe


def test_basic_admits_the_right_password_alone(start: StartCameras) -> None:
    cameras = start(auth="basic", user="viewer", password="secret")
    right = "Basic " + base64.b64encode(b"viewer:secret").decode()
    wrong = "Basic " + base64.b64encode(b"viewer:Secret").decode()
    with RawClient(cameras.address()) as client:
        refused = client.request("DESCRIBE")
        assert (refused.status, refused.headers["www-authenticate"][:5]) == (401, "Basic")
        assert client.request("DESCRIBE", Authorization=wrong).status == 401
        assert client.request("DESCRIBE", Authorization=right).status == 200


@pytest.mark.parametrize(("password", "status"), [("secret", 200), ("Secret", 401)])
def test_digest_admits_the_right_password_alone(
    password: str, status: int, start: StartCameras
) -> None:
    cameras = start(auth="digest", user="viewer", password="secret")
    with RawClient(cameras.address()) as client:
        asked = client.request("DESCRIBE").headers["www-authenticate"]
        realm, nonce = re.findall(r'"([^"]*)"', asked)
        who = md5(f"viewer:{realm}:{password}")
        answer = md5(f"{who}:{nonce}:{md5(f'DESCRIBE:{client.address}')}")
        header = (
            f'Digest username="viewer", realm="{realm}", nonce="{nonce}", '
            f'uri="{client.address}", response="{answer}"'
        )
        assert client.request("DESCRIBE", Authorization=header).status == status


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
