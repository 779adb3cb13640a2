"""Which session of a camera is the last that is known of, whichever node had it."""

from typing import Protocol

from tandem.media.rtsp.session import CameraSession


class SessionBook(Protocol):
    """Knows which session of a camera was the last, whoever had it."""

    def opened(self, session: CameraSession) -> None:
        """This node has one, and it plays."""
        ...

    def take(self) -> CameraSession | None:
        """The last one, to be ended; told once, since that helps once or never."""
        ...
