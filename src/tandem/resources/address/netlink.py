"""The messages of rtnetlink that an address needs: bytes in, values out, and back.

Formats: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h; `man 7 rtnetlink`.
All in the machine's byte order, but for the addresses themselves.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from tandem.resources.address.errors import FormatError

IpAddress = IPv4Address | IPv6Address

NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x4, 0x10
_NLM_F_DUMP, _NLM_F_REPLACE, _NLM_F_CREATE = 0x300, 0x100, 0x400

AF_INET, AF_INET6 = 2, 10
ARPHRD_ETHER = 1
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_IFLA_ADDRESS, _IFLA_IFNAME = 1, 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 6, 8
_IFA_F_NODAD, _IFA_F_NOPREFIXROUTE = 0x02, 0x200
RT_SCOPE_UNIVERSE, RT_SCOPE_HOST = 0, 254

FOREVER_S = 0xFFFFFFFF
"""The lifetime of an address that never expires."""

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_CACHEINFO = struct.Struct("=IIII")  # ifa_cacheinfo: preferred, valid, created, updated
_ERRNO = struct.Struct("=i")
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a datagram.

    Attributes:
        kind: RTM_* or NLMSG_*.
        flags: NLM_F_*.
        sequence: of the request that it answers; 0 for a notification.
        payload: what follows the header.
    """

    kind: int
    flags: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface.

    Attributes:
        index: by which the kernel knows it; never used twice while the machine runs.
        name: as administrators know it.
        hardware: ARPHRD_*: what kind of network it is.
        is_up: whether it was switched on.
        is_running: whether it has a carrier.
        mac: its hardware address; empty if it has none.
    """

    index: int
    name: str
    hardware: int
    is_up: bool
    is_running: bool
    mac: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """One address of an interface.

    Attributes:
        index: of the interface.
        ip: the address.
        prefix_bits: the length of its subnet's prefix.
        valid_s: how long it lives from now on, in whole seconds; `FOREVER_S`: until it is removed.
    """

    index: int
    ip: IpAddress
    prefix_bits: int
    valid_s: int


def request(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """A whole datagram with one request."""
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, kind, flags | NLM_F_REQUEST, sequence, 0) + payload


def list_links(sequence: int) -> bytes:
    """Asks for every interface."""
    return request(RTM_GETLINK, _NLM_F_DUMP, sequence, _LINK.pack(0, 0, 0, 0, 0))


def list_addresses(sequence: int) -> bytes:
    """Asks for every address of both families."""
    return request(RTM_GETADDR, _NLM_F_DUMP, sequence, _ADDRESS.pack(0, 0, 0, 0, 0))


def add_address(sequence: int, index: int, ip: IpAddress, valid_s: int) -> bytes:
    """Adds a virtual address, or gives it its lifetime again: the kernel has one request for both.

    It is a subnet of its own (/32, /128), so that it brings no route. An IPv4 address has the scope
    `host`, which keeps the kernel from choosing it (`inet_select_addr` in net/ipv4/devinet.c), and
    an IPv6 address a preferred lifetime of 0 (RFC 6724 rule 3): neither becomes the source of what
    the node sends by itself. An IPv6 address skips duplicate address detection: during that it
    could not be used.

    Args:
        sequence: a number by which to know the answer.
        index: of the interface.
        ip: the address.
        valid_s: after which the kernel removes it; at least 1.

    Returns:
        The datagram.
    """
    is_v4 = ip.version == 4
    flags = 0 if is_v4 else _IFA_F_NODAD | _IFA_F_NOPREFIXROUTE
    scope = RT_SCOPE_HOST if is_v4 else RT_SCOPE_UNIVERSE
    preferred_s = valid_s if is_v4 else 0
    payload = (
        _ADDRESS.pack(_family(ip), ip.max_prefixlen, flags & 0xFF, scope, index)
        + _attribute(_IFA_LOCAL, ip.packed)
        + _attribute(_IFA_ADDRESS, ip.packed)
        + _attribute(_IFA_FLAGS, struct.pack("=I", flags))
        + _attribute(_IFA_CACHEINFO, _CACHEINFO.pack(preferred_s, valid_s, 0, 0))
    )
    return request(RTM_NEWADDR, NLM_F_ACK | _NLM_F_CREATE | _NLM_F_REPLACE, sequence, payload)


def remove_address(sequence: int, held: Held) -> bytes:
    """Removes an address from its interface."""
    payload = _ADDRESS.pack(_family(held.ip), held.prefix_bits, 0, 0, held.index)
    payload += _attribute(_IFA_LOCAL, held.ip.packed)
    return request(RTM_DELADDR, NLM_F_ACK, sequence, payload)


def messages(datagram: bytes) -> Iterator[Message]:
    """Take a datagram apart.

    Raises:
        FormatError: it is cut off, or no netlink.
    """
    at = 0
    while at < len(datagram):
        if len(datagram) - at < _HEADER.size:
            raise FormatError("A netlink message ends within its header.")
        length, kind, flags, sequence, _ = _HEADER.unpack_from(datagram, at)
        if length < _HEADER.size or at + length > len(datagram):
            raise FormatError(f"A netlink message says that it has {length} bytes.")
        yield Message(kind, flags, sequence, datagram[at + _HEADER.size : at + length])
        at += _aligned(length)


def failure(payload: bytes) -> int:
    """What an NLMSG_ERROR or NLMSG_DONE tells: an errno, 0 for success.

    Raises:
        FormatError: it is cut off.
    """
    if len(payload) < _ERRNO.size:
        raise FormatError("A netlink answer ends within its error number.")
    (number,) = _ERRNO.unpack_from(payload)
    return abs(int(number))


def link(payload: bytes) -> Link:
    """Read what RTM_NEWLINK and RTM_DELLINK tell of an interface.

    Raises:
        FormatError: it is cut off.
    """
    if len(payload) < _LINK.size:
        raise FormatError("A netlink message of an interface is too short.")
    _, hardware, index, flags, _ = _LINK.unpack_from(payload)
    name, mac = "", b""
    for kind, value in _attributes(payload[_LINK.size :]):
        if kind == _IFLA_IFNAME:
            name = value.rstrip(b"\0").decode(errors="replace")
        elif kind == _IFLA_ADDRESS:
            mac = value
    return Link(index, name, hardware, bool(flags & _IFF_UP), bool(flags & _IFF_RUNNING), mac)


def address(payload: bytes) -> Held | None:
    """Read what RTM_NEWADDR and RTM_DELADDR tell of an address.

    Returns:
        The address; None if it is of another family than IPv4 and IPv6.

    Raises:
        FormatError: it is cut off.
    """
    if len(payload) < _ADDRESS.size:
        raise FormatError("A netlink message of an address is too short.")
    family, prefix_bits, _, _, index = _ADDRESS.unpack_from(payload)
    if family not in {AF_INET, AF_INET6}:
        return None
    found: dict[int, bytes] = dict(_attributes(payload[_ADDRESS.size :]))
    # On a point-to-point interface IFA_ADDRESS is the peer's.
    raw = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS) or b""
    if len(raw) != (4 if family == AF_INET else 16):
        raise FormatError(f"A netlink message has an address of {len(raw)} bytes.")
    cacheinfo = found.get(_IFA_CACHEINFO, b"")
    valid_s = _CACHEINFO.unpack_from(cacheinfo)[1] if len(cacheinfo) >= 16 else FOREVER_S
    return Held(index, ip_address(raw), prefix_bits, valid_s)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            raise FormatError(f"A netlink attribute says that it has {length} bytes.")
        yield kind & _TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _family(ip: IpAddress) -> int:
    return AF_INET if ip.version == 4 else AF_INET6
