"""An agent's sockets: what people and nodes may ask, and what is never said."""

import asyncio
import http.client
import json
import logging
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.control.material import PlayedAgent, camera, serving

from tandem.node.control import service
from tandem.node.control.client import AnswerError, AskingError, ControlClient
from tandem.node.control.service import LARGEST_BODY_BYTES, SocketError, serve_unix
from tandem.node.store.fake import Call, Fault
from tandem.recording.camera import Login

PASSWORD = "s3cr3t-word"
LOGIN = Login("admin", PASSWORD)


@pytest.fixture
def agent() -> PlayedAgent:
    return PlayedAgent()


@pytest.fixture
def path(agent: PlayedAgent, tmp_path: Path) -> Iterator[Path]:
    with serving(agent, tmp_path / "agent.sock"):
        yield tmp_path / "agent.sock"


def document(camera_id: str = "gate", **changes: Any) -> dict[str, Any]:
    return {
        "camera_id": camera_id,
        "name": "Gate",
        "streams": [{"name": "main", "url": "rtsp://192.0.2.10/stream1"}],
        "protection": "hot",
        "bit_rate_mbps": 4.0,
        "window_s": 600,
    } | changes


def ask(path: Path, method: str, target: str, body: bytes | None = None) -> tuple[int, str]:
    """Ask in HTTP as any client may."""
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(str(path))
    connection.request(method, target, body)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


# --- What is asked ------------------------------------------------------------------------------


def test_a_camera_is_entered_changed_and_removed(agent: PlayedAgent, path: Path) -> None:
    client = ControlClient(path)
    revision = client.put_camera(document(), 0, login=LOGIN)
    found = client.camera("gate")
    assert (found["revision"], found["has_login"], found["placement"]) == (revision, True, None)
    assert found["streams"] == [
        {"name": "main", "url": "rtsp://192.0.2.10/stream1", "recorded": True}
    ]
    changed = client.put_camera(found | {"name": "Main gate"}, revision)
    assert agent.stored().login is not None
    assert [it["name"] for it in client.cameras()["cameras"]] == ["Main gate"]
    client.remove_camera("gate", changed)
    assert client.cameras()["cameras"] == []


def test_the_placement_is_shown_beside_a_camera(agent: PlayedAgent, path: Path) -> None:
    agent.store(camera(), "node2", "node1")
    placement = ControlClient(path).camera("gate")["placement"]
    assert placement == {"nodes": ["node2", "node1"], "generation": 1}


def test_a_node_and_its_cluster_are_told(path: Path) -> None:
    client = ControlClient(path)
    assert client.node()["node_id"] == "node1"
    assert client.status()["nodes"]["node1"]["status"] == client.node()


def test_a_conflict_comes_with_what_is_there_now(path: Path) -> None:
    client = ControlClient(path)
    revision = client.put_camera(document(), 0, login=LOGIN)
    client.put_camera(document(name="Door"), revision)
    with pytest.raises(AnswerError, match="changed by somebody else") as told:
        client.put_camera(document(name="Yard"), revision)
    assert told.value.is_conflict
    assert told.value.document["camera"]["name"] == "Door"


def test_what_is_not_there_is_not_found(path: Path) -> None:
    with pytest.raises(AnswerError, match="no camera 'gate'") as told:
        ControlClient(path).camera("gate")
    assert told.value.is_not_found


def test_a_store_that_cannot_be_asked_answers_with_its_own_sentence(
    agent: PlayedAgent, path: Path
) -> None:
    agent.fake.faults = lambda call: Fault.UNAVAILABLE if call is Call.READ else None
    with pytest.raises(AnswerError, match="told to be unavailable") as told:
        ControlClient(path).cameras()
    assert told.value.status == 503


# --- What is refused ----------------------------------------------------------------------------

BODIES = {
    "no JSON": b"{",
    "no object": b"[]",
    "no revision": json.dumps(document()).encode(),
    "a revision that is none": json.dumps(document(revision=-1)).encode(),
    "another camera": json.dumps(document("yard", version=1, revision=0)).encode(),
    "no version": json.dumps(document(revision=0)).encode(),
    "a login that is none": json.dumps(document(version=1, revision=0, login=PASSWORD)).encode(),
    "a login with more": json.dumps(
        document(
            version=1,
            revision=0,
            login={"username": "admin", "password": PASSWORD, "passphrase": PASSWORD},
        )
    ).encode(),
    "a password as protection": json.dumps(
        document(version=1, revision=0, protection=PASSWORD)
    ).encode(),
    "a password in a URL": json.dumps(
        document(
            version=1,
            revision=0,
            streams=[{"name": "main", "url": f"rtsp://admin:{PASSWORD}@192.0.2.1/"}],
        )
    ).encode(),
    "no UTF-8": b'{"name": "\xff"}',
    "nesting": b"[" * 50_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_what_cannot_be_read_is_refused_in_a_sentence_without_a_secret(
    path: Path, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    status, text = ask(path, "PUT", "/v1/cameras/gate", body)
    answer = json.loads(text)
    assert (status, answer["version"]) == (400, 1)
    assert answer["problem"].endswith(".")
    assert PASSWORD not in text + caplog.text


def test_a_body_that_is_too_large_is_refused(path: Path) -> None:
    status, text = ask(path, "PUT", "/v1/cameras/gate", b" " * (LARGEST_BODY_BYTES + 1))
    assert status == 413
    assert "bytes were sent" in json.loads(text)["problem"]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/v1/cameras/gate", 405),
        ("DELETE", "/v1/cameras/gate", 400),
        ("DELETE", "/v1/cameras/gate?revision=x", 400),
        ("GET", "/v1/cameras/a%2Fb", 400),
    ],
)
def test_every_refusal_is_a_document(path: Path, method: str, target: str, status: int) -> None:
    answered, text = ask(path, method, target)
    assert answered == status
    assert json.loads(text)["version"] == 1
    assert json.loads(text)["problem"]


def test_no_answer_and_no_line_of_the_log_has_a_login(
    agent: PlayedAgent, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = ControlClient(path)
    revision = client.put_camera(document(), 0, login=LOGIN)
    sealed = agent.stored().login
    assert sealed
    texts = [ask(path, "GET", target)[1] for target in ("/v1/cameras", "/v1/cameras/gate")]
    texts.append(ask(path, "GET", "/v1/status")[1])
    body = json.dumps({**document(), "version": 1, "revision": revision + 9, "login": None})
    texts.append(ask(path, "PUT", "/v1/cameras/gate", body.encode())[1])
    agent.fake.faults = lambda _call: Fault.UNAVAILABLE
    with pytest.raises(AnswerError) as told:
        client.put_camera(document(), revision, login=LOGIN)
    said = "".join(texts) + str(told.value) + caplog.text
    assert PASSWORD not in said
    assert sealed not in said
    assert PASSWORD not in repr(LOGIN) + repr(agent.stored())


def test_a_handler_that_hangs_is_answered_for(
    agent: PlayedAgent, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(service, "DEADLINE_S", 0.1)
    monkeypatch.setattr(agent, "cluster_status", hang)
    with pytest.raises(AnswerError, match="no answer within") as told:
        ControlClient(path).status()
    assert told.value.status == 503


# --- The Unix socket ------------------------------------------------------------------------------


def test_nobody_but_its_owner_and_group_may_open_the_socket(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert [it.name for it in path.parent.iterdir()] == ["agent.sock"]


def test_a_dead_agents_socket_is_replaced(agent: PlayedAgent, tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with serving(agent, path):
        assert ControlClient(path).node()["node_id"] == "node1"


def test_a_living_agents_socket_is_left_alone(path: Path) -> None:
    with pytest.raises(SocketError, match="An agent runs already"), serving(PlayedAgent(), path):
        pass
    assert ControlClient(path).node()["node_id"] == "node1"


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    path.write_text("mine")
    with pytest.raises(SocketError, match="it is no socket"), serving(PlayedAgent(), path):
        pass
    assert path.read_text() == "mine"


def test_a_path_that_no_socket_can_have_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(SocketError, match="too long a name"),
        serving(PlayedAgent(), tmp_path / ("x" * 120)),
    ):
        pass


@in_a_loop
async def test_an_agent_that_ends_takes_its_socket_with_it_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    async with serve_unix(PlayedAgent(), path):
        pass
    assert not path.exists()
    async with serve_unix(PlayedAgent(), path):
        path.unlink()
        path.write_text("a successor's")
    assert path.read_text() == "a successor's"


def test_without_an_agent_the_client_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AskingError, match=r"does not run. Start it: `tandem up`"):
        ControlClient(tmp_path / "agent.sock").node()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_who_may_not_open_the_socket_is_told_to_use_sudo(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(AskingError, match="sudo"):
        ControlClient(path).node()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no document"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"version":2}', "speaks version 2"),
        (b"SSH-2.0\r\n\r\n", "broke off"),
        (b"", "broke off"),
    ],
)
def test_what_is_no_agents_answer_is_told(tmp_path: Path, answer: bytes, why: str) -> None:
    path = tmp_path / "agent.sock"

    async def answer_once() -> None:
        done = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()
            done.set()

        async with await asyncio.start_unix_server(handle, path):
            with pytest.raises(AskingError, match=why):
                await asyncio.to_thread(ControlClient(path).node)

    in_a_loop(answer_once)()
