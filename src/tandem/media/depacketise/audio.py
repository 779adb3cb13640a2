"""What the depacketisers of sound share: a frame needs no other, and is hashed as a whole."""

from blake3 import blake3

from tandem.media.depacketise.base import Continuation
from tandem.media.units import IDENTITY_BYTES, AccessUnit, AudioConfig, TimelineBreak


class AudioDepacketiser:
    """Collects frames of sound. Subclasses add `receive`.

    Attributes:
        units: finished frames, oldest first.
        damaged_units: frames discarded; see `Depacketiser`.
        config: of every frame.
    """

    __slots__ = ("config", "damaged_units", "units")

    def __init__(self, config: AudioConfig) -> None:
        self.units: list[AccessUnit | TimelineBreak] = []
        self.damaged_units = 0
        self.config = config

    def take(self) -> list[AccessUnit | TimelineBreak]:
        """Hand over the finished frames and forget them."""
        units, self.units = self.units, []
        return units

    def continuation(self) -> Continuation | None:
        """Nothing is ever unfinished."""
        return None

    def lose(self) -> None:
        """Packets are missing before the next one; whole frames do not mind."""

    def flush(self) -> None:
        """The stream ends here; whole frames are handed on as they come."""

    def _emit(self, frame: bytes, rtp_time: int) -> None:
        identity = blake3(frame).digest(length=IDENTITY_BYTES)
        self.units.append(
            AccessUnit(frame, rtp_time, is_keyframe=True, config=self.config, identity=identity)
        )
