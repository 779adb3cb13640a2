"""Packets of libav to access units, by the same rules as those that came over RTP.

Where an access unit begins and ends, what a keyframe is, which parameter sets are active and what
its identity is, the depacketisers know: their assemblers are fed whole packets here. So two
recorders of one camera agree on every picture, whichever way each of them receives it.
"""

from typing import Final

from tandem.media.codecs import h264, h265
from tandem.media.depacketise.h264 import H264Depacketiser
from tandem.media.depacketise.h265 import H265Depacketiser
from tandem.media.depacketise.nal import NalAssembler
from tandem.media.depacketise.parameter_sets import ParameterSets
from tandem.media.mp4.identity import audio_identity
from tandem.media.units import (
    VIDEO_CLOCK_HZ,
    AccessUnit,
    AudioConfig,
    Codec,
    TimelineBreak,
)
from tandem.recording.foreign.protocol import Tracks, Unit
from tandem.recording.foreign.timeline import Opening, Timeline

Items = list[AccessUnit | TimelineBreak]

_LENGTH_BYTES: Final = 4
_UNTOLD_REORDER_DEPTH: Final = 4
"""Where the stream does not say: what encoders use. It delays the first pictures only."""


class _WholePackets(NalAssembler):
    """Payloads are NAL units behind 4-byte lengths; any type is one, none a packet format."""

    __slots__ = ()

    def receive(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        """Take a packet; see `Depacketiser.receive`."""
        self._receive_any(buffer, start, end, rtp_time, marker)

    def _unpack(self, buffer: memoryview, start: int, end: int) -> None:
        for nal_start, nal_end in _walk(buffer, start, end):
            if not self._skipping:
                self._add_nal(buffer, nal_start, nal_end)


class _H264Packets(_WholePackets, H264Depacketiser):
    __slots__ = ()


class _H265Packets(_WholePackets, H265Depacketiser):
    __slots__ = ()


class VideoAssembly:
    """Makes access units of the video track's packets.

    The last picture is held until the next one begins, since only that tells that it is whole.

    Args:
        tracks: as the child announced them.
    """

    def __init__(self, tracks: Tracks) -> None:
        self._codec = tracks.codec
        self._sets = ParameterSets(tracks.codec, tracks.parameter_sets)
        packets = _H264Packets if tracks.codec is Codec.H264 else _H265Packets
        self._packets = packets(self._sets)
        self._timeline = Timeline(VIDEO_CLOCK_HZ, tracks.wrap_ticks)
        self._opening: Opening | None = Opening(self._reorder_depth(), VIDEO_CLOCK_HZ)

    @property
    def damaged_units(self) -> int:
        """How many pictures came without their beginning, and were discarded."""
        return self._packets.damaged_units

    def learn(self, parameter_sets: tuple[bytes, ...]) -> None:
        """The container told new parameter sets."""
        for nal in parameter_sets:
            self._sets.learn(nal)

    def receive(self, unit: Unit) -> Items:
        """Take a packet.

        Returns:
            The access units that it finished.
        """
        continues = _continues_picture(self._codec, unit.payload)
        if self._opening is None:
            self._place(unit, continues=continues)
        elif opened := self._opening.receive(unit, continues=continues):
            self._opening = None
            for held, more in opened:
                self._place(held, continues=more)
        return self._packets.take()

    def flush(self) -> Items:
        """The connection is over: hand over what is held."""
        for held, more in self._opening.flush() if self._opening else ():
            self._place(held, continues=more)
        self._packets.flush()
        return self._packets.take()

    def _place(self, unit: Unit, *, continues: bool) -> None:
        time, is_break = self._timeline.place(unit, continues=continues)
        if is_break:
            self._packets.flush()
            self._packets.units.append(TimelineBreak())
        payload = memoryview(unit.payload)
        self._packets.receive(payload, 0, len(payload), time, marker=False)

    def _reorder_depth(self) -> int:
        config = self._sets.config
        if config is None or config.reorder_depth is None:
            return _UNTOLD_REORDER_DEPTH
        return config.reorder_depth


class AudioAssembly:
    """Makes access units of the audio track's packets.

    Args:
        config: of the track.
        wrap_ticks: of the container's counter, in ticks of 90 kHz, or 0.
    """

    def __init__(self, config: AudioConfig, wrap_ticks: int) -> None:
        self._config = config
        clock_hz = config.sample_rate_hz
        wrap = round(wrap_ticks * clock_hz / VIDEO_CLOCK_HZ)
        self._timeline = Timeline(clock_hz, wrap, config.samples_per_frame)
        self._opening: Opening | None = Opening(0, clock_hz)

    def receive(self, unit: Unit) -> Items:
        """Take a packet; returns the access units that can be placed now."""
        if self._opening is None:
            return self._place(unit)
        opened = self._opening.receive(unit)
        if opened:
            self._opening = None
        return [item for held, _ in opened for item in self._place(held)]

    def _place(self, unit: Unit) -> Items:
        time, is_break = self._timeline.place(unit)
        identity = audio_identity(memoryview(unit.payload))
        frame = AccessUnit(unit.payload, time, True, self._config, identity)
        return [TimelineBreak(), frame] if is_break else [frame]


def _walk(buffer: memoryview, start: int, end: int) -> list[tuple[int, int]]:
    """Where the NAL units behind 4-byte lengths begin and end; the last may be cut off."""
    spans = []
    while start + _LENGTH_BYTES < end:
        body = start + _LENGTH_BYTES
        start = body + int.from_bytes(buffer[start:body], "big")
        spans.append((body, min(start, end)))
    return spans


def _continues_picture(codec: Codec, payload: bytes) -> bool:
    """Whether the first slice in a packet is not the first of its picture.

    ITU-T H.264 section 7.3.3: first_mb_in_slice is 0, coded as a single one bit. H.265 section
    7.3.6.1: first_slice_segment_in_pic_flag.
    """
    for start, end in _walk(memoryview(payload), 0, len(payload)):
        if codec is Codec.H264:
            is_slice = h264.SLICE <= payload[start] & 0x1F <= h264.SLICE_IDR
            after_header = start + 1
        else:
            is_slice = payload[start] >> 1 & 0x3F <= h265.LAST_VCL
            after_header = start + 2
        if is_slice:
            return after_header < end and payload[after_header] < 0x80
    return False
