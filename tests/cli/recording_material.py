"""A cluster with recordings, and the commands that read them, at a set time."""

import json
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.archive.material import BASE_US
from tests.node.retrieval.cluster import Node

from tandem.archive.export.result import rfc3339
from tandem.cli import coverage, export
from tandem.cli.main import main
from tandem.clock import SystemClock
from tandem.cluster.suspicion import start
from tandem.node.home import Home
from tandem.node.pulse.reporting import peers_document

SECOND_US = 1_000_000


@dataclass
class At:
    """The command line at a set time."""

    now_us: int = BASE_US + 3_600 * SECOND_US

    def run(self, command: str, node: Node, camera: str, *arguments: str | Path) -> Result:
        words = [command, camera, "--settings", node.settings_path, *arguments]
        return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """The time, to be set by the test: an hour after the recordings begin, unless it does."""
    set_at = At()

    class SetClock(SystemClock):
        def utc_us(self) -> int:
            return set_at.now_us

    for module in (export, coverage):
        monkeypatch.setattr(module, "SystemClock", SetClock)
    return set_at


def over(first_s: float = 0, end_s: float = 10) -> list[str]:
    """Options for a time, in seconds since the recordings begin."""
    times = [BASE_US + round(at_s * SECOND_US) for at_s in (first_s, end_s)]
    return ["--from", rfc3339(times[0]), "--to", rfc3339(times[1])]


@contextmanager
def agent_naming(
    node: Node, names: dict[str, str], *, suspected: Collection[str] = (), **fields: object
) -> Iterator[None]:
    """An agent on a node's control socket that tells of cameras: names, and what all have alike.

    Args:
        node: whose agent it is.
        names: of the cameras, by their ids.
        suspected: the nodes that it does not hear.
        fields: of each camera.
    """
    cameras = [
        {"camera_id": camera_id, "name": name, **fields} for camera_id, name in names.items()
    ]
    others = [peer.node_id for peer in node.settings.peers]
    peers = [
        {**peer, "suspected": peer["node_id"] in suspected}
        for peer in peers_document(start(node.settings.node_id, ["a"], others, 0))
    ]
    document: dict[str, Any] = {
        "version": 1,
        "cameras": cameras,
        "problems": [],
        "peers": peers,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def address_string(self) -> str:
            return "local"

        def log_request(self, *_: object) -> None:
            pass

    with ThreadingUnixStreamServer(str(Home(node.settings.data).socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
