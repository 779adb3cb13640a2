"""Which session of a camera is the last that is known of, whichever node had it."""

from dataclasses import dataclass
from typing import Protocol

from tandem.media.rtsp.session import CameraSession

_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class LastSession:
    """A session that somebody had.

    Attributes:
        session: which.
        alive_us: CLOCK_BOOTTIME of the last moment at which pictures of it may have come.
    """

    session: CameraSession
    alive_us: int

    def may_be_counted(self, now_us: int) -> bool:
        """Whether the camera may still count it though nobody has it.

        After the session's timeout it has forgotten it (RFC 2326 section 12.37), or somebody keeps
        it alive of whom nothing is heard here; and the id may be another one's by now.
        """
        return now_us - self.alive_us < self.session.timeout_s * _US_PER_S


class SessionBook(Protocol):
    """Knows which session of a camera was the last, whoever had it."""

    def opened(self, session: CameraSession) -> None:
        """This node has one, and it plays."""
        ...

    def take(self) -> CameraSession | None:
        """The last one, to be ended, if the camera may still count it.

        Told once, since that helps once or never.
        """
        ...
