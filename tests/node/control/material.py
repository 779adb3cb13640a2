"""An agent that a test plays, and its socket, served from a thread as by another process."""

import asyncio
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tandem.clock import SystemClock
from tandem.cluster.duties import Word
from tandem.cluster.exclusive.values import Owner
from tandem.cluster.intent import Intent
from tandem.cluster.keys import CAMERAS, INTENTS, ORDERS, OWNERS, PLACEMENTS, RESOURCES, identity
from tandem.cluster.model import Camera, Placement, Protection, Stream
from tandem.cluster.order import Order
from tandem.cluster.plan.resource import Resource
from tandem.node.control.agreed import Agreed
from tandem.node.control.cameras import CameraStore
from tandem.node.control.fencing import FencingControl
from tandem.node.control.merge import cluster_status
from tandem.node.control.protocol import Json
from tandem.node.control.resources import ResourceStore
from tandem.node.control.service import SocketError, serve_unix
from tandem.node.control.services import ServiceStore
from tandem.node.control.words import encode_word
from tandem.node.seal import Sealer
from tandem.node.store.fake import FakeStore
from tandem.node.store.model import Put, Transaction

Value = TypeVar("Value")

KEY = bytes(range(32))
NOW_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
STARTS_S = 60.0


def camera(camera_id: str = "gate", **changes: Any) -> Camera:
    fields: dict[str, Any] = {
        "name": "Gate",
        "streams": (Stream("main", "rtsp://192.0.2.10/stream1"),),
        "protection": Protection.HOT,
        "bit_rate_mbps": 4.0,
    }
    return Camera(camera_id, **(fields | changes))


def stream(camera_id: str = "gate", **changes: Any) -> Json:
    """As a recorder tells of a stream that is well."""
    return {
        "camera_id": camera_id,
        "camera_name": "Gate",
        "stream": "main",
        "role": "primary",
        "connected": True,
        "since_us": NOW_US - 3600 * SECOND_US,
        "cause": None,
        "message": None,
        "recorded_until_us": NOW_US - SECOND_US,
        "durable_until_us": NOW_US - 2 * SECOND_US,
        "camera_offset_us": 1000,
        "bytes": 1_800_000_000,
        "lost_packets": 0,
    } | changes


def node(node_id: str = "node1", streams: Iterable[Json] = (), **changes: Any) -> Json:
    """As a node tells of itself that is well."""
    return {
        "version": 1,
        "node_id": node_id,
        "cluster_number": 4711,
        "at_us": NOW_US,
        "release": "0.1.0",
        "session": {"phase": "live", "epoch": 3, "renewed_us": NOW_US - 400_000},
        "store": {
            "problem": None,
            "members": [
                {"name": node_id, "leader": True, "version": "3.4.23", "alarms": [], "problem": ""}
            ],
        },
        "peers": [],
        "recorders": [{"condition": "running", "pid": 7, "restarts": 0, "problem": None}],
        "volumes": [
            {
                "volume_id": "v",
                "path": "/srv/video1",
                "problem": None,
                "dead": False,
                "free_bytes": 500 << 30,
                "room_bytes": 400 << 30,
                "recorded_bytes": 100 << 30,
                "backlog_bytes": 0,
            }
        ],
        "dropped_bytes": 0,
        "streams": list(streams),
        "archivist": {
            "condition": "running",
            "pid": 8,
            "restarts": 0,
            "problem": None,
            "state": None,
        },
        "concerns": [],
        "problems": [],
    } | changes


class PlayedAgent(CameraStore, ServiceStore, ResourceStore):
    """What is on the store is the real one, on a store in memory; the rest is as a test says."""

    def __init__(self) -> None:
        self.fake = FakeStore()
        CameraStore.__init__(self, self.fake, Sealer(KEY))
        ServiceStore.__init__(self, self.fake, SystemClock())
        ResourceStore.__init__(self, self.fake, SystemClock())
        self.own = node()
        self.others: dict[str, Any] = {}
        self.said = encode_word("node1", "1", Word())
        self.findings: list[Json] = []
        self.removed: set[str] = set()

    @property
    def fencing(self) -> FencingControl:
        return FencingControl(self.fake, self.node_status)

    def word(self) -> Json:
        return self.said

    def has_removed(self, node_id: str) -> bool:
        return node_id in self.removed

    async def invite(self) -> str:
        return "tandem1.token"

    async def remove_node(self, node_id: str) -> None:
        self.removed.add(node_id)

    def node_status(self) -> Json:
        return self.own

    async def check_machine(self) -> Json:
        said = {"version": 1, "node_id": self.own["node_id"], "at_us": NOW_US}
        return said | {"verdict": "pass", "findings": self.findings}

    async def check_cluster(self) -> Json:
        return await self.check_machine()

    async def cluster_status(self) -> Json:
        entries = (await self.cameras()).entries
        agreed = Agreed(
            [it.camera for it in entries],
            {it.camera.camera_id: it.placement for it in entries if it.placement},
            services={
                identity(INTENTS, name): Intent.decode(name, it.value).service
                for name, it in (await self.fake.range(INTENTS)).entries.items()
            },
            resources=self._all(RESOURCES, Resource.decode),
            orders=self._all(ORDERS, Order.decode),
            owners=self._all(OWNERS, Owner.decode),
        )
        return cluster_status(self.own, self.others, agreed, NOW_US)

    def _all(self, prefix: str, decode: Callable[[str, bytes], Value]) -> dict[str, Value]:
        found = self.fake.keys.range(prefix).entries
        return {
            identity(prefix, name): decode(identity(prefix, name), it.value)
            for name, it in found.items()
        }

    def store(self, found: Camera, *nodes: str) -> int:
        """Write a camera as if it had been there before; returns its revision."""
        operations = [Put(CAMERAS + found.camera_id, found.encode())]
        if nodes:
            placement = Placement(found.camera_id, nodes, 1)
            operations.append(Put(PLACEMENTS + found.camera_id, placement.encode()))
        return self.fake.keys.transact(Transaction(success=tuple(operations))).revision

    def stored(self, camera_id: str = "gate") -> Camera:
        entry = self.fake.keys.get(CAMERAS + camera_id)
        assert entry is not None
        return Camera.decode(camera_id, entry.value)


@contextmanager
def serving(agent: PlayedAgent, path: Path) -> Generator[None, None, None]:
    """Serve an agent's socket until the context ends."""
    ready = threading.Event()
    failed: list[Exception] = []
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def run() -> None:
        try:
            async with serve_unix(agent, path):
                ready.set()
                await ended.wait()
        except (SocketError, OSError) as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(STARTS_S)
    try:
        if failed:
            raise failed[0]
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(STARTS_S)
        loop.close()
