"""What the RTSP client's causes are to a recording, and how failures of the system are told."""

import os

from tandem.media.rtsp import errors
from tandem.recording.source import Cause

CAUSES = {
    errors.Cause.INVALID_URL: Cause.PROTOCOL,
    errors.Cause.UNAUTHORISED: Cause.UNAUTHORISED,
    errors.Cause.NOT_FOUND: Cause.NOT_FOUND,
    errors.Cause.NO_VIDEO: Cause.NO_VIDEO,
    errors.Cause.UNSUPPORTED_CODEC: Cause.UNSUPPORTED,
    errors.Cause.UNSUPPORTED_TRANSPORT: Cause.UNSUPPORTED,
    errors.Cause.SESSION_LIMIT: Cause.SESSION_LIMIT,
    errors.Cause.SESSION_LOST: Cause.CLOSED,
    errors.Cause.REDIRECT_LOOP: Cause.PROTOCOL,
    errors.Cause.CAMERA_ERROR: Cause.PROTOCOL,
    errors.Cause.SILENT: Cause.STALLED,
    errors.Cause.PROTOCOL: Cause.PROTOCOL,
}


def plain_reason(error: Exception) -> str:
    """What the system says of an error, without what Python adds for its own people."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else str(error)
