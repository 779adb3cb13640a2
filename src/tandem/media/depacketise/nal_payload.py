"""RTP payloads of NAL units: the shape that RFC 6184 and RFC 7798 share.

A payload begins like a NAL unit, and the type in it tells what follows: one NAL unit, a fragment
of one, or several with their lengths before them. What the types are called, and how the header of
a fragmented NAL unit is put together again, is in `h264` and `h265`.
"""

from typing import Final

from tandem.media.depacketise.base import Continuation
from tandem.media.depacketise.nal import MAX_UNIT_BYTES, NalAssembler

SINGLE: Final = 0
"""The payload is a NAL unit."""
FRAGMENT: Final = 1
"""It is part of one (FU-A, FU)."""
AGGREGATE: Final = 2
"""It is several (STAP-A, AP)."""
REFUSED: Final = 3
"""It is of an interleaved or unknown format: its access unit counts as damaged."""

_START: Final = 0x80
_END: Final = 0x40
_BYTES: Final = [bytes((value,)) for value in range(256)]


class NalDepacketiser(NalAssembler):
    """Takes payloads apart. Subclasses say what the first bytes of a payload mean."""

    __slots__ = ("_middle",)

    _SHAPES: bytes
    """What a payload is, by its first byte."""

    _middle: bytes
    """How payloads in the middle of the NAL unit begin that is not whole yet."""

    def continuation(self) -> Continuation | None:
        """What only goes on with an unfinished NAL unit; see `Depacketiser.continuation`."""
        if self._nal < 0:
            return None
        return Continuation(self._middle, self._unit)

    def receive(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        """Take a payload; see `Depacketiser.receive`."""
        content = start + self._HEADER_BYTES + 1
        if (
            self._nal >= 0
            and end > content
            and buffer[content - 1] < _END
            and self._SHAPES[buffer[start]] == FRAGMENT
            and rtp_time == self._time
            and not marker
        ):
            # The middle of a fragmented NAL unit: most packets are. Its header says nothing new,
            # and is wrong in some cameras.
            self._unit += buffer[content:end]
            if len(self._unit) > MAX_UNIT_BYTES:
                self._discard()
        else:
            self._receive_any(buffer, start, end, rtp_time, marker)

    def _whole_header(self, buffer: memoryview, start: int) -> bytes:
        """The header of the NAL unit whose first fragment is the payload at `start`."""
        raise NotImplementedError

    def _unpack(self, buffer: memoryview, start: int, end: int) -> None:
        shape = self._SHAPES[buffer[start]]
        if shape == FRAGMENT:
            self._add_fragment(buffer, start, end)
        elif shape == SINGLE:
            self._add_nal(buffer, start, end)
        elif shape == AGGREGATE:
            self._add_aggregate(buffer, start + self._HEADER_BYTES, end)
        else:
            self._discard()

    def _add_fragment(self, buffer: memoryview, start: int, end: int) -> None:
        """RFC 6184 section 5.8, RFC 7798 section 4.4.3. Some have no byte, and do no harm."""
        content = start + self._HEADER_BYTES + 1
        if content > end:
            return
        header = buffer[content - 1]
        if header & _START:
            self._open_nal()
            if self._skipping:
                return
            self._unit += self._whole_header(buffer, start)
            self._middle = bytes(buffer[start : content - 1]) + _BYTES[header & ~(_START | _END)]
        elif self._nal < 0:
            self._discard()  # its beginning is missing
            return
        self._unit += buffer[content:end]
        if header & _END:
            self._close_nal()

    def _add_aggregate(self, buffer: memoryview, at: int, end: int) -> None:
        """RFC 6184 section 5.7.1, RFC 7798 section 4.4.2."""
        while at + 2 < end and not self._skipping:
            after = at + 2 + (buffer[at] << 8 | buffer[at + 1])
            if after > end:
                self._discard()
                return
            if after > at + 2:
                self._add_nal(buffer, at + 2, after)
            at = after
