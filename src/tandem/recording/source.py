"""What every source of pictures promises the recorder, and how it says that it failed.

A source is one connection to one camera. It pushes what arrives into a `UnitSink` from the event
loop, and ends by raising `SourceError`; it never ends well, since a camera has no last picture.
"""

import enum
from collections.abc import Sequence
from typing import Protocol

from tandem.media.units import AccessUnit, TimelineBreak


class Cause(enum.StrEnum):
    """Why a camera delivers nothing. Each needs another remedy, so none may pass for another."""

    NAME_UNKNOWN = "name-unknown"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNAUTHORISED = "unauthorised"
    NOT_FOUND = "not-found"
    SESSION_LIMIT = "session-limit"
    NO_VIDEO = "no-video"
    UNSUPPORTED = "unsupported"
    PROTOCOL = "protocol"
    STALLED = "stalled"
    CLOSED = "closed"
    SOURCE_CRASHED = "source-crashed"
    LOSS = "loss"
    """Packets of its pictures did not come, while others did. Never why a connection ended."""
    RESTLESS = "restless"
    """It begins anew so often that not every picture can be recorded."""
    NO_VOLUME = "no-volume"
    """It was not asked: this node has no volume to record to."""
    RELAY = "relay"
    """It was not asked: another node has its session, and passes nothing on."""
    CHANGED = "changed"
    """Its settings were changed, so that it was asked anew."""

    @property
    def is_refusal(self) -> bool:
        """The camera answered, and said no: asking again soon will not help."""
        return self in {
            Cause.UNAUTHORISED,
            Cause.NOT_FOUND,
            Cause.NO_VIDEO,
            Cause.UNSUPPORTED,
        }


class SourceError(Exception):
    """The connection is over.

    Args:
        cause: what kind of failure, for scripts and statistics.
        message: what happened and what to do, without credentials.
    """

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


class UnitSink(Protocol):
    """Where a source puts what arrives, from the event loop. Every call returns at once."""

    def begin(self, audio_clock_hz: int | None) -> None:
        """The camera agreed to play. `audio_clock_hz` is None where no sound will come."""
        ...

    def video(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """Pictures arrived, in decode order; times in ticks of 90 kHz."""
        ...

    def audio(self, items: Sequence[AccessUnit | TimelineBreak]) -> None:
        """Sound arrived; times in ticks of `audio_clock_hz`."""
        ...

    def sender_report(self, rtp_time: int, ntp_utc_us: int, *, is_video: bool) -> None:
        """The camera said which UTC time belongs to an RTP timestamp (32 bits, as sent)."""
        ...

    def lost(self, packets: int, damaged_units: int) -> None:
        """Totals of this connection so far: packets that never came, pictures discarded for it."""
        ...


class Source(Protocol):
    """One connection to one camera."""

    async def run(self, sink: UnitSink) -> None:
        """Connect and push into `sink` until the connection ends.

        Raises:
            SourceError: always, save when cancelled.
        """
        ...
