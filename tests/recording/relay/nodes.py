"""Two nodes' recorders in one process, with real connections between them."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from tests.recording.relay.certificates import Certificates
from tests.recording.relay.feeding import GOP, Notes
from tests.recording.streams import CONFIG, order

from tandem.clock import SystemClock
from tandem.media.units import AccessUnit
from tandem.recording.camera import StreamOrder
from tandem.recording.orders import Relaying
from tandem.recording.relay.feed import Feed, Tap
from tandem.recording.relay.protocol import Decoder, Message
from tandem.recording.relay.relays import Relays
from tandem.recording.relay.server import Peer
from tandem.recording.source import SourceError

POLL_S = 0.01
HOST = "127.0.0.1"
OTHER_LINK = "127.0.0.2"


class Holder:
    """A node that has a camera's session."""

    def __init__(self, certificates: Certificates, *addresses: str) -> None:
        self.certificates = certificates
        self.relays = Relays(SystemClock(), Random(1))
        self.order = order(relays=True)
        self.apply(*addresses or [HOST])
        self.notes = Notes()
        self.tap = Tap(self.notes, self.feed)
        self._next = 0

    @property
    def feed(self) -> Feed:
        return self.relays._feeds[self.order.key]

    @property
    def peers(self) -> set[Peer]:
        return self.relays._server._peers

    @property
    def port(self) -> int:
        port = self.relays.port_of(self.order.key)
        assert port is not None
        return port

    def apply(self, *addresses: str, streams: tuple[StreamOrder, ...] | None = None) -> None:
        self.relaying = Relaying(
            addresses or (HOST,),
            free_port() if len(addresses) > 1 else 0,
            self.certificates.authority,
            self.certificates.node("node1"),
            ("node2", "stuck"),
        )
        self.relays.apply(self.relaying, (self.order,) if streams is None else streams)

    def film(self, pictures: int, size: int = 100) -> None:
        for number in range(self._next, self._next + pictures):
            at = (1 << 33) + number * 3600
            identity = number.to_bytes(16, "big")
            self.tap.video([AccessUnit(bytes(size), at, number % GOP == 0, CONFIG, identity)])
        self._next += pictures


class Receiver:
    """A node that receives from it."""

    def __init__(self, holder: Holder, *addresses: str, node: str = "node1") -> None:
        certificates = holder.certificates
        self.notes = Notes()
        relay = {"node_id": node, "addresses": addresses or [HOST], "port": holder.port}
        self.relays = Relays(SystemClock(), Random(2))
        own = Relaying((), 0, certificates.authority, certificates.node("node2"), ())
        self.relays.apply(own, ())
        self.order = order(relay=relay)
        self.source = self.relays.receive(self.order)
        self.task: asyncio.Task[None] | None = None

    async def receive(self) -> None:
        await self.source.run(self.notes)

    async def failure(self) -> SourceError:
        with pytest.raises(SourceError) as failure:
            await self.receive()
        return failure.value


@asynccontextmanager
async def held(place: Path, *addresses: str) -> AsyncGenerator[Holder, None]:
    """A node that has the camera's session, and listens."""
    holder = Holder(Certificates(place), *addresses)
    holder.tap.begin(None)
    serving = asyncio.create_task(holder.relays.run())
    try:
        await until(lambda: holder.relays.port_of(holder.order.key) is not None)
        yield holder
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncGenerator[asyncio.Task[None], None]:
    task = asyncio.create_task(receiver.receive())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - of sockets, too
        await asyncio.sleep(POLL_S)


def free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


async def asking(
    holder: Holder, tls: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, holder.port, ssl=tls, server_hostname="node1")


async def answers(reader: asyncio.StreamReader) -> list[Message]:
    """All that is said until the end."""
    return Decoder().feed(await reader.read())
