"""Neighbour discovery for one address: asking who has it, telling that we do, and hearing others.

RFC 4861 (formats; section 7.2.6, unsolicited advertisements), RFC 4862 section 5.4 (duplicate
address detection), RFC 4443 section 2.3 (checksum).
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv6Address

ETHERTYPE = 0x86DD
SOLICITATION, ADVERTISEMENT = 135, 136
ICMPV6 = 58

_ETHERNET = struct.Struct("!6s6sH")
_IPV6 = struct.Struct("!IHBB16s16s")  # version and flow, payload length, next header, hop limit
_ICMP = struct.Struct("!BBHI16s")  # type, code, checksum, flags, target
_HOP_LIMIT = 255  # RFC 4861: proves that no router passed it on
_OVERRIDE = 0x20000000
_TARGET_LINK_LAYER = 2
_ALL_NODES = IPv6Address("ff02::1")
_ANYWHERE = IPv6Address(0)
_SOLICITED_NODE = IPv6Address("ff02::1:ff00:0").packed[:13]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a neighbour solicitation or advertisement says.

    Attributes:
        mac: of the sender.
        claims: the address that it says is its own; None for a solicitation.
        asks: the address that it asks for, or tells about.
        is_probe: whether the sender wants the address, and looks whether it is free.
    """

    mac: bytes
    claims: IPv6Address | None
    asks: IPv6Address
    is_probe: bool


def probe(mac: bytes, ip: IPv6Address) -> bytes:
    """A frame that asks who has an address, as duplicate address detection does."""
    group = IPv6Address(_SOLICITED_NODE + ip.packed[13:])
    return _frame(mac, _ANYWHERE, group, _ICMP.pack(SOLICITATION, 0, 0, 0, ip.packed))


def announcements(mac: bytes, ip: IPv6Address) -> list[bytes]:
    """A frame that tells everybody where the address is now: override, unsolicited."""
    option = struct.pack("!BB6s", _TARGET_LINK_LAYER, 1, mac)
    body = _ICMP.pack(ADVERTISEMENT, 0, 0, _OVERRIDE, ip.packed) + option
    return [_frame(mac, ip, _ALL_NODES, body)]


def read(frame: bytes) -> Heard | None:
    """Read a frame.

    Returns:
        What it says; None if it is no valid neighbour solicitation or advertisement.
    """
    if len(frame) < _ETHERNET.size + _IPV6.size + _ICMP.size:
        return None
    _, source_mac, ethertype = _ETHERNET.unpack_from(frame)
    first, length, following, hops, source, group = _IPV6.unpack_from(frame, _ETHERNET.size)
    if ethertype != ETHERTYPE or first >> 28 != 6 or following != ICMPV6 or hops != _HOP_LIMIT:
        return None
    body = frame[_ETHERNET.size + _IPV6.size :][:length]
    if len(body) < max(length, _ICMP.size) or _checksum(source, group, body) != 0:
        return None
    kind, code, _, _, raw = _ICMP.unpack_from(body)
    if code != 0 or kind not in {SOLICITATION, ADVERTISEMENT}:
        return None
    target = IPv6Address(raw)
    is_claim = kind == ADVERTISEMENT
    is_probe = not is_claim and IPv6Address(source) == _ANYWHERE
    return Heard(source_mac, target if is_claim else None, target, is_probe)


def _frame(mac: bytes, source: IPv6Address, group: IPv6Address, body: bytes) -> bytes:
    checksum = _checksum(source.packed, group.packed, body)
    body = body[:2] + checksum.to_bytes(2) + body[4:]
    header = _IPV6.pack(6 << 28, len(body), ICMPV6, _HOP_LIMIT, source.packed, group.packed)
    # RFC 2464 section 7: a group's frame goes to 33:33 and its last four bytes.
    return _ETHERNET.pack(b"\x33\x33" + group.packed[12:], mac, ETHERTYPE) + header + body


def _checksum(source: bytes, group: bytes, body: bytes) -> int:
    """RFC 1071 over the pseudo-header and the body: 0 if the body's own checksum is right."""
    data = source + group + struct.pack("!II", len(body), ICMPV6) + body
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
