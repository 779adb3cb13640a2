"""The way to another machine and back: loss of each, round trip, and the largest packet."""

import errno
import secrets
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final

from tandem.clock import Clock
from tandem.node.control.links import SLOW_US
from tandem.node.preflight.finding import Finding, failed, passed, unchecked, warned
from tandem.node.preflight.packets import (
    ANSWER,
    ASK,
    LEAST_BYTES,
    NONCE_BYTES,
    PORT,
    Answerer,
    Packet,
    decode,
    encode,
)

CHECK: Final = "ways"

MOST_LOST: Final = 2
"""Of a hundred: one alone says little."""

BAD_LOST: Final = 10
"""Of a hundred: of heartbeats, four in a row are then lost each quarter of an hour."""

ASKS: Final = 100
PAUSE_S: Final = 0.01
LAST_S: Final = 0.2
"""For an answer to the last of them, or to one of `TRIES`."""

HELLO_S: Final = 2.0
"""Other nodes begin to answer when they are asked to check, and a busy one takes its time."""

LISTEN_S: Final = 4.6
"""Until just before the checks of a machine end (`running.DEADLINE_S`)."""

TRIES: Final = 3
SIZES: Final = (9000, 1500, 1492, 1480, 1450, 1420, 1400, 1280, 576)
"""Of IP packets, that are tried where the largest is lost: jumbo frames, Ethernet, PPPoE, tunnels,
what IPv6 demands, what IPv4 does."""

_LARGEST: Final = 65_535
_IP_MTU_DISCOVER: Final = 10
_IP_MTU: Final = 14
_IPV6_MTU_DISCOVER: Final = 23
_IPV6_MTU: Final = 24
_PROBE: Final = 3
"""IP_PMTUDISC_PROBE of <linux/in.h>: do not fragment, whatever is known of the path."""


@dataclass(frozen=True, slots=True)
class Way:
    """To whom, and how.

    Attributes:
        name: of the other machine.
        local: this one's address there; empty: as the routing table says.
        remote: the other's address.
        port: where it answers.
    """

    name: str
    local: str
    remote: str
    port: int = PORT

    @property
    def overhead(self) -> int:
        """Bytes of IP and UDP before the datagram's own."""
        return 48 if ":" in self.remote else 28


@dataclass(frozen=True, slots=True)
class Facts:
    """What came of it.

    Attributes:
        way: which.
        sent: asks.
        received: of them that the other end has seen.
        answered: of them whose answer came back.
        round_trips_us: of those.
        mtu: of this machine's interface, as the kernel knows it for this way; 0: nobody answers.
        mtu_there: the largest IP packet that arrives there.
        mtu_back: the largest one that comes back.
    """

    way: Way
    sent: int = 0
    received: int = 0
    answered: int = 0
    round_trips_us: tuple[int, ...] = ()
    mtu: int = 0
    mtu_there: int = 0
    mtu_back: int = 0


def judge(facts: Facts) -> Iterator[Finding]:
    """Say how the way is."""
    way = facts.way
    named = f"The way to {way.name} ({way.remote})"
    if not facts.answered:
        yield unchecked(
            CHECK,
            f"{named}: nobody answers at UDP port {way.port}.",
            f"If {way.name} is there and its links are up, its firewall keeps the test packets"
            f" out: let UDP {way.port} in from the other nodes, or pass over this check.",
        )
        return
    there, back = facts.sent - facts.received, facts.received - facts.answered
    middle_us = sorted(facts.round_trips_us)[len(facts.round_trips_us) // 2]
    measured = (
        f"of {facts.sent} packets {there} were lost there and {back} back, half returned"
        f" within {middle_us / 1000:.1f} ms"
    )
    if max(there, back) > BAD_LOST:
        yield failed(CHECK, f"{named}: {measured}.", _LOOK_AT_IT)
    elif max(there, back) > MOST_LOST or middle_us > SLOW_US:
        yield warned(CHECK, f"{named}: {measured}.", _LOOK_AT_IT)
    short = [
        (direction, largest)
        for direction, largest in (("there", facts.mtu_there), ("back", facts.mtu_back))
        if largest < facts.mtu
    ]
    for direction, largest in short:
        yield failed(
            CHECK,
            f"{named}: packets of {facts.mtu} bytes, as this machine sends them, do not arrive"
            f" {direction}; those of {largest} do.",
            "Give all interfaces and switch ports of this network the same MTU (`ip link`), or"
            " connections hang as soon as much is sent.",
        )
    if not short and max(there, back) <= MOST_LOST and middle_us <= SLOW_US:
        yield passed(CHECK, f"{named}: {measured}; packets of {facts.mtu} bytes pass.")


_LOOK_AT_IT: Final = (
    "See `ip -s link` on both machines, and the cable, the ports and the switch between them."
)


def listen(
    addresses: Sequence[str], key: bytes, clock: Clock, listen_s: float, port: int = PORT
) -> None:
    """Answer test packets for a while. Blocks.

    Args:
        addresses: of this machine; those that it does not have are passed over.
        key: of the cluster; empty where there is none yet.
        clock: of this machine.
        listen_s: for how long.
        port: where.

    Raises:
        OSError: the port is taken.
    """
    answerer = Answerer(key)
    ends_us = clock.boot_us() + round(listen_s * 1e6)
    with ExitStack() as closing:
        sockets = []
        for address in addresses:
            opened = closing.enter_context(_socket(address))
            with suppress(_NotHereError):
                _bind(opened, address, port)
                sockets.append(opened)
        while sockets and (left_us := ends_us - clock.boot_us()) > 0:
            for opened in select.select(sockets, [], [], left_us / 1e6)[0]:
                with suppress(OSError):  # one who asked and is gone keeps nobody else waiting
                    data, sender = opened.recvfrom(_LARGEST)
                    if answer := answerer.answer(data):
                        opened.sendto(answer, sender)


def look(way: Way, key: bytes, clock: Clock) -> Iterator[Finding]:
    """Measure a way. Blocks for some seconds.

    Args:
        way: which.
        key: of the cluster; empty where there is none yet.
        clock: of this machine.

    Raises:
        OSError: there is no way at all.
    """
    with _socket(way.remote) as opened:
        try:
            if way.local:
                _bind(opened, way.local, 0)
            opened.connect((way.remote, way.port))
        except OSError as problem:
            raise OSError(problem.errno, f"{way.remote}: {problem.strerror}") from problem
        return judge(_Run(way, opened, key, clock).measure())


@dataclass(slots=True)
class _Run:
    """One measurement."""

    way: Way
    opened: socket.socket
    key: bytes
    clock: Clock
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(NONCE_BYTES))
    sequence: int = 0
    sent_us: dict[int, int] = field(default_factory=dict)
    round_trips_us: dict[int, int] = field(default_factory=dict)
    received: int = 0

    def measure(self) -> Facts:
        if not self._meet():
            return Facts(self.way)
        self.nonce = secrets.token_bytes(NONCE_BYTES)  # what was asked before they met is not lost
        self.received, self.round_trips_us = 0, {}
        for _ in range(ASKS):
            self._ask()
            self._hear(PAUSE_S)
        first = self.sequence - ASKS
        self._hear(LAST_S, until=ASKS)
        answers = {it: us for it, us in self.round_trips_us.items() if it > first}
        received = min(max(self.received, len(answers)), ASKS)
        family = socket.IPPROTO_IPV6 if ":" in self.way.remote else socket.IPPROTO_IP
        option = _IPV6_MTU if ":" in self.way.remote else _IP_MTU
        mtu = min(self.opened.getsockopt(family, option), _LARGEST)
        return Facts(
            self.way,
            ASKS,
            received,
            len(answers),
            tuple(answers.values()),
            mtu,
            self._largest(mtu, returns=False),
            self._largest(mtu, returns=True),
        )

    def _meet(self) -> bool:
        """Ask until somebody answers."""
        ends_us = self.clock.boot_us() + round(HELLO_S * 1e6)
        while not self.round_trips_us and self.clock.boot_us() < ends_us:
            self._ask()
            self._hear(0.1, until=1)
        return bool(self.round_trips_us)

    def _largest(self, mtu: int, *, returns: bool) -> int:
        """The largest packet that arrives; with the answer as large as the ask, or as the least."""
        for packet in (mtu, *(size for size in SIZES if size < mtu)):
            size = packet - self.way.overhead
            first = self.sequence
            for _ in range(TRIES):
                self._ask(size, size if returns else LEAST_BYTES)
            self._hear(LAST_S, until=1, after=first)
            if any(it > first for it in self.round_trips_us):
                return packet
        return 0

    def _ask(self, size: int = LEAST_BYTES, answer_bytes: int = LEAST_BYTES) -> None:
        self.sequence += 1
        data = encode(
            Packet(ASK, self.nonce, self.sequence, answer_bytes=answer_bytes), self.key, size
        )
        self.sent_us[self.sequence] = self.clock.boot_us()
        with suppress(OSError):  # refused, or too large for what is known of the way: it is lost
            self.opened.send(data)

    def _hear(self, wait_s: float, until: int | None = None, after: int = 0) -> None:
        """Take in answers for a while, or until there are so many to what was asked since."""
        ends_us = self.clock.boot_us() + round(wait_s * 1e6)
        while (left_us := ends_us - self.clock.boot_us()) > 0:
            if not select.select([self.opened], [], [], left_us / 1e6)[0]:
                return
            with suppress(OSError):  # what an ICMP message says of a packet that was sent
                self._take(self.opened.recv(_LARGEST))
            if until is not None and sum(it > after for it in self.round_trips_us) >= until:
                return

    def _take(self, data: bytes) -> None:
        answer = decode(data, self.key)
        if answer is None or answer.kind != ANSWER or answer.nonce != self.nonce:
            return
        sent_us = self.sent_us.get(answer.sequence)
        if sent_us is not None:
            self.round_trips_us.setdefault(answer.sequence, self.clock.boot_us() - sent_us)
            self.received = max(self.received, answer.received)


class _NotHereError(OSError):
    """This machine does not have the address."""


def _socket(address: str) -> socket.socket:
    """A socket whose packets are never fragmented."""
    is_ipv6 = ":" in address
    opened = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    if is_ipv6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PROBE)
    else:
        opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PROBE)
    opened.setblocking(False)
    return opened


def _bind(opened: socket.socket, address: str, port: int) -> None:
    try:
        opened.bind((address, port))
    except OSError as problem:
        if problem.errno == errno.EADDRNOTAVAIL:
            raise _NotHereError from problem
        raise OSError(problem.errno, f"UDP port {port}: {problem.strerror}") from problem
