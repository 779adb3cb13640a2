"""From what a source says to what the index keeps."""

from tandem.archive.rows import GapCause
from tandem.recording.source import Cause

_CAUSES = {
    Cause.NAME_UNKNOWN: GapCause.CAMERA_UNREACHABLE,
    Cause.UNREACHABLE: GapCause.CAMERA_UNREACHABLE,
    Cause.REFUSED: GapCause.CAMERA_UNREACHABLE,
    Cause.CLOSED: GapCause.CAMERA_UNREACHABLE,
    Cause.UNAUTHORISED: GapCause.CAMERA_UNAUTHORISED,
    Cause.NOT_FOUND: GapCause.CAMERA_REFUSED,
    Cause.SESSION_LIMIT: GapCause.CAMERA_REFUSED,
    Cause.NO_VIDEO: GapCause.CAMERA_REFUSED,
    Cause.PROTOCOL: GapCause.CAMERA_REFUSED,
    Cause.UNSUPPORTED: GapCause.CAMERA_UNSUPPORTED,
    Cause.STALLED: GapCause.CAMERA_STALLED,
    Cause.SOURCE_CRASHED: GapCause.RECORDER_DOWN,
    Cause.LOSS: GapCause.PACKETS_LOST,
    Cause.RESTLESS: GapCause.CAMERA_RESTLESS,
    Cause.NO_VOLUME: GapCause.VOLUME_MISSING,
    Cause.RELAY: GapCause.NODE_DOWN,
    Cause.CHANGED: GapCause.SETTINGS_CHANGED,
}


def gap_cause(cause: Cause) -> GapCause:
    """The cause that a gap gets in the index; its detail keeps the source's sentence."""
    return _CAUSES[cause]
