"""`Beats`: heartbeats over UDP on every link; a thin shell around `cluster.suspicion`.

Each peer has a socket of its own on each link, connected to it. So the kernel takes what strangers
send for nobody's, before it costs us anything, and tells us of a peer that refuses; neither a flood
nor a wrong address holds up what the others say. The little that still comes through (with a forged
sender) is checked a bounded number at a time, between which the timers run.

Runs in the pulse: it imports no more than it needs. Whatever else nodes say to each other in
datagrams goes through the same sockets (`Beats.send`).
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tandem.clock import Clock
from tandem.cluster import suspicion
from tandem.cluster.exclusive.wire import MAGIC
from tandem.cluster.heartbeat import (
    MOST_BYTES,
    OLDEST_MS,
    Heard,
    Heartbeat,
    HeartbeatError,
    decode,
    encode,
    encode_round,
)
from tandem.cluster.link_state import PERIOD_US
from tandem.cluster.local_health import TICK_US
from tandem.cluster.suspicion import Beat, Effect, State, Tick

log = logging.getLogger(__name__)

PORT: Final = 2378
"""Next to those of the store; none of the well-known ones."""

REOPEN_US: Final = 1_000_000
"""How often a link is tried that was missing."""

MOST_AT_ONCE: Final = 32
"""Datagrams of one socket before everybody else's turn comes: about a millisecond."""

OTHER: Final = MAGIC
"""How datagrams begin that are messages of failsafe, and no heartbeats."""

COMPLAIN_US: Final = 60_000_000
"""How often one kind of trouble is logged at most."""

_SOURCE_IS_GONE: Final = {errno.EINVAL, errno.EADDRNOTAVAIL, errno.ENODEV}


_Key = tuple[str, str]
"""Of a route: the peer's node id, and the name of the link."""


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a peer.

    Attributes:
        node_id: the peer.
        link: the name of the network.
        local: this node's IP address there.
        remote: the peer's IP address there.
        port: of both.
        interface: what it must go through; empty for what the routing table says.
    """

    node_id: str
    link: str
    local: str
    remote: str
    port: int = PORT
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who sends.

    Attributes:
        cluster: its number.
        key: of the cluster, secret.
        node_id: this node.
        started_us: when this process began, UTC, and later than any process of this node before
            it; or its peers take it for a recording of the past.
    """

    cluster: int
    key: bytes = field(repr=False)
    node_id: str
    started_us: int


@dataclass(slots=True)
class Counts:
    """What was sent and received, in datagrams.

    Attributes:
        sent: handed to the kernel.
        unsent: that the kernel did not take: no route, no buffer.
        received: authentic beats.
        foreign: that were none of this cluster's.
        refused: reports that nobody listens at a peer's address.
    """

    sent: int = 0
    unsent: int = 0
    received: int = 0
    foreign: int = 0
    refused: int = 0


def open_socket(route: Route) -> socket.socket:
    """A socket for one peer on one link.

    All sockets of a link have one port in common, which no other user may share.

    Raises:
        OSError: the link is missing, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in route.remote else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if route.interface:
            device = route.interface.encode()
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        opened.bind((route.local, route.port))
        opened.connect((route.remote, route.port))
    except OSError:
        opened.close()
        raise
    return opened


def check_size(cluster: int, node_id: str, routes: Iterable[Route]) -> None:
    """Refuse now what would not fit once everybody is heard.

    Args:
        cluster: its number.
        node_id: this node.
        routes: to all peers on all links.

    Raises:
        HeartbeatError: they are too many for a datagram.
    """
    routes = tuple(routes)
    heard = tuple(Heard(route.node_id, route.link, OLDEST_MS) for route in routes)
    for route in routes:
        everything = Heartbeat(
            cluster,
            node_id,
            route.node_id,
            route.link,
            started_us=0,
            counter=0,
            sent_us=0,
            heard=heard,
        )
        encode(everything, b"")


def next_due_us(due_us: int, now_us: int) -> int:
    """When the next tick is due after one that was due; ticks that were slept through are left out.

    Args:
        due_us: the tick that is over, CLOCK_BOOTTIME.
        now_us: CLOCK_BOOTTIME.
    """
    return due_us + TICK_US * (1 + max(0, now_us - due_us) // TICK_US)


class Beats:
    """Sends heartbeats, hears those of others, and says whom this node suspects.

    Attributes:
        state: whom it hears, as of now.
        counts: of datagrams.

    Args:
        member: who sends.
        routes: to all peers on all links.
        clock: of this node.
        tell: hears of each change, at once, in this task; must not block. Of whom a peer suspects
            it hears without an effect: `state.words` has it.
        open_route: makes a socket; another one in tests.
        take_other: gets each datagram that begins as `OTHER`; must not block.

    Raises:
        HeartbeatError: there are too many peers and links for a datagram.
    """

    def __init__(
        self,
        member: Membership,
        routes: Sequence[Route],
        clock: Clock,
        tell: Callable[[Sequence[Effect]], None],
        open_route: Callable[[Route], socket.socket] = open_socket,
        take_other: Callable[[bytes], None] | None = None,
    ) -> None:
        self._member = member
        self._clock = clock
        self._tell = tell
        self._open = open_route
        self._take_other = take_other
        check_size(self._member.cluster, self._member.node_id, routes)
        self._routes = _by_key(routes)
        self._sockets: dict[_Key, socket.socket] = {}
        self._counter = 0
        self._reopened_us: int | None = None
        self._complained_us: dict[_Key, int] = {}
        links = dict.fromkeys(route.link for route in routes)
        peers = dict.fromkeys(route.node_id for route in routes)
        self.state: State = suspicion.start(member.node_id, links, peers, clock.boot_us())
        self.counts = Counts()

    def set_routes(self, routes: Sequence[Route]) -> None:
        """Talk to these peers from now on; what is known of those that stay is kept.

        Args:
            routes: to all peers on all links.

        Raises:
            HeartbeatError: they are too many for a datagram; nothing has changed.
        """
        check_size(self._member.cluster, self._member.node_id, routes)
        wanted = _by_key(routes)
        for key in [it for it in self._sockets if wanted.get(it) != self._routes[it]]:
            self._close(key)
        self._routes = wanted
        self._reopened_us = None
        peers = dict.fromkeys(route.node_id for route in routes)
        state = suspicion.with_links(self.state, (route.link for route in routes))
        self.state = suspicion.with_peers(state, peers, self._clock.boot_us())

    def send(self, node_id: str, data: bytes) -> None:
        """Send something else to a peer, over all links; it need not arrive.

        Args:
            node_id: the peer.
            data: begins as `OTHER`, authenticated by whoever sends it.
        """
        for key, opened in list(self._sockets.items()):
            if key[0] == node_id:
                self._send_one(key, opened, data)

    async def run(self) -> None:
        """Beat until cancelled.

        A link that is missing now is opened when it comes.
        """
        due_us = sent_us = self._clock.boot_us()
        self.state = suspicion.start(self.state.node_id, self.state.links, self.state.peers, due_us)
        self._send()
        try:
            while True:
                due_us = next_due_us(due_us, self._clock.boot_us())
                await asyncio.sleep((due_us - self._clock.boot_us()) / 1_000_000)
                self._take(Tick())  # before it is sent: whom this node suspects goes with it
                if due_us - sent_us >= PERIOD_US:
                    sent_us = due_us
                    self._send()
        finally:
            for key in list(self._sockets):
                self._close(key)

    def _send(self) -> None:
        now_us = self._clock.boot_us()
        if self._reopened_us is None or now_us - self._reopened_us >= REOPEN_US:
            self._reopened_us = now_us
            self._open_missing()
        self._counter += 1
        member = self._member
        beats = suspicion.beats(
            self.state, member.cluster, member.started_us, self._counter, self._clock.boot_us()
        )
        for beat, data in zip(beats, encode_round(beats, member.key), strict=True):
            key = (beat.receiver, beat.link)
            if (opened := self._sockets.get(key)) is not None:
                self._send_one(key, opened, data)

    def _send_one(self, key: _Key, opened: socket.socket, data: bytes) -> None:
        try:
            if self._is_refused(opened, data):  # the beat before was, and kept this one back
                self._is_refused(opened, data)
        except OSError as problem:
            self.counts.unsent += 1
            self._complain(
                key, f"a heartbeat cannot be sent ({problem.strerror}); see `ip address`"
            )
            if problem.errno in _SOURCE_IS_GONE:
                self._close(key)

    def _is_refused(self, opened: socket.socket, data: bytes) -> bool:
        try:
            opened.send(data)
        except ConnectionRefusedError:
            self.counts.refused += 1
            return True
        self.counts.sent += 1
        return False

    def _receive(self, key: _Key) -> None:
        """Take what has come on one socket, or a bounded part of it; the loop comes back for more.

        What an ICMP message says of a beat that was sent comes the same way, and ends nothing.
        """
        opened = self._sockets[key]
        for _ in range(MOST_AT_ONCE):
            try:
                data = opened.recv(MOST_BYTES + 1)
            except BlockingIOError:
                return
            except OSError as problem:
                self.counts.refused += 1
                if problem.errno in _SOURCE_IS_GONE:
                    self._close(key)
                    return
                continue
            self._hear(key, data)

    def _hear(self, key: _Key, data: bytes) -> None:
        if self._take_other is not None and data.startswith(OTHER):
            self._take_other(data)
            return
        try:
            beat = decode(data, self._member.key, self._member.cluster)
        except HeartbeatError as problem:
            self.counts.foreign += 1
            self._complain(key, str(problem))
            return
        if (beat.sender, beat.link) != key:
            self.counts.foreign += 1
            self._complain(
                key,
                f"node {beat.sender} answers there, on link {beat.link}; are addresses mixed up?",
            )
            return
        self.counts.received += 1
        self._take(Beat(beat))

    def _take(self, event: Beat | Tick) -> None:
        before = self.state
        self.state, effects = suspicion.step(before, event, self._clock.boot_us())
        if effects or _says_new(before, self.state, event):
            self._tell(effects)

    def _open_missing(self) -> None:
        for key, route in self._routes.items():
            if key in self._sockets:
                continue
            try:
                opened = self._open(route)
            except OSError as problem:
                self._complain(
                    key,
                    f"{route.local} port {route.port} cannot be used ({problem.strerror}); it is"
                    " tried again each second. See `ip address`, and `ss -ulpn` for the port",
                )
                continue
            self._sockets[key] = opened
            asyncio.get_running_loop().add_reader(opened, self._receive, key)

    def _close(self, key: _Key) -> None:
        closed = self._sockets.pop(key)
        asyncio.get_running_loop().remove_reader(closed)
        closed.close()

    def _complain(self, key: _Key, sentence: str) -> None:
        """Log trouble with a route, each minute at most."""
        now_us = self._clock.boot_us()
        node_id, link = key
        last_us = self._complained_us.get(key)
        if last_us is None or now_us - last_us >= COMPLAIN_US:
            self._complained_us[key] = now_us
            log.warning("Link %s to node %s: %s", link, node_id, sentence)


def _says_new(before: State, after: State, event: Beat | Tick) -> bool:
    """Whether whoever sent a beat suspects others than it did before."""
    if isinstance(event, Tick) or event.beat.sender not in after.peers:
        return False
    sender = event.beat.sender
    return before.peers[sender].suspects != after.peers[sender].suspects


def _by_key(routes: Iterable[Route]) -> dict[_Key, Route]:
    return {(route.node_id, route.link): route for route in routes}
