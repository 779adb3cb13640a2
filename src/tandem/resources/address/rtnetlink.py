"""The kernel's addresses and interfaces, over netlink: asked, changed, and watched.

A request to rtnetlink is carried out by the kernel within `send`, and waits there for the lock that
all changes of the network share; no deadline of ours can end that wait. So whoever must not wait
does not call this.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import Self

from tandem.resources.address import netlink
from tandem.resources.address.errors import KernelError
from tandem.resources.address.filters import attach
from tandem.resources.address.neighbours import notice_filter
from tandem.resources.address.netlink import Held, IpAddress, Link, Message

_ANSWER_DEADLINE_S = 1.0
_DATAGRAM_BYTES = 65536
_MOST_LISTINGS = 5
# linux/rtnetlink.h: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_NOTICE_GROUPS = 0x1 | 0x10 | 0x100
_GONE_ALREADY = frozenset({errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO})


class Rtnetlink:
    """A conversation with the kernel about addresses. Used in a `with` statement."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._socket.settimeout(_ANSWER_DEADLINE_S)
        self._sequence = 0

    def links(self) -> list[Link]:
        """Every interface of this node.

        Raises:
            KernelError: the kernel did not tell.
        """
        return [netlink.link(each.payload) for each in self._listing(netlink.list_links)]

    def addresses(self) -> list[Held]:
        """Every address of this node.

        Raises:
            KernelError: the kernel did not tell.
        """
        found = (netlink.address(each.payload) for each in self._listing(netlink.list_addresses))
        return [each for each in found if each is not None]

    def add(self, index: int, ip: IpAddress, valid_s: int) -> None:
        """Add a virtual address, or give it its lifetime again (`netlink.add_address`).

        Raises:
            KernelError: the kernel refused.
        """
        self._sequence += 1
        self._demand(
            netlink.add_address(self._sequence, index, ip, valid_s), f"Adding the address {ip}"
        )

    def remove(self, ip: IpAddress) -> None:
        """Remove an address from every interface that has it, and prove that none has.

        Raises:
            KernelError: the kernel refused, or somebody adds it again.
        """
        for held in self.holding(ip):
            self._sequence += 1
            try:
                self._demand(
                    netlink.remove_address(self._sequence, held), f"Removing the address {ip}"
                )
            except KernelError as error:
                if error.number not in _GONE_ALREADY:
                    raise
        if self.holding(ip):
            raise KernelError(
                f"The address {ip} was removed, and is there again: another program adds it.",
                errno.EADDRINUSE,
            )

    def holding(self, ip: IpAddress) -> list[Held]:
        """Where this node has the address now.

        Raises:
            KernelError: the kernel did not tell.
        """
        return [held for held in self.addresses() if held.ip == ip]

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _demand(self, datagram: bytes, doing: str) -> None:
        self._socket.send(datagram)
        for message in self._answers():
            if message.kind == netlink.NLMSG_ERROR:
                number = netlink.failure(message.payload)
                if number:
                    raise KernelError(f"{doing} failed: {_reason(number)}", number)
                return

    def _listing(self, asking: Callable[[int], bytes]) -> list[Message]:
        """A list of what does not change while it is read."""
        for _ in range(_MOST_LISTINGS):
            self._sequence += 1
            self._socket.send(asking(self._sequence))
            found: list[Message] = []
            is_torn = False
            for message in self._answers():
                is_torn |= bool(message.flags & netlink.NLM_F_DUMP_INTR)
                if message.kind in {netlink.NLMSG_DONE, netlink.NLMSG_ERROR}:
                    number = netlink.failure(message.payload)
                    if number:
                        sentence = f"The kernel does not list its network: {_reason(number)}"
                        raise KernelError(sentence, number)
                    break
                found.append(message)
            if not is_torn:
                return found
        raise KernelError(
            "The addresses of this node change faster than they can be listed.", errno.EAGAIN
        )

    def _answers(self) -> Iterator[Message]:
        """What the kernel answers to the last request; what it says of earlier ones is left out."""
        while True:
            try:
                datagram = self._socket.recv(_DATAGRAM_BYTES)
            except TimeoutError:
                raise KernelError(
                    f"The kernel did not answer about addresses within {_ANSWER_DEADLINE_S:g} s.",
                    errno.ETIMEDOUT,
                ) from None
            for message in netlink.messages(datagram):
                if message.sequence == self._sequence:
                    yield message


class Notices:
    """What the kernel tells by itself: interfaces that change, addresses that go."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        attach(self._socket, notice_filter())
        self._socket.bind((0, _NOTICE_GROUPS))

    def fileno(self) -> int:
        """To wait for it."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Forget what was told: whoever is woken looks at what is there now."""
        while True:
            try:
                self._socket.recv(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more was told than was read: then look as well
                    raise

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def _reason(number: int) -> str:
    if number in {errno.EPERM, errno.EACCES}:
        return (
            f"{os.strerror(number)}. Tandem needs the capability CAP_NET_ADMIN for that, and the "
            f"interface must not have the address family switched off (disable_ipv6)."
        )
    return f"{os.strerror(number)}."
