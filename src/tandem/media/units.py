"""What flows through `media`: an access unit, and the configuration of the track it belongs to."""

import enum
from dataclasses import dataclass, field


class Codec(enum.StrEnum):
    """The codecs that are recorded as they come."""

    H264 = "h264"
    H265 = "h265"
    AAC = "aac"
    PCMU = "pcmu"
    PCMA = "pcma"
    OPUS = "opus"

    @property
    def is_video(self) -> bool:
        """Whether a track of this codec carries pictures."""
        return self in {Codec.H264, Codec.H265}


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """How to decode a video track. Equal configurations may share an init segment.

    Attributes:
        codec: H264 or H265.
        parameter_sets: raw NAL units without length or start code, ordered VPS, SPS, PPS; each kind
            in the order of its id.
        width_px: width of the cropped picture.
        height_px: height of the cropped picture.
        reorder_depth: by how many pictures output lags behind decoding (B-frames); None where the
            stream does not say, and it has to be learned from the timestamps.
    """

    codec: Codec
    parameter_sets: tuple[bytes, ...]
    width_px: int
    height_px: int
    reorder_depth: int | None


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """How to decode an audio track.

    Attributes:
        codec: AAC, PCMU, PCMA or OPUS.
        sample_rate_hz: also the rate of the RTP clock and the timescale of the track.
        channels: 1 or 2, or as the codec says.
        specific: AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1) for AAC, else empty.
        samples_per_frame: samples (per channel) in one access unit, 0 where units vary.
    """

    codec: Codec
    sample_rate_hz: int
    channels: int
    specific: bytes = b""
    samples_per_frame: int = 0


TrackConfig = VideoConfig | AudioConfig


@dataclass(slots=True)
class AccessUnit:
    """One coded picture with all that belongs to it, or one frame of sound.

    Attributes:
        data: the sample as MP4 stores it. Video: each NAL unit behind its length in 4 bytes, in the
            order of arrival, none added, dropped or changed. Audio: the bare frame.
        rtp_time: RTP timestamp in ticks of the track's clock, unwrapped to 64 bits.
        is_keyframe: decoding may begin here (H.264 IDR; H.265 IRAP). Always true for audio.
        config: what is needed to decode it; a new object only when it changed. None where the
            camera has not yet told its parameter sets.
        identity: the first 16 bytes of the BLAKE3 hash of the VCL NAL units (length prefixes
            included), or of the whole frame for audio. Two recorders of one camera agree on it.
        follows_loss: packets were lost since the picture before it, so that pictures between the
            two may be missing, or this one lacks what stood before its slices. False for audio.
    """

    data: bytes | bytearray
    rtp_time: int
    is_keyframe: bool
    config: TrackConfig | None
    identity: bytes = field(repr=False)
    follows_loss: bool = False


@dataclass(frozen=True, slots=True)
class TimelineBreak:
    """Between two access units: RTP timestamps after it have nothing to do with those before."""


VIDEO_CLOCK_HZ = 90_000
"""RTP clock and MP4 timescale of all video (RFC 6184 section 8.2.1, RFC 7798 section 7.1)."""

IDENTITY_BYTES = 16
"""Length of an access unit's identity: enough that no two pictures of a cluster ever share one."""
