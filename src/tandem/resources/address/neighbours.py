"""Who on the network has an address: one face for ARP and neighbour discovery.

Also the filters with which the kernel keeps all other frames from us (`man 7 socket`,
SO_ATTACH_FILTER): a busy network must not wake the holder of an address that nobody disputes.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from tandem.resources.address import arp, ndp
from tandem.resources.address.netlink import RTM_DELADDR, RTM_DELLINK, RTM_NEWLINK, IpAddress

_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, true, false, operand
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_JUMP_IF_EQUAL, _RETURN = 0x15, 0x06
_WHOLE = 0x40000

# Where things stand in an Ethernet frame.
_ARP_SENDER, _ARP_TARGET = 28, 38
_IPV6_NEXT_HEADER, _IPV6_SOURCE, _ICMPV6_TYPE, _ICMPV6_TARGET = 20, 22, 54, 62
_NETLINK_KIND = 4

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """Another host's word about the address.

    Attributes:
        mac: of that host.
        is_probe: it does not have the address, and is about to take it.
    """

    mac: bytes
    is_probe: bool


def ethertype(ip: IpAddress) -> int:
    """Of the frames in which hosts speak of such an address."""
    return arp.ETHERTYPE if isinstance(ip, IPv4Address) else ndp.ETHERTYPE


def probe(mac: bytes, ip: IpAddress) -> bytes:
    """A frame to ask who has the address."""
    return arp.probe(mac, ip) if isinstance(ip, IPv4Address) else ndp.probe(mac, ip)


def announcements(mac: bytes, ip: IpAddress) -> list[bytes]:
    """The frames that tell all others that the address is here."""
    if isinstance(ip, IPv4Address):
        return arp.announcements(mac, ip)
    return ndp.announcements(mac, ip)


def claim(frame: bytes, ip: IpAddress, own_mac: bytes) -> Claim | None:
    """What a frame says about the address, if another host speaks of it as its own or soon its own.

    Args:
        frame: as received.
        ip: the address.
        own_mac: of the interface: some switches send back what they were sent.

    Returns:
        The claim; None if the frame makes none.
    """
    heard: arp.Heard | ndp.Heard | None
    heard = arp.read(frame) if isinstance(ip, IPv4Address) else ndp.read(frame)
    if heard is None or heard.mac == own_mac:
        return None
    is_probe = heard.is_probe and heard.asks == ip
    return Claim(heard.mac, is_probe) if is_probe or heard.claims == ip else None


def mac_text(mac: bytes) -> str:
    """A hardware address as people write it."""
    return mac.hex(":")


def frame_filter(ip: IpAddress) -> bytes:
    """Lets through what may make a claim to this address, and little else."""
    if isinstance(ip, IPv4Address):
        wanted = int(ip)
        return _assemble(
            (_LOAD_WORD, 0, 0, _ARP_SENDER),
            (_JUMP_IF_EQUAL, 3, 0, wanted),
            (_JUMP_IF_EQUAL, 0, 3, 0),  # a probe has no sender
            (_LOAD_WORD, 0, 0, _ARP_TARGET),
            (_JUMP_IF_EQUAL, 0, 1, wanted),
            (_RETURN, 0, 0, _WHOLE),
            (_RETURN, 0, 0, 0),
        )
    words = struct.unpack("!4I", ip.packed)
    return _assemble(
        (_LOAD_BYTE, 0, 0, _IPV6_NEXT_HEADER),
        (_JUMP_IF_EQUAL, 0, 14, ndp.ICMPV6),
        (_LOAD_BYTE, 0, 0, _ICMPV6_TYPE),
        (_JUMP_IF_EQUAL, 3, 0, ndp.ADVERTISEMENT),
        (_JUMP_IF_EQUAL, 0, 11, ndp.SOLICITATION),
        # Only duplicate address detection comes from nowhere (::); a part of the source tells.
        (_LOAD_WORD, 0, 0, _IPV6_SOURCE),
        (_JUMP_IF_EQUAL, 0, 9, 0),
        (_LOAD_WORD, 0, 0, _ICMPV6_TARGET),
        *_compare(words),
        (_RETURN, 0, 0, _WHOLE),
        (_RETURN, 0, 0, 0),
    )


def notice_filter() -> bytes:
    """Lets through netlink notices of interfaces, and of addresses that go.

    Not of addresses that come: each refresh of our own makes one.
    """
    # The filter loads in network order what netlink writes in the machine's.
    kinds = [
        int.from_bytes(struct.pack("=H", kind)) for kind in (RTM_NEWLINK, RTM_DELLINK, RTM_DELADDR)
    ]
    return _assemble(
        (_LOAD_HALF, 0, 0, _NETLINK_KIND),
        (_JUMP_IF_EQUAL, 3, 0, kinds[0]),
        (_JUMP_IF_EQUAL, 2, 0, kinds[1]),
        (_JUMP_IF_EQUAL, 1, 0, kinds[2]),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _WHOLE),
    )


def _compare(words: tuple[int, ...]) -> list[Instruction]:
    """Go on if the target is this address; to the last instruction of the program if not."""
    program: list[Instruction] = []
    last = len(words) - 1
    for number, word in enumerate(words):
        if number:
            program.append((_LOAD_WORD, 0, 0, _ICMPV6_TARGET + 4 * number))
        program.append((_JUMP_IF_EQUAL, 0, 1 + 2 * (last - number), word))
    return program


def _assemble(*program: Instruction) -> bytes:
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)
