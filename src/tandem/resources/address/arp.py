"""ARP for one address: asking who has it, telling that we do, and hearing who says so.

RFC 826 (format), RFC 5227 (probe, announcement, conflict), RFC 5944 section 4.6 (both forms of the
gratuitous ARP: some routers and switches heed only one).
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

BROADCAST = b"\xff" * 6
ETHERTYPE = 0x0806
_REQUEST, _REPLY = 1, 2
_NOBODY = bytes(6)
_ANYWHERE = IPv4Address(0)
_ETHERNET = struct.Struct("!6s6sH")  # destination, source, type
# RFC 826: hardware and protocol type, their lengths, operation, sender, target
_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET_AND_IPV4 = (1, 0x0800, 6, 4)


@dataclass(frozen=True, slots=True)
class Heard:
    """What an ARP packet says.

    Attributes:
        mac: of the sender.
        claims: the address that the sender says is its own; None for a probe.
        asks: the address that it asks for, or tells about.
    """

    mac: bytes
    claims: IPv4Address | None
    asks: IPv4Address

    @property
    def is_probe(self) -> bool:
        """Whether the sender wants the address, and looks whether it is free."""
        return self.claims is None


def probe(mac: bytes, ip: IPv4Address) -> bytes:
    """A frame that asks who has an address, and claims none (RFC 5227 section 2.1.1)."""
    return _frame(mac, _REQUEST, _ANYWHERE, ip, _NOBODY)


def announcements(mac: bytes, ip: IPv4Address) -> list[bytes]:
    """Frames that tell everybody where the address is now: the request form and the reply form."""
    return [_frame(mac, _REQUEST, ip, ip, _NOBODY), _frame(mac, _REPLY, ip, ip, BROADCAST)]


def read(frame: bytes) -> Heard | None:
    """Read a frame.

    Returns:
        What it says; None if it is no ARP for IPv4 on Ethernet.
    """
    if len(frame) < _ETHERNET.size + _PACKET.size:
        return None
    if _ETHERNET.unpack_from(frame)[2] != ETHERTYPE:
        return None
    *kinds, _, mac, sender, _, target = _PACKET.unpack_from(frame, _ETHERNET.size)
    if tuple(kinds) != _ETHERNET_AND_IPV4:
        return None
    claims = IPv4Address(sender)
    return Heard(mac, None if claims == _ANYWHERE else claims, IPv4Address(target))


def _frame(
    mac: bytes, operation: int, sender: IPv4Address, target: IPv4Address, target_mac: bytes
) -> bytes:
    packet = _PACKET.pack(
        *_ETHERNET_AND_IPV4, operation, mac, sender.packed, target_mac, target.packed
    )
    return _ETHERNET.pack(BROADCAST, mac, ETHERTYPE) + packet
