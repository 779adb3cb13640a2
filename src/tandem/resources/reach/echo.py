"""ICMP echoes: RFC 792, RFC 4443 section 4. Pure.

    type u8 | code u8 | checksum u16 | identifier u16 | sequence u16 | payload

On a ping socket (icmp(7)) the kernel puts in checksum and identifier, and passes on only the
answers to them. On a raw one everybody's answers come, so the payload is what is compared.
"""

import struct
from typing import Final

_HEAD: Final = struct.Struct(">BBHHH")
_REQUEST: Final = {4: 8, 6: 128}
_REPLY: Final = {4: 0, 6: 129}


def request(version: int, payload: bytes) -> bytes:
    """An echo request, with its checksum (RFC 1071); that of ICMPv6 is the kernel's to make.

    Args:
        version: of IP: 4 or 6.
        payload: comes back as it is.
    """
    head = _HEAD.pack(_REQUEST[version], 0, 0, 0, 1)
    if version == 6:
        return head + payload
    return _HEAD.pack(_REQUEST[4], 0, checksum(head + payload), 0, 1) + payload


def is_reply(version: int, data: bytes, payload: bytes) -> bool:
    """Whether this answers it.

    Args:
        version: of IP.
        data: an ICMP message; a raw socket of IPv4 passes on the header of IP before it.
        payload: that was sent.
    """
    if version == 4 and data[:1] and data[0] >> 4 == 4 and data[0] != _REPLY[4]:
        data = data[(data[0] & 0xF) * 4 :]
    return len(data) >= _HEAD.size and data[0] == _REPLY[version] and data[_HEAD.size :] == payload


def checksum(data: bytes) -> int:
    """The Internet checksum: RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
