"""What a simulated camera's encoder is set to: codec, picture, groups of pictures, sound."""

import enum
from dataclasses import asdict, dataclass

from tandem.lab.camera.settings import check

VIDEO_CLOCK_HZ = 90_000
"""RTP clock of all video (RFC 6184 section 8.2.1, RFC 7798 section 7.1)."""


class Codec(enum.StrEnum):
    """The video codecs a simulated camera speaks."""

    H264 = "h264"
    H265 = "h265"


class Gop(enum.StrEnum):
    """How keyframes are spaced."""

    FIXED = "fixed"
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of one encoder. Equal profiles share one piece of material in the cache.

    Attributes:
        codec: H.264 or H.265.
        width_px: width of the picture, even.
        height_px: height of the picture, even.
        fps: pictures per second; divides 90 000, so that every RTP timestamp is exact.
        bit_rate_kbps: average video bit rate.
        gop: `fixed` spacing of keyframes, or `variable` as if scenes were cut.
        gop_s: seconds between keyframes; with a variable GOP the longest spacing.
        b_frames: successive B-frames, so that display order differs from coding order.
        slices: slices (VCL NAL units) per picture.
        audio: whether there is a sound track (AAC, 16 kHz, mono).
        length_s: length of the material, played as an endless loop.
    """

    codec: Codec = Codec.H264
    width_px: int = 1920
    height_px: int = 1080
    fps: int = 25
    bit_rate_kbps: int = 4000
    gop: Gop = Gop.FIXED
    gop_s: float = 2.0
    b_frames: int = 0
    slices: int = 1
    audio: bool = False
    length_s: float = 20.0

    def __post_init__(self) -> None:
        """Refuse what cannot be encoded or played exactly."""
        if self.fps < 1 or VIDEO_CLOCK_HZ % self.fps:
            raise ValueError(f"fps is {self.fps}; it has to divide {VIDEO_CLOCK_HZ}, as 25 does.")
        if self.width_px % 2 or self.height_px % 2 or min(self.width_px, self.height_px) < 64:
            raise ValueError(
                f"The picture is {self.width_px}x{self.height_px}; "
                "both sides have to be even and at least 64."
            )
        if self.gop_s * self.fps < 1 or self.length_s * self.fps < 1 or self.bit_rate_kbps < 1:
            raise ValueError("gop_s, length_s and bit_rate_kbps have to hold at least one picture.")
        if self.slices < 1 or self.b_frames < 0:
            raise ValueError("slices has to be at least 1, and b_frames at least 0.")

    @classmethod
    def from_json(cls, settings: object) -> "Profile":
        """Read a profile from the camera's configuration.

        Args:
            settings: the attributes by name; what is absent takes its default.

        Returns:
            The profile.

        Raises:
            TypeError: the settings are no object.
            ValueError: a name is unknown, or a value cannot be used.
        """
        return cls(**check(cls, settings))

    @property
    def frame_ticks(self) -> int:
        """Ticks of the RTP clock from one picture to the next."""
        return VIDEO_CLOCK_HZ // self.fps

    @property
    def name(self) -> str:
        """A file name that no other profile has."""
        return "-".join(str(value) for value in asdict(self).values())
