"""Camera URLs: taking the password out, and finding the URL of each track."""

import re
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote, urljoin

from tandem.media.rtsp.errors import Cause, RtspError

_DEFAULT_PORTS: Final = {"rtsp": 554, "rtsps": 322}
_ABSOLUTE: Final = re.compile(r"(rtsps?)://", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_HOST: Final = re.compile(r"(\[[^\]/?#@]+\]|[^\s:/?#@\[\]]+)(?::(\d{0,5}))?\Z")
_USERINFO: Final = re.compile(r"(\w://)[^\s\"'<>]*@")
_SECRET: Final = re.compile(
    r"((?:password|passwd|pass|pwd)=)[^\s\"'<>&/;]*?(?=_[a-z]{1,32}=|[\s\"'<>&/;]|\Z)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks for the stream. The password is in no repr.

    Attributes:
        username: as the camera knows it.
        password: the secret.

    Raises:
        RtspError: one of them holds a control character (`INVALID_URL`).
    """

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if _CONTROL.search(self.username + self.password):
            raise RtspError(
                Cause.INVALID_URL,
                "The camera's user name or password holds a control character; enter it again.",
            )


@dataclass(frozen=True, slots=True)
class CameraUrl:
    """Where a camera's stream is, the credentials kept apart.

    Attributes:
        text: the URL for request lines, without credentials. Some cameras have the password in
            their query, so it is in no repr: show it with `redact`.
        host: name or address to connect to, without the brackets of IPv6.
        port: TCP port.
        is_tls: whether the connection is encrypted (`rtsps`).
        credentials: those that were in the URL, decoded; None if there were none.
    """

    text: str = field(repr=False)
    host: str
    port: int
    is_tls: bool
    credentials: Credentials | None = None

    def __str__(self) -> str:
        return redact(self.text)


def redact(text: str) -> str:
    """Mask every password that a URL in `text` holds; rather too much than too little."""
    return _SECRET.sub(r"\1***", _USERINFO.sub(r"\1***@", text))


def quote(text: str) -> str:
    """Words of the camera as an error may show them: redacted, printable, of bearable length."""
    redacted = redact(text[:2048])
    shown = "".join(letter if letter.isprintable() else "?" for letter in redacted)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def parse_url(text: str) -> CameraUrl:
    """Take a camera's URL apart (RFC 2326 section 3.2, RFC 3986 section 3.2).

    Args:
        text: as the user wrote it, `rtsp://name:password@host:554/path?query`. Characters such as
            "@" and ":" in the password need no escaping, "/", "?" and "#" do.

    Returns:
        The URL without credentials, and the credentials.

    Raises:
        RtspError: it is no such URL (`INVALID_URL`).
    """
    text = text.strip()
    scheme = _ABSOLUTE.match(text)
    if not scheme or " " in text or _CONTROL.search(text):
        raise _invalid("It must begin with rtsp:// or rtsps:// and hold no spaces.")
    authority = re.match(r"[^/?#]*", text[scheme.end() :])
    assert authority is not None  # noqa: S101 - the pattern matches the empty string
    rest = text[scheme.end() + authority.end() :].partition("#")[0]
    userinfo, at, place = authority[0].rpartition("@")
    host = _HOST.match(place)
    port = int((host and host[2]) or _DEFAULT_PORTS[scheme[1].lower()])
    if not host or not 0 < port < 65_536:
        raise _invalid(
            "After the password comes host:port; write / ? # in a password as %2F %3F %23."
        )
    username, _, password = userinfo.partition(":")
    return CameraUrl(
        text=f"{scheme[1].lower()}://{place}{rest or '/'}",
        host=unquote(host[1].strip("[]")),
        port=port,
        is_tls=scheme[1].lower() == "rtsps",
        credentials=Credentials(unquote(username), unquote(password)) if at else None,
    )


def _invalid(hint: str) -> RtspError:
    # What cannot be read cannot be redacted with certainty, so no part of it is shown.
    return RtspError(Cause.INVALID_URL, f"The camera's URL cannot be read. {hint}")


def base_url(request_url: str, content_base: str | None, content_location: str | None) -> str:
    """The URL that controls are relative to (RFC 2326 section C.1.1).

    Args:
        request_url: of the DESCRIBE request, without credentials.
        content_base: header of its answer. Cameras send it relative ("/live/") or without a scheme
            ("10.0.0.5/live/").
        content_location: the same.

    Returns:
        An absolute URL without credentials.
    """
    for given in (content_base, content_location):
        if given and given.strip():
            return _absolute(request_url, given.strip())
    return request_url


def control_url(base: str, control: str | None) -> str:
    """The URL of a track, or of the session, for SETUP and PLAY.

    Every client appends a relative control to the base, query included, and cameras are built for
    that: Dahua's "…/realmonitor?channel=1&subtype=0/trackID=0" is no RFC 3986 resolution.

    Args:
        base: from `base_url`.
        control: the description's attribute; "*" and None stand for the base itself.

    Returns:
        An absolute URL without credentials.
    """
    if not control or control == "*":
        return base
    if _ABSOLUTE.match(control):
        return _without_credentials(control)
    return f"{base.removesuffix('/')}/{control.removeprefix('/')}"


def redirect_target(current: CameraUrl, location: str) -> CameraUrl:
    """Where a redirect leads, and who we are there (RFC 2326 section 11.3).

    A password goes to no other host than it was entered for, and not from an encrypted connection
    to a plain one; unless the redirect brought credentials of its own.

    Args:
        current: the URL that was asked.
        location: header of the answer.

    Raises:
        RtspError: the header is no URL (`PROTOCOL`).
    """
    location = location.strip()
    absolute = location if _ABSOLUTE.match(location) else _absolute(current.text, location)
    try:
        target = parse_url(absolute)
    except RtspError as error:
        raise RtspError(
            Cause.PROTOCOL,
            f'The camera redirects to "{quote(location)}", which is no URL of a stream; enter '
            "the URL of the stream itself.",
        ) from error
    is_safe = target.host.lower() == current.host.lower() and target.is_tls >= current.is_tls
    if target.credentials is None and is_safe:
        return replace(target, credentials=current.credentials)
    return target


def _absolute(request_url: str, given: str) -> str:
    if _ABSOLUTE.match(given):
        return _without_credentials(given)
    scheme, _, rest = request_url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if given.startswith("/"):
        place = "" if given.startswith("//") else f"//{authority}"
        return _without_credentials(f"{scheme}:{place}{given}")
    first = re.split(r"[/?#]", given, maxsplit=1)[0].rpartition("@")[2]
    host = re.sub(r":\d*\Z", "", authority)
    if first in {host, authority} or re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}(:\d*)?", first):
        return _without_credentials(f"{scheme}://{given}")
    return f"{scheme}:{urljoin(f'//{rest}', given)}"


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return f"{scheme}://{rest[authority.rfind('@') + 1 :]}"
