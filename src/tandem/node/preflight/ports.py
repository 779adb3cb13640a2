"""The ports that nodes need: free before an agent runs, reached by the others once it does."""

import errno
import os
import select
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from tandem.clock import Clock
from tandem.node.archivist.view import ARCHIVIST_PORT
from tandem.node.control.service import AGENT_PORT
from tandem.node.etcd.options import Member
from tandem.node.preflight.finding import Finding, failed, passed
from tandem.node.settings import NodeSettings
from tandem.recording.orders import RELAY_PORT

CHECK: Final = "ports"

CONNECT_S: Final = 3.0
"""A segment that is lost is sent again after one second (RFC 6298)."""

_CLIENT_PORT: Final = Member("", ()).client_port
_PEER_PORT: Final = Member("", ()).peer_port


@dataclass(frozen=True, slots=True)
class Port:
    """A port that nodes use between each other.

    Attributes:
        number: of it.
        protocol: "TCP" or "UDP".
        purpose: what for.
        is_always_open: not only while it is needed; else one that refuses is reached, too.
    """

    number: int
    protocol: str
    purpose: str
    is_always_open: bool = True

    def __str__(self) -> str:
        return f"{self.protocol} port {self.number} ({self.purpose})"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one connection, or of taking one port.

    Attributes:
        port: which.
        address: where.
        node_id: whose; empty: this machine's.
        error: what kept it, an errno; 0: nothing; ETIMEDOUT: no answer.
    """

    port: Port
    address: str
    node_id: str
    error: int


def ports_of(settings: NodeSettings | None, heartbeat_port: int) -> list[Port]:
    """What a node listens on.

    Args:
        settings: of the node; None: those that an ordinary one would have.
        heartbeat_port: of the heartbeats.
    """
    found = [
        Port(AGENT_PORT, "TCP", "agents"),
        Port(heartbeat_port, "UDP", "heartbeats"),
    ]
    if settings is None or settings.volumes:
        found += [
            Port(ARCHIVIST_PORT, "TCP", "archivists"),
            Port(RELAY_PORT, "TCP", "relays", is_always_open=False),
        ]
    if settings is None or settings.store_is_embedded:
        found += [Port(_CLIENT_PORT, "TCP", "the store"), Port(_PEER_PORT, "TCP", "its members")]
    return sorted(found, key=lambda port: port.number)


def judge_free(attempts: Sequence[Attempt]) -> Iterator[Finding]:
    """Say which ports something else has taken."""
    taken = [it for it in attempts if it.error == errno.EADDRINUSE]
    for each in dict.fromkeys(it.port for it in taken):
        yield failed(
            CHECK,
            f"{each} is taken by another program.",
            f"See which one: `ss -{'u' if each.protocol == 'UDP' else 't'}lpn sport = :"
            f"{each.number}`; end it, or move it to another port.",
        )
    if not taken:
        names = ", ".join(str(it) for it in dict.fromkeys(it.port for it in attempts))
        yield passed(CHECK, f"Free: {names}.")


def judge_reached(attempts: Sequence[Attempt]) -> Iterator[Finding]:
    """Say which ports of other nodes do not answer."""
    by_node: dict[str, list[Attempt]] = {}
    for each in attempts:
        by_node.setdefault(each.node_id, []).append(each)
    for node_id, found in sorted(by_node.items()):
        bad = [it for it in found if not _is_reached(it)]
        for each in bad:
            yield failed(
                CHECK,
                f"{node_id}, {each.address}: {each.port} {_said(each.error)}.",
                _remedy(each.error, each, node_id),
            )
        if not bad:
            numbers = ", ".join(str(it.port.number) for it in found)
            yield passed(CHECK, f"{node_id} is reached at TCP {numbers}.")


def _is_reached(attempt: Attempt) -> bool:
    refuses = attempt.error == errno.ECONNREFUSED
    return not attempt.error or (refuses and not attempt.port.is_always_open)


def _said(error: int) -> str:
    if error == errno.ECONNREFUSED:
        return "refuses: nothing listens there, or a firewall says so"
    if error == errno.ETIMEDOUT:
        return f"does not answer within {CONNECT_S:.0f} s"
    return f"is not reached ({os.strerror(error)})"


def _remedy(error: int, attempt: Attempt, node_id: str) -> str:
    if error == errno.ECONNREFUSED:
        return f"See on {node_id} whether it is listened on: `ss -tlpn`, and its log."
    return (
        f"See the link (`ping {attempt.address}`), and the firewall on {node_id}"
        f" (`nft list ruleset`): it has to let {attempt.port.protocol} {attempt.port.number} in"
        " from the other nodes."
    )


def look_free(addresses: Sequence[str], ports: Iterable[Port]) -> Iterator[Finding]:
    """Try whether this machine's ports can be taken, and let go of them.

    Args:
        addresses: of this node; those that the machine does not have are passed over.
        ports: which.
    """
    attempts = []
    for port in ports:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            kind = socket.SOCK_DGRAM if port.protocol == "UDP" else socket.SOCK_STREAM
            with socket.socket(family, kind) as taken:
                if kind is socket.SOCK_STREAM:  # what ended a moment ago is in nobody's way
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    taken.bind((address, port.number))
                except OSError as problem:
                    attempts.append(Attempt(port, address, "", problem.errno or 0))
                else:
                    attempts.append(Attempt(port, address, "", 0))
    return judge_free(attempts)


def look_reached(
    others: Mapping[str, Sequence[str]],
    ports: Iterable[Port],
    clock: Clock,
    connect_s: float = CONNECT_S,
) -> Iterator[Finding]:
    """Connect to all TCP ports of all other nodes on every link, all at once.

    Args:
        others: the addresses of each.
        ports: which; those of UDP are passed over: the heartbeats tell of them.
        clock: of this machine.
        connect_s: how long to wait.
    """
    wanted = [
        (node_id, address, port)
        for node_id, addresses in others.items()
        for address in addresses
        for port in ports
        if port.protocol == "TCP"
    ]
    with ExitStack() as closing:
        waiting: dict[socket.socket, Attempt] = {}
        attempts: list[Attempt] = []
        for node_id, address, port in wanted:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            opened = closing.enter_context(socket.socket(family, socket.SOCK_STREAM))
            opened.setblocking(False)
            error = opened.connect_ex((address, port.number))
            attempt = Attempt(port, address, node_id, errno.ETIMEDOUT)
            if error == errno.EINPROGRESS:
                waiting[opened] = attempt
            else:
                attempts.append(Attempt(port, address, node_id, error))
        ends_us = clock.boot_us() + round(connect_s * 1e6)
        while waiting and (left_us := ends_us - clock.boot_us()) > 0:
            _, ready, _ = select.select([], list(waiting), [], left_us / 1e6)
            for opened in ready:
                was = waiting.pop(opened)
                error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                attempts.append(Attempt(was.port, was.address, was.node_id, error))
        attempts += waiting.values()
    place = {(address, port.number): number for number, (_, address, port) in enumerate(wanted)}
    return judge_reached(sorted(attempts, key=lambda it: place[it.address, it.port.number]))
