"""Why a camera cannot be recorded: a cause for programs, a sentence for people."""

import enum


class Cause(enum.StrEnum):
    """What went wrong between Tandem and a camera, as far as RTSP can tell."""

    INVALID_URL = "invalid-url"
    UNAUTHORISED = "unauthorised"
    NOT_FOUND = "not-found"
    NO_VIDEO = "no-video"
    UNSUPPORTED_CODEC = "unsupported-codec"
    UNSUPPORTED_TRANSPORT = "unsupported-transport"
    SESSION_LIMIT = "session-limit"
    SESSION_LOST = "session-lost"
    REDIRECT_LOOP = "redirect-loop"
    CAMERA_ERROR = "camera-error"
    SILENT = "silent"
    PROTOCOL = "protocol-error"


class RtspError(Exception):
    """The session with a camera cannot begin, or cannot go on.

    Its text is a sentence for an administrator: what happened, and what to do. It never holds a
    password.

    Attributes:
        cause: what programs tell apart.
    """

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
