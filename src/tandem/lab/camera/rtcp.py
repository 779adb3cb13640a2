"""RTCP packets that a camera sends (RFC 3550 section 6)."""

import struct

_SENDER_REPORT = 200
_DESCRIPTION = 202
_GOODBYE = 203
_VERSION_2 = 0x80
_CNAME = 1
_NTP_OF_1970_S = 2_208_988_800
_MICROSECONDS = 1_000_000


def sender_report(ssrc: int, utc_us: int, rtp_time: int, packets: int, octets: int) -> bytes:
    """Build a sender report with its description (RFC 3550 sections 6.4.1 and 6.5).

    Args:
        ssrc: the stream's source.
        utc_us: UTC in microseconds at `rtp_time`, as the camera believes it.
        rtp_time: RTP timestamp of that instant.
        packets: RTP packets sent so far.
        octets: payload bytes sent so far.

    Returns:
        A compound packet.
    """
    seconds, fraction_us = divmod(utc_us, _MICROSECONDS)
    ntp_s = (seconds + _NTP_OF_1970_S) & 0xFFFFFFFF
    fraction = (fraction_us << 32) // _MICROSECONDS
    body = struct.pack(
        ">IIIIII",
        ssrc,
        ntp_s,
        fraction,
        rtp_time,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    return _packet(_SENDER_REPORT, 0, body) + _description(ssrc)


def goodbye(ssrc: int) -> bytes:
    """Build the packet that ends a stream (RFC 3550 section 6.6)."""
    empty_report = _packet(201, 0, struct.pack(">I", ssrc))
    return empty_report + _description(ssrc) + _packet(_GOODBYE, 1, struct.pack(">I", ssrc))


def _description(ssrc: int) -> bytes:
    name = b"camera"
    item = struct.pack(">IBB", ssrc, _CNAME, len(name)) + name
    padding = 4 - len(item) % 4
    return _packet(_DESCRIPTION, 1, item + b"\0" * padding)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", _VERSION_2 | count, kind, len(body) // 4) + body
