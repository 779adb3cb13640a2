"""Who passes streams on: listens on the node's links, and serves recorders of other nodes.

Nothing here may hold up the recording or grow: whoever does not take what is sent is cut off, and
asks again.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from tandem.mutual_tls import TlsError, peer_node, server_context
from tandem.recording.camera import StreamKey, StreamName
from tandem.recording.framing import ProtocolError
from tandem.recording.orders import Relaying
from tandem.recording.relay.certificate import Certificate
from tandem.recording.relay.feed import Buffers, Feed
from tandem.recording.relay.protocol import (
    ASK_MOST_BYTES,
    Alive,
    Ask,
    Decoder,
    End,
    Hello,
    encode,
)

log = logging.getLogger(__name__)

ALIVE_S: Final = 0.5
"""How often a sign of life is sent: a dead link is told by it from a camera that stands still."""

BACKLOG_BYTES: Final = 16 * 1024 * 1024
"""What may wait for one receiver: all that is kept of a stream, and as much again."""

BACKLOGS_BYTES: Final = 64 * 1024 * 1024
"""What may wait for all of them together; above it, the slowest is cut off."""

MOST_PEERS: Final = 512
"""Connections to one recorder: several times the cameras that it can have."""

ASK_S: Final = 10.0
"""To shake hands, and to ask."""

UNANSWERED_MS: Final = 10_000
"""What is sent and not acknowledged for so long went nowhere (TCP_USER_TIMEOUT)."""

RETRY_S: Final = 1.0


class Peer(asyncio.Protocol):
    """One connection of another node's recorder.

    Args:
        server: it belongs to.
    """

    def __init__(self, server: "RelayServer") -> None:
        self._server = server
        self._decoder = Decoder(ASK_MOST_BYTES)
        self._transport: asyncio.Transport | None = None
        self._feed: Feed | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._who = "?"

    @property
    def backlog_bytes(self) -> int:
        """What was sent and is still here."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol: it has shown its certificate."""
        self._transport = cast(asyncio.Transport, transport)
        self._who = _name(self._transport.get_extra_info("peercert"))
        self._deadline = asyncio.get_running_loop().call_later(ASK_S, self.cut)
        self._server.joined(self)
        connection: socket.socket = self._transport.get_extra_info("socket")
        with suppress(OSError):  # it is over already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MS)
        self.send([encode(Hello())])
        if not self._server.may_ask(self._who):
            self._refuse("this node is none of those that are asked there; see `tandem node list`")

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            messages = self._decoder.feed(data)
        except ProtocolError as problem:
            self._refuse(f"it was asked wrongly: {problem}")
            return
        for message in messages:
            match message:
                case Hello():
                    pass
                case Ask() if self._feed is None:
                    self._answer(message)
                case _:
                    self._refuse("it was asked wrongly: there is one question, at the beginning")
                    return

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See asyncio.Protocol."""
        self._leave()
        self._server.left(self)

    def send(self, buffers: Buffers) -> None:
        """Send, or cut it off where it does not take what was sent before."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.writelines(buffers)
        if self.backlog_bytes > BACKLOG_BYTES:
            self.cut_off()

    def alive(self) -> None:
        """Show that the connection holds."""
        self.send([encode(Alive())])

    def end(self) -> None:
        """Nothing more will be sent."""
        self._leave()
        if self._transport is not None:
            self._transport.close()

    def cut_off(self) -> None:
        """It is too slow."""
        log.warning(
            "node %s is cut off: it does not take what is passed on as fast as it comes "
            "(%d MB wait for it). It asks again; is its network or its processor overloaded?",
            self._who,
            self.backlog_bytes // 1_000_000,
        )
        self.cut()

    def cut(self) -> None:
        """End the connection, whatever is on its way."""
        self._leave()
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, ask: Ask) -> None:
        feed = self._server.feed_of(ask)
        if feed is None:
            self._refuse("it does not record this camera itself")
            return
        self._stop_waiting()
        self._feed = feed
        feed.join(self, ask.after)

    def _refuse(self, why: str) -> None:
        self.send([encode(End(why))])
        self.end()

    def _leave(self) -> None:
        self._stop_waiting()
        if self._feed is not None:
            self._feed.leave(self)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()


@dataclass(slots=True)
class _Link:
    """One address.

    Attributes:
        address: of the node's link.
        server: listens there, once it does.
        problem: why it does not.
    """

    address: str
    server: asyncio.Server | None = None
    problem: str | None = None


class RelayServer:
    """Listens as ordered, on each link as soon as it is there.

    Args:
        feeds: the streams that are recorded from their cameras.
    """

    def __init__(self, feeds: Mapping[StreamKey, Feed]) -> None:
        self._feeds = feeds
        self._peers: set[Peer] = set()
        self._wanted: Relaying | None = None
        self._changed = asyncio.Event()
        self._links: list[_Link] = []

    @property
    def port(self) -> int | None:
        """Where it listens; None where it does not, on any link."""
        for link in self._links:
            if link.server is not None and link.server.sockets:
                return int(link.server.sockets[0].getsockname()[1])
        return None

    def order(self, wanted: Relaying | None) -> None:
        """Listen elsewhere, or not at all; connections that there are stay."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(), name="relay links")
                tasks.create_task(self._watch(), name="relay peers")
        finally:
            for peer in list(self._peers):
                peer.end()

    def may_ask(self, node_id: str) -> bool:
        """Whether a node whose certificate is valid is one of those that are there now."""
        return self._wanted is not None and node_id in self._wanted.peers

    def feed_of(self, ask: Ask) -> Feed | None:
        """The stream that somebody asks for, if it may be had here."""
        try:
            feed = self._feeds.get((ask.camera_id, StreamName(ask.stream)))
        except ValueError:
            return None
        return feed if feed is not None and feed.is_offered else None

    def joined(self, peer: Peer) -> None:
        """A connection was made."""
        self._peers.add(peer)
        if len(self._peers) > MOST_PEERS:
            peer.cut()

    def left(self, peer: Peer) -> None:
        """It is over."""
        self._peers.discard(peer)

    async def _listen(self) -> None:
        """Carry out what is ordered, one order after the other."""
        while True:
            self._changed.clear()
            wanted = self._wanted
            self._links = [_Link(address) for address in wanted.addresses] if wanted else []
            try:
                async with asyncio.TaskGroup() as tasks:
                    trying = wanted and tasks.create_task(self._open(wanted, self._links))
                    await self._changed.wait()
                    if trying:
                        trying.cancel()
            finally:
                for link in self._links:
                    if link.server is not None:
                        link.server.close()

    async def _open(self, wanted: Relaying, links: Sequence[_Link]) -> None:
        """Begin to listen, on each link as soon as that can be done."""
        tls = await self._context(wanted)
        while waiting := [link for link in links if link.server is None]:
            for link in waiting:
                await self._try(link, wanted.port, tls)
            await asyncio.sleep(RETRY_S)

    async def _context(self, wanted: Relaying) -> ssl.SSLContext:
        said = ""
        certificate = Certificate(server_context, wanted.authority, wanted.node)
        while True:
            try:
                return await certificate.context()
            except TlsError as problem:
                if str(problem) != said:
                    said = str(problem)
                    log.error("nothing can be passed on to other nodes: %s", problem)
            await asyncio.sleep(RETRY_S)

    async def _try(self, link: _Link, port: int, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            # Noted before it begins: who is cancelled while it does would keep the port for ever.
            link.server = await loop.create_server(
                lambda: Peer(self),
                link.address,
                port,
                ssl=tls,
                ssl_handshake_timeout=ASK_S,
                start_serving=False,
            )
            await link.server.start_serving()
        except OSError as error:
            if link.server is not None:
                link.server.close()
                link.server = None
            problem = (
                f"{link.address}:{port} cannot be listened on, so no camera is passed on to other "
                f"nodes over it: {error.strerror}. It is tried again every second; see "
                "`ip address` and `ss -ltnp`."
            )
            if problem != link.problem:
                log.error("%s", problem)
            link.problem = problem

    async def _watch(self) -> None:
        """Show that connections hold, and that what waits for all of them is bounded."""
        while True:
            await asyncio.sleep(ALIVE_S)
            for peer in list(self._peers):
                peer.alive()
            backlogs = {peer: peer.backlog_bytes for peer in self._peers}
            while sum(backlogs.values()) > BACKLOGS_BYTES:
                slowest = max(backlogs, key=lambda peer: backlogs[peer])
                slowest.cut_off()
                del backlogs[slowest]


def _name(certificate: Mapping[str, Any] | None) -> str:
    """Which node a peer is; "?" for none, who is then refused."""
    try:
        return peer_node(certificate)
    except TlsError:
        return "?"
