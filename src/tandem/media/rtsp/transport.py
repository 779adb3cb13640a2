"""The headers that say how packets travel: Transport, Session and RTP-Info (RFC 2326 section 12).

Whatever a camera writes, these parsers return what can be used of it, and never fail.
"""

import enum
import re
from dataclasses import dataclass
from typing import Final

DEFAULT_SESSION_TIMEOUT_S: Final = 60
MAX_SESSION_TIMEOUT_S: Final = 24 * 3600


class LowerTransport(enum.StrEnum):
    """What carries the RTP packets."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class TransportReply:
    """What the camera made of our Transport header; None for whatever it did not say.

    Attributes:
        lower: TCP or UDP.
        channels: interleaved channels of RTP and RTCP.
        server_ports: UDP ports that the camera sends RTP and RTCP from.
        source: address that it sends from, if not that of the connection.
        ssrc: of its RTP packets. Often wrong: a hint, nothing to filter by.
    """

    lower: LowerTransport
    channels: tuple[int, int] | None = None
    server_ports: tuple[int, int] | None = None
    source: str | None = None
    ssrc: int | None = None


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """The Session header (RFC 2326 section 12.37).

    Attributes:
        id: opaque.
        timeout_s: after how long without a request the camera ends the session; None where it
            does not say (then it is `DEFAULT_SESSION_TIMEOUT_S`).
    """

    id: str
    timeout_s: int | None


@dataclass(frozen=True, slots=True)
class RtpInfo:
    """Where one track begins, in the camera's opinion (RFC 2326 section 12.33).

    Hikvision and Tapo cameras send wrong numbers here, so nothing may depend on them.

    Attributes:
        url: of the track, as the camera wrote it.
        sequence: of the first packet; None where it makes no sense.
        rtp_time: timestamp at the start; None where it makes no sense.
    """

    url: str
    sequence: int | None
    rtp_time: int | None


def interleaved_offer(rtp_channel: int) -> str:
    """A Transport header that asks for packets in the RTSP connection."""
    return f"RTP/AVP/TCP;unicast;interleaved={rtp_channel}-{rtp_channel + 1}"


def udp_offer(rtp_port: int, rtcp_port: int) -> str:
    """A Transport header that asks for packets to two UDP ports of ours."""
    return f"RTP/AVP;unicast;client_port={rtp_port}-{rtcp_port}"


def parse_transport(value: str) -> TransportReply:
    """Read the Transport header of an answer to SETUP (RFC 2326 section 12.39)."""
    profile, *items = value.split(",", maxsplit=1)[0].split(";")
    parameters = _parameters(items)
    is_tcp = profile.strip().upper().endswith("/TCP") or "interleaved" in parameters
    ssrc = re.match(r"(?:0[xX])?([0-9A-Fa-f]{1,8})(?:/|\Z)", parameters.get("ssrc", ""))
    return TransportReply(
        lower=LowerTransport.TCP if is_tcp else LowerTransport.UDP,
        channels=_pair(parameters.get("interleaved", ""), maximum=255),
        server_ports=_pair(parameters.get("server_port", ""), maximum=65_535),
        source=parameters.get("source") or None,
        ssrc=int(ssrc[1], 16) if ssrc else None,
    )


def parse_session(value: str) -> SessionHeader | None:
    """Read a Session header; None if it names no session."""
    identifier, *items = value.split(";")
    timeout = _number(_parameters(items).get("timeout", ""), MAX_SESSION_TIMEOUT_S)
    if not identifier.strip():
        return None
    return SessionHeader(identifier.strip(), timeout or None)


def parse_rtp_info(value: str) -> tuple[RtpInfo, ...]:
    """Read an RTP-Info header: one item a track, what makes no sense left out."""
    # URLs may hold commas and semicolons, so an item ends where the next one says "url=".
    items = re.split(r"(?:\A|,)\s*url\s*=\s*", value, flags=re.IGNORECASE)[1:]
    return tuple(
        RtpInfo(
            url=re.split(r";\s*(?:seq|rtptime)\s*=", item, maxsplit=1)[0].strip().strip('"'),
            sequence=_after("seq", item, 0xFFFF),
            rtp_time=_after("rtptime", item, 0xFFFF_FFFF),
        )
        for item in items
    )


def _after(name: str, item: str, maximum: int) -> int | None:
    found = re.search(rf";\s*{name}\s*=\s*(\d+)", item)
    return _number(found[1], maximum) if found else None


def _parameters(items: list[str]) -> dict[str, str]:
    pairs = (item.partition("=") for item in items)
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _pair(text: str, maximum: int) -> tuple[int, int] | None:
    """Read "4-5"; a lone "4" means that the other one follows it."""
    first_text, dash, second_text = text.partition("-")
    first = _number(first_text, maximum)
    second = _number(second_text, maximum) if dash else None
    if first is None:
        return None
    if second is None:
        second = first + 1
    return (first, second) if second <= maximum else None


def _number(text: str, maximum: int) -> int | None:
    text = text.strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None
    return number if number is not None and number <= maximum else None
