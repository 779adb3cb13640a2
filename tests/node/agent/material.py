"""Cameras, nodes and placements for the agent's tests."""

from tandem.cluster import keys
from tandem.cluster.intent import Intent
from tandem.cluster.model import Camera, Link, Node, Placement, Protection, Session, Stream
from tandem.node.store.fake import FakeStore
from tandem.node.store.model import Entry, Put, Transaction


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_us = 1_000_000_000

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        return self.now_us + 1_760_000_000_000_000


def camera(name: str = "gate", protection: Protection = Protection.HOT, **more: object) -> Camera:
    main = Stream("main", f"rtsp://10.0.0.8/{name}")
    return Camera(name, name, (main,), protection, 4.0, **more)  # type: ignore[arg-type]


def node(name: str, streams: int = 100) -> Node:
    return Node(name, (Link("a", "10.0.1.1"),), 900, 100, streams)


def entry(key: str, value: bytes, revision: int = 7) -> Entry:
    return Entry(key, value, revision, revision, 1)


async def enter(
    store: FakeStore, *things: Camera | Node | Placement | tuple[str, Session | Intent]
) -> None:
    """Put things into the store, each under its key."""
    for thing in things:
        match thing:
            case Camera():
                put = Put(keys.key(keys.CAMERAS, thing.camera_id), thing.encode())
            case Node():
                put = Put(keys.key(keys.NODES, thing.node_id), thing.encode())
            case Placement():
                put = Put(keys.key(keys.PLACEMENTS, thing.camera_id), thing.encode())
            case (node_id, Intent() as intent):
                put = Put(keys.key(keys.INTENTS, node_id), intent.encode())
            case (node_id, session):
                put = Put(keys.key(keys.SESSIONS, node_id), session.encode())
        store.keys.transact(Transaction(success=(put,)))
