"""Which tracks of an open container are recorded, and their packets as messages."""

from typing import Any, Final, TypeAlias

from av.container import InputContainer
from av.packet import Packet  # noqa: TC002 (so that the alias below can be resolved)
from av.stream import Stream

from tandem.media.units import VIDEO_CLOCK_HZ, AudioConfig, Codec
from tandem.recording.foreign.adts import aac_config, parse_adts
from tandem.recording.foreign.bitstream import Bitstream
from tandem.recording.foreign.causes import Unusable
from tandem.recording.foreign.protocol import Tracks, Unit
from tandem.recording.source import Cause

AnyPacket: TypeAlias = "Packet[Any]"
"""Quoted, since PyAV's own packet is generic for type checkers only."""

_VIDEO: Final = {"h264": Codec.H264, "hevc": Codec.H265}
_AUDIO: Final = {
    "aac": Codec.AAC,
    "pcm_mulaw": Codec.PCMU,
    "pcm_alaw": Codec.PCMA,
    "opus": Codec.OPUS,
}
_OPUS_CLOCK_HZ: Final = 48_000

_TS_WRAP: Final = 1 << 33
_FLV_WRAP: Final = (1 << 32) * 90
_WRAPS: Final = {"mpegts": _TS_WRAP, "hls": _TS_WRAP, "flv": _FLV_WRAP, "live_flv": _FLV_WRAP}
"""Ticks of 90 kHz after which a container's counter begins anew: 33 bits of them in MPEG-TS
(ISO/IEC 13818-1 section 2.4.3.7), 32 bits of milliseconds in FLV."""


class _Ticks:
    """Rescales a stream's times, without a fraction for each."""

    def __init__(self, stream: Stream, clock_hz: int) -> None:
        time_base = stream.time_base
        if time_base is None or time_base <= 0:
            raise Unusable(Cause.PROTOCOL, "libav does not tell the clock of a track")
        self._multiplier = time_base.numerator * clock_hz
        self._divisor = time_base.denominator

    def __call__(self, time: int | None) -> int | None:
        if time is None:
            return None
        return (time * self._multiplier + self._divisor // 2) // self._divisor


class VideoTrack:
    """The pictures.

    Args:
        container: open.

    Raises:
        Unusable: it has no video, or none that is recorded.
    """

    def __init__(self, container: InputContainer) -> None:
        self.stream, self._codec = _choose_video(container)
        self._ticks = _Ticks(self.stream, VIDEO_CLOCK_HZ)
        self._bitstream = Bitstream(self._codec, _extradata(self.stream))
        self._wrap_ticks = _WRAPS.get(container.format.name, 0)

    def describe(self, audio: AudioConfig | None) -> Tracks:
        """What to announce, with the sound that was found."""
        return Tracks(self._codec, self._bitstream.parameter_sets, self._wrap_ticks, audio)

    def has_changed(self, packet: AnyPacket) -> bool:
        """Take new extradata off a packet, as RTMP sends it before the pictures it is for."""
        if not packet.has_sidedata("new_extradata"):
            return False
        extradata = bytes(packet.get_sidedata("new_extradata"))
        self._bitstream = Bitstream(self._codec, extradata)
        return True

    def unit(self, packet: AnyPacket) -> Unit:
        """Write a packet as a message."""
        return Unit(
            is_video=True,
            pts=self._ticks(packet.pts),
            dts=self._ticks(packet.dts),
            duration=self._ticks(packet.duration) or 0,
            payload=self._bitstream.sample(bytes(packet)),
        )


class AudioTrack:
    """The sound.

    Attributes:
        config: None until it is known; MPEG-TS tells it only with the first frame.

    Args:
        stream: of a codec that is recorded.
        codec: which.
    """

    def __init__(self, stream: Stream, codec: Codec) -> None:
        self.stream = stream
        self._codec = codec
        self._ticks: _Ticks | None = None
        self.config = _audio_config(stream, codec)

    def learn(self, packet: AnyPacket) -> bool:
        """Look for the configuration in a packet of any track; returns whether it is known."""
        if self.config is None and packet.stream_index == self.stream.index:
            frame = parse_adts(bytes(packet))
            self.config = aac_config(frame.specific) if frame else None
        return self.config is not None

    def unit(self, packet: AnyPacket) -> Unit | None:
        """Write a packet as a message; None where its track is not recorded."""
        if self.config is None:
            return None
        if self._ticks is None:
            self._ticks = _Ticks(self.stream, self.config.sample_rate_hz)
        payload = bytes(packet)
        frame = parse_adts(payload) if self._codec is Codec.AAC else None
        return Unit(
            is_video=False,
            pts=self._ticks(packet.pts),
            dts=self._ticks(packet.dts),
            duration=self._ticks(packet.duration) or 0,
            payload=frame.payload if frame else payload,
        )


def choose_audio(container: InputContainer) -> AudioTrack | None:
    """The first audio track that can be recorded; a camera without one is recorded without."""
    for stream in container.streams.audio:
        if codec := _AUDIO.get(_codec_name(stream)):
            return AudioTrack(stream, codec)
    return None


def _choose_video(container: InputContainer) -> tuple[Stream, Codec]:
    streams = container.streams.video
    for stream in streams:
        if codec := _VIDEO.get(_codec_name(stream)):
            return stream, codec
    if not streams:
        raise Unusable(Cause.NO_VIDEO, "there is no video in what it sends")
    raise Unusable(
        Cause.UNSUPPORTED,
        f"its video is {_codec_name(streams[0])}, which is not recorded; "
        "set the camera's stream to H.264 or H.265",
    )


def _codec_name(stream: Stream) -> str:
    context: Any = stream.codec_context  # None where libav has no decoder for it
    return "of a kind that libav does not know" if context is None else context.codec.canonical_name


def _extradata(stream: Stream) -> bytes:
    return bytes(stream.codec_context.extradata or b"")


def _audio_config(stream: Stream, codec: Codec) -> AudioConfig | None:
    if codec is Codec.AAC:
        specific = _extradata(stream)
        return aac_config(specific) if specific else None
    context: Any = stream.codec_context
    rate_hz = _OPUS_CLOCK_HZ if codec is Codec.OPUS else context.sample_rate
    if not rate_hz or not context.channels:
        return None
    return AudioConfig(codec, rate_hz, context.channels)
