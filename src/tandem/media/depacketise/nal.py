"""NAL units to access units: what RFC 6184 and RFC 7798 share, and the cameras that break both.

The packet formats are in `h264` and `h265`; here is where an access unit begins and ends. It ends
with the marker bit or a new timestamp, whichever comes first, but never without a picture: what
comes before one (parameter sets, SEI, delimiters) waits for it, even under another timestamp. A
first slice where the picture has one already begins the next picture, with all that stands between.
"""

import struct
from typing import Final

from blake3 import blake3

from tandem.media.depacketise.annexb import START_CODE, split_start_codes
from tandem.media.depacketise.parameter_sets import ParameterSets
from tandem.media.units import IDENTITY_BYTES, AccessUnit, TimelineBreak, VideoConfig

MAX_UNIT_BYTES: Final = 16 * 1024 * 1024
"""Several times the largest picture a level allows in practice; above it a sender is hostile."""
MAX_UNIT_NALS: Final = 4096
"""NAL units in an access unit, for the same reason."""

TELLING_SLICES: Final = 16
"""Slices of keyframes after which a sender is known never to put start codes into them."""

_SLICE_HEAD_BYTES: Final = 24
_LENGTH: Final = struct.Struct(">I")
_NO_LENGTH_YET: Final = b"\x00\x00\x00\x00"
_NONE: Final = -1

# What a NAL unit is to the access unit it stands in. From PARTITION on: VCL.
PREFIX: Final = 0
"""It belongs to the picture after it: a delimiter, SEI, what is unspecified."""
PARAMETER_SET: Final = 1
"""The same, and it is kept."""
SEI: Final = 2
"""The same, and it may say that decoding can begin (H.264)."""
SUFFIX: Final = 3
"""It belongs to the picture before it."""
PARTITION: Final = 4
"""VCL, without a slice header of its own."""
SLICE: Final = 5
"""VCL, of a picture that needs others."""
KEY_SLICE: Final = 6
"""VCL, of a picture that decoding may begin with."""


class NalAssembler:
    """The access unit in the making, in one buffer laid out as MP4 stores it.

    Subclasses add `receive` and `_unpack` for their payload format, and describe their NAL units.

    Attributes:
        units: finished access units, oldest first.
        damaged_units: access units discarded; see `Depacketiser`.

    Args:
        parameter_sets: with those of the session description.
    """

    __slots__ = (
        "_annex_b",
        "_config",
        "_damaged_at",
        "_follows_loss",
        "_is_keyframe",
        "_marked_at",
        "_marker_trusted",
        "_nal",
        "_nal_count",
        "_picture_end",
        "_recovers",
        "_searched_slices",
        "_sets",
        "_skipping",
        "_suspect",
        "_time",
        "_unit",
        "_vcl_before",
        "_vcl_end",
        "_vcl_start",
        "damaged_units",
        "units",
    )

    _ROLES: bytes
    """Role by the first byte of a NAL unit."""
    _HEADER_BYTES: int
    """Length of the NAL unit header; the next bit tells the first slice of a picture."""

    _unit: bytearray
    _nal: int  # where the length of the NAL unit stands that is not whole yet
    _nal_count: int
    _vcl_start: int  # the latest unbroken run of VCL NAL units
    _vcl_end: int
    _vcl_before: list[tuple[int, int]]  # the runs before it
    _picture_end: int  # behind the last NAL unit of the picture; 0 where it has none yet
    _is_keyframe: bool

    def __init__(self, parameter_sets: ParameterSets) -> None:
        self.units: list[AccessUnit | TimelineBreak] = []
        self.damaged_units = 0
        self._sets = parameter_sets
        self._config = parameter_sets.config
        self._time = 0
        self._skipping = False  # the rest of this access unit is of no use
        self._suspect = True  # packets before this one may belong to its picture, and are missing
        self._follows_loss = False  # something is missing behind the last picture handed on
        self._recovers = False  # an SEI said that decoding may begin with the next picture
        self._annex_b = False  # slices of this sender have held start codes
        self._searched_slices = 0
        self._damaged_at: int | None = None  # timestamp of what was discarded last, if just now
        self._marker_trusted = True
        self._marked_at: int | None = None  # timestamp of the last access unit a marker ended
        self._begin(bytearray())

    @property
    def config(self) -> VideoConfig | None:
        """What the next picture is decoded with, as far as is known."""
        return self._config

    def take(self) -> list[AccessUnit | TimelineBreak]:
        """Hand over the finished access units and forget them."""
        units, self.units = self.units, []
        return units

    def lose(self) -> None:
        """Packets are missing before the next one: what is unfinished can never be whole."""
        if self._unit:
            self._discard()
        self._suspect = self._follows_loss = True

    def flush(self) -> None:
        """The stream ends here: finish what is complete.

        Without its marker a picture is complete only if the sender does not set markers.
        """
        marks = self._marker_trusted and self._marked_at is not None
        if self._nal == _NONE and self._picture_end and not marks:
            self._finish(len(self._unit))
        elif self._nal != _NONE or self._picture_end:
            self.damaged_units += 1
        self._begin(bytearray())
        self._skipping = self._recovers = self._follows_loss = False
        self._suspect = True

    def _unpack(self, buffer: memoryview, start: int, end: int) -> None:
        """Take the NAL units, or the fragment of one, in a payload that is not empty."""
        raise NotImplementedError

    def _says_recovery(self, sei: bytes) -> bool:
        """Whether an SEI NAL unit lets decoding begin with the next picture; if `SEI` is a role."""
        raise NotImplementedError

    def _receive_any(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        """Take any packet; `receive` has dealt with the commonest kind."""
        if rtp_time != self._time:
            self._end_at_time()
            self._time = rtp_time
        if start < end and not self._skipping:
            self._unpack(buffer, start, end)
            if len(self._unit) > MAX_UNIT_BYTES:
                self._discard()
        if marker:
            self._end_at_marker()

    def _open_nal(self) -> None:
        """Make room for the length of a NAL unit; the one before it has ended, if unsaid."""
        if self._nal != _NONE:
            self._close_nal()
            if self._skipping:
                return
        self._nal = len(self._unit)
        self._unit += _NO_LENGTH_YET

    def _add_nal(self, buffer: memoryview, start: int, end: int) -> None:
        """Take a whole NAL unit."""
        self._open_nal()
        if not self._skipping:
            self._unit += buffer[start:end]
            self._close_nal()

    def _close_nal(self) -> None:
        """The NAL unit that was opened has ended: put in its length, and see what it is."""
        unit, at = self._unit, self._nal
        self._nal = _NONE
        size = len(unit) - at - 4
        if size == 0:
            del unit[at:]
            return
        role = self._ROLES[unit[at + 4]]
        is_searched = (
            role < PARTITION or self._annex_b or (role == KEY_SLICE and self._is_still_learning())
        )
        # From the end, since CPython searches in half the time there.
        if is_searched and unit.rfind(START_CODE, at + 4) != _NONE:
            self._split_nal(at)
            return
        _LENGTH.pack_into(unit, at, size)
        self._admit(at, len(unit))

    def _is_still_learning(self) -> bool:
        """Whether to look for start codes in the slice of a keyframe.

        The first keyframes tell what the sender does: to search all pictures would cost as much as
        all the rest.
        """
        if self._searched_slices == TELLING_SLICES:
            return False
        self._searched_slices += 1
        return True

    def _split_nal(self, at: int) -> None:
        """What looked like one NAL unit is a byte stream of several."""
        unit = self._unit
        self._annex_b = self._annex_b or self._ROLES[unit[at + 4]] >= PARTITION
        nals = split_start_codes(bytes(unit[at + 4 :]), MAX_UNIT_NALS)
        del unit[at:]
        for nal in nals:
            at = len(self._unit)
            self._unit += _LENGTH.pack(len(nal))
            self._unit += nal
            self._admit(at, len(self._unit))
            if self._skipping:
                return

    def _admit(self, at: int, end: int) -> None:
        """Give a whole NAL unit its part in the access unit it stands at the end of.

        Args:
            at: where its length stands.
            end: one past its last byte.
        """
        self._nal_count += 1
        if self._nal_count > MAX_UNIT_NALS:
            self._discard()
            return
        unit, head = self._unit, at + 4
        role = self._ROLES[unit[head]]
        if role < PARTITION:
            if role == PARAMETER_SET:
                self._sets.learn(bytes(unit[head:end]))
            elif role == SEI:
                self._recovers = self._recovers or self._says_recovery(bytes(unit[head:end]))
            elif role == SUFFIX and self._picture_end:
                self._picture_end = end
            return
        after_header = head + self._HEADER_BYTES
        is_first = role >= SLICE and after_header < end and unit[after_header] >= 0x80
        if self._picture_end and is_first:
            at, end = at - self._picture_end, end - self._picture_end
            self._finish(self._picture_end)
        if not self._picture_end and not self._begin_picture(at + 4, role, is_first):
            return
        if at == self._vcl_end:
            self._vcl_end = end
        else:
            if self._vcl_end:
                self._vcl_before.append((self._vcl_start, self._vcl_end))
            self._vcl_start, self._vcl_end = at, end
        self._picture_end = end

    def _begin_picture(self, head: int, role: int, is_first: bool) -> bool:
        """The first slice that came of a picture: is it the first, and how is it decoded?"""
        if not is_first:
            if self._marked_at == self._time and not self._suspect and self._marker_trusted:
                # The rest of a picture that a marker ended: this sender marks every slice.
                self._marker_trusted = False
                self._suspect = True
            if self._suspect:
                self._discard()
                return False
        self._suspect = False
        self._is_keyframe = role == KEY_SLICE or self._recovers
        self._recovers = False
        if self._is_keyframe or self._config is None:
            head_bytes = bytes(self._unit[head : head + _SLICE_HEAD_BYTES])
            self._config = self._sets.activate(head_bytes)
        return True

    def _end_at_time(self) -> None:
        """The next packet has another timestamp."""
        if self._nal != _NONE:
            self._close_nal()
        if self._picture_end:
            self._finish(self._picture_end)
        self._skipping = False

    def _end_at_marker(self) -> None:
        """This packet was the last of its access unit, so it says."""
        if self._nal != _NONE:
            self._close_nal()
        if self._picture_end and self._marker_trusted:
            self._finish(len(self._unit))
            self._marked_at = self._time
        self._skipping = False

    def _finish(self, end: int) -> None:
        """Hand on the access unit; what stands behind `end` begins the next."""
        unit = self._unit
        rest = bytearray()
        if end < len(unit):
            rest = unit[end:]
            del unit[end:]
        if self._vcl_before:
            hasher = blake3()
            for start, stop in (*self._vcl_before, (self._vcl_start, self._vcl_end)):
                hasher.update(memoryview(unit)[start:stop])
        else:
            hasher = blake3(memoryview(unit)[self._vcl_start : self._vcl_end])
        identity = hasher.digest(length=IDENTITY_BYTES)
        self._damaged_at = None
        self.units.append(
            AccessUnit(
                unit, self._time, self._is_keyframe, self._config, identity, self._follows_loss
            )
        )
        self._follows_loss = False
        self._begin(rest)

    def _begin(self, unit: bytearray) -> None:
        """Start a new access unit, perhaps with what was found behind the one before."""
        self._unit = unit
        self._nal = _NONE
        self._nal_count = 0
        self._vcl_start = self._vcl_end = self._picture_end = 0
        self._vcl_before = []
        self._is_keyframe = False

    def _discard(self) -> None:
        """Give up the access unit, up to the next marker or timestamp."""
        if self._damaged_at != self._time:
            self.damaged_units += 1
            self._damaged_at = self._time
        self._begin(bytearray())
        self._recovers = False
        self._skipping = True
        self._suspect = self._follows_loss = True
