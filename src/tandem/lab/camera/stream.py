"""One client's view of one track: its own SSRC, sequence numbers and timestamps (RFC 3550)."""

import random
import struct

from tandem.lab.camera import rtcp
from tandem.lab.camera.packing import INTERLEAVE_BYTES, Packed

_CLIENT_FIELDS = struct.Struct(">HII")
_SEQUENCE_AT = INTERLEAVE_BYTES + 2


class RtpStream:
    """Stamps packets for one client.

    Args:
        clock_hz: RTP clock of the track.
        draw: where SSRC and offsets come from.
    """

    def __init__(self, clock_hz: int, draw: random.Random) -> None:
        self.clock_hz = clock_hz
        self._draw = draw
        self.renew()

    def renew(self) -> None:
        """Become a new source: SSRC, sequence number, timestamp offset, counters."""
        self.ssrc = self._draw.getrandbits(32)
        self.sequence = self._draw.getrandbits(16)
        self._offset = self._draw.getrandbits(32)
        self._packets = 0
        self._octets = 0
        self.report_due_us = 0

    def rtp_time(self, ticks: int) -> int:
        """Return the RTP timestamp of an instant, in ticks since the camera began."""
        return (self._offset + ticks) & 0xFFFFFFFF

    def stamp(self, unit: Packed, block: bytearray, ticks: int) -> None:
        """Write this client's fields into the packets of one access unit.

        Args:
            unit: where the packets stand.
            block: a copy of the packets.
            ticks: when the access unit is shown, in ticks since the camera began.
        """
        pack_into = _CLIENT_FIELDS.pack_into
        rtp_time = self.rtp_time(ticks)
        sequence = self.sequence
        ssrc = self.ssrc
        for start in unit.starts:
            pack_into(block, start + _SEQUENCE_AT, sequence, rtp_time, ssrc)
            sequence = (sequence + 1) & 0xFFFF
        self.sequence = sequence
        self._packets += len(unit.starts)
        self._octets += unit.payload_bytes

    def report(self, utc_us: int, rtp_time: int) -> bytes:
        """Build a sender report that says the two times are the same instant."""
        return rtcp.sender_report(self.ssrc, utc_us, rtp_time, self._packets, self._octets)
