"""What libav's errors mean to the one who has to do something about them."""

import errno
from dataclasses import dataclass
from typing import Final

import av.error

from tandem.recording.foreign.protocol import Failure
from tandem.recording.source import Cause


class Unusable(Exception):  # noqa: N818 (it is no error: the camera does what it was told to)
    """What the camera sends cannot be recorded.

    Args:
        cause: NO_VIDEO or UNSUPPORTED.
        sentence: what it sends, and what to set instead.
    """

    def __init__(self, cause: Cause, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = Failure(cause, sentence)


@dataclass(frozen=True, slots=True)
class _Meaning:
    cause: Cause
    text: str


_MEANINGS: Final[tuple[tuple[type[Exception], _Meaning], ...]] = (
    (
        av.error.HTTPUnauthorizedError,
        _Meaning(Cause.UNAUTHORISED, "{url} refused the user name or password"),
    ),
    (
        av.error.HTTPForbiddenError,
        _Meaning(Cause.UNAUTHORISED, "{url} is forbidden for this user; give it the right to view"),
    ),
    (
        av.error.HTTPNotFoundError,
        _Meaning(Cause.NOT_FOUND, "{url} is not there; is its path right?"),
    ),
    (
        av.error.HTTPTooManyRequestsError,
        _Meaning(Cause.SESSION_LIMIT, "{url} serves as many viewers as it can; close another one"),
    ),
    (
        av.error.HTTPServerError,
        _Meaning(Cause.PROTOCOL, "{url} answered that it has an error of its own"),
    ),
    (
        av.error.ConnectionRefusedError,
        _Meaning(Cause.REFUSED, "nothing listens at {url}; are its port and the service right?"),
    ),
    (
        av.error.FileNotFoundError,
        _Meaning(Cause.NOT_FOUND, "{url} does not exist"),
    ),
    (
        av.error.PermissionError,
        _Meaning(Cause.UNAUTHORISED, "{url} may not be read by the recorder's user"),
    ),
    (
        av.error.ProtocolNotFoundError,
        _Meaning(Cause.UNSUPPORTED, "the installed libav was built without the protocol of {url}"),
    ),
    (
        av.error.EOFError,
        _Meaning(Cause.CLOSED, "{url} closed the connection before any picture came"),
    ),
    (
        av.error.ConnectionResetError,
        _Meaning(Cause.CLOSED, "{url} broke off the connection"),
    ),
    (
        av.error.BrokenPipeError,
        _Meaning(Cause.CLOSED, "{url} broke off the connection"),
    ),
    (
        av.error.MemoryError,
        _Meaning(Cause.PROTOCOL, "what {url} sends would need more memory than a camera may have"),
    ),
    (
        av.error.InvalidDataError,
        _Meaning(Cause.PROTOCOL, "what {url} sends is no video that libav understands"),
    ),
)

_UNREACHABLE: Final = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
)


def explain(problem: av.error.FFmpegError, url: str, *, is_open: bool) -> Failure:
    """Say what an error of libav means.

    Args:
        problem: as PyAV raised it.
        url: for the sentence; without credentials.
        is_open: whether the tracks were known already.
    """
    if isinstance(problem, av.error.TimeoutError):
        if is_open:
            return Failure(Cause.STALLED, f"{url} stopped sending")
        return Failure(
            Cause.UNREACHABLE, f"{url} does not answer; is it on, and the address right?"
        )
    if problem.errno == errno.EIO and is_open:
        # So libav calls it when a server without Content-Length closes the connection.
        return Failure(Cause.CLOSED, f"{url} closed the connection")
    if problem.errno in _UNREACHABLE:
        return Failure(Cause.UNREACHABLE, f"no route leads to {url}; check cable, switch and VLAN")
    for kind, meaning in _MEANINGS:
        if isinstance(problem, kind):
            return Failure(meaning.cause, meaning.text.format(url=url))
    return Failure(Cause.PROTOCOL, f"libav cannot receive {url}: {problem.strerror}")


def name_unknown(host: str) -> Failure:
    """The host has no address; libav reports that as any other input/output error."""
    return Failure(
        Cause.NAME_UNKNOWN, f"the name {host} is not known; check its spelling, or the DNS server"
    )
