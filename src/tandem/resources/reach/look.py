"""One look at whether this node has what a resource needs of its networks.

It costs no restart: nothing is wrong with the resource itself.
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from tandem.archive.errors import words_of
from tandem.resources.reach.echo import is_reply, request
from tandem.resources.reach.needs import Needs

INTERFACES: Final = Path("/sys/class/net")

TIMEOUT_S: Final = 0.8
"""Looks are made each second, and one ends before the next."""

_LARGEST: Final = 2048
_MAY_NOT: Final = (
    "it cannot be asked: allow this user ICMP echoes (sysctl net.ipv4.ping_group_range), or give it"
    " CAP_NET_RAW"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a look.

    Attributes:
        is_there: all that is needed.
        said: why not, or what answered; for people.
    """

    is_there: bool
    said: str


async def look(
    needs: Needs, nonce: bytes, timeout_s: float = TIMEOUT_S, interfaces: Path = INTERFACES
) -> Seen:
    """Look once.

    Args:
        needs: of the resource.
        nonce: random bytes, new for each look: an answer to an earlier one proves nothing.
        timeout_s: for an answer.
        interfaces: as sysfs has them.

    Returns:
        What was seen. Where this node may not ask, or has no socket for it, it says that the
        network is there: a node that cannot look must not give anything up.
    """
    if needs.interface and (why := _missing(needs.interface, interfaces)):
        return Seen(is_there=False, said=why)
    if not needs.reaches:
        return Seen(is_there=True, said=f"{needs.interface} has a carrier")
    with ExitStack() as closing:
        asked: dict[socket.socket, IPv4Address | IPv6Address] = {}
        problems: list[str] = []
        for address in needs.reaches:
            try:
                opened = closing.enter_context(_opened(address.version, needs.interface))
            except PermissionError:
                return Seen(is_there=True, said=_MAY_NOT)
            try:
                opened.connect((str(address), 0))
                opened.send(request(address.version, nonce))
                asked[opened] = address
            except OSError as problem:
                problems.append(f"{address}: {words_of(problem)}")
        answered = await _first(asked, nonce, timeout_s) if asked else None
    if answered is not None:
        return Seen(is_there=True, said=f"{answered} answers")
    silent = [f"{address} does not answer within {timeout_s:g} s" for address in asked.values()]
    return Seen(is_there=False, said="; ".join([*problems, *silent]))


async def _first(
    asked: Mapping[socket.socket, IPv4Address | IPv6Address], nonce: bytes, timeout_s: float
) -> IPv4Address | IPv6Address | None:
    """Who answers first; None: nobody does in time."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[IPv4Address | IPv6Address] = loop.create_future()

    def hear(opened: socket.socket, address: IPv4Address | IPv6Address) -> None:
        try:
            data = opened.recv(_LARGEST)
        except OSError:
            return  # a router says that it is unreachable: no answer, as silence is
        if is_reply(address.version, data, nonce) and not found.done():
            found.set_result(address)

    for opened, address in asked.items():
        loop.add_reader(opened, hear, opened, address)
    try:
        async with asyncio.timeout(timeout_s):
            return await found
    except TimeoutError:
        return None
    finally:
        for opened in asked:
            loop.remove_reader(opened)


def _opened(version: int, interface: str) -> socket.socket:
    """A ping socket; a raw one where this user has none and may have that.

    Raises:
        PermissionError: neither.
        OSError: there is no such interface.
    """
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
    try:
        opened = socket.socket(family, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        opened = socket.socket(family, socket.SOCK_RAW, protocol)
    opened.setblocking(False)
    if interface:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        except OSError:
            opened.close()
            raise
    return opened


def _missing(name: str, interfaces: Path) -> str:
    """Why an interface cannot be used; empty: it can. Its files are in memory."""
    try:
        has_carrier = (interfaces / name / "carrier").read_text().strip() == "1"
    except FileNotFoundError:
        return f"there is no interface {name}"
    except OSError:
        return f"{name} is switched off"
    return "" if has_carrier else f"{name} has no carrier"
