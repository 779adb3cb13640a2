"""What a status other than success means for a recorder (RFC 2326 sections 7.1.1 and 11)."""

from typing import Final

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.message import Response
from tandem.media.rtsp.url import quote

_FREE_A_SESSION: Final = (
    "Close other viewers, raise the limit in the camera's settings, or protect it as `failover`."
)
_MEANINGS: Final = {
    403: (
        Cause.UNAUTHORISED,
        "does not let this user see the stream",
        "Give the user the right to view live video in the camera's settings.",
    ),
    404: (
        Cause.NOT_FOUND,
        "has no such stream",
        "Check the path of its URL against the camera's manual.",
    ),
    453: (
        Cause.SESSION_LIMIT,
        "has no bandwidth left for another stream",
        _FREE_A_SESSION,
    ),
    454: (
        Cause.SESSION_LOST,
        "no longer knows the session",
        "It may have restarted; a new session is needed.",
    ),
    461: (
        Cause.UNSUPPORTED_TRANSPORT,
        "does not send by any transport that was asked for",
        "Allow RTP over TCP in the camera's settings, or record it by UDP.",
    ),
    503: (
        Cause.SESSION_LIMIT,
        "serves no more streams at present",
        _FREE_A_SESSION,
    ),
}
_MEANINGS[410] = _MEANINGS[404]


def refusal(method: str, response: Response) -> RtspError:
    """The error that a refused request amounts to.

    Args:
        method: of the request.
        response: its answer, of a status other than 200.
    """
    status = f"{response.status} {quote(response.reason)}".strip()
    if response.status in _MEANINGS:
        cause, what, hint = _MEANINGS[response.status]
        return RtspError(cause, f"The camera {what} (it answered {method} with {status}). {hint}")
    if response.status >= 500:
        return RtspError(
            Cause.CAMERA_ERROR,
            f"The camera failed on {method} ({status}). Restart it if this goes on, and check that "
            "the channel of its URL is in use.",
        )
    return RtspError(
        Cause.PROTOCOL,
        f"The camera refused {method} ({status}). Check the path of its URL against the camera's "
        "manual; if it is right, update the camera's firmware.",
    )
