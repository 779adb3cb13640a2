"""What the client asks of its shell, and tells it."""

from dataclasses import dataclass, field

from tandem.media.rtsp.errors import RtspError
from tandem.media.rtsp.transport import RtpInfo
from tandem.media.rtsp.url import CameraUrl
from tandem.media.sdp import MediaDescription, PayloadFormat


@dataclass(frozen=True, slots=True)
class InterleavedDelivery:
    """Packets come in the RTSP connection.

    Attributes:
        rtp_channel: to register the track's receiver at.
        rtcp_channel: likewise, for its reports.
    """

    rtp_channel: int
    rtcp_channel: int


@dataclass(frozen=True, slots=True)
class UdpDelivery:
    """Packets come to two UDP ports of ours.

    Attributes:
        client_ports: ours, for RTP and RTCP.
        server_ports: the camera's; None where it did not say.
        source: host that packets come from.
    """

    client_ports: tuple[int, int]
    server_ports: tuple[int, int] | None
    source: str


@dataclass(frozen=True, slots=True)
class Track:
    """One medium that the camera has agreed to send.

    Attributes:
        media: its description.
        format: which of the medium's formats is recorded.
        url: its control URL.
        delivery: how its packets come.
        ssrc: which the camera announced; often wrong, so only a hint.
    """

    media: MediaDescription
    format: PayloadFormat
    url: str = field(repr=False)
    delivery: InterleavedDelivery | UdpDelivery
    ssrc: int | None


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes to the connection. They hold the answer to a challenge, so no repr."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redirected:
    """Close the connection, open one to `url`, then call `start` again."""

    url: CameraUrl


@dataclass(frozen=True, slots=True)
class TracksReady:
    """Register the receivers of `tracks` now: packets may come before PLAY is answered.

    Attributes:
        tracks: video first.
        left_out: media that the camera offers and that are not recorded.
    """

    tracks: tuple[Track, ...]
    left_out: tuple[MediaDescription, ...]


@dataclass(frozen=True, slots=True)
class Playing:
    """The camera says that it plays.

    Attributes:
        rtp_info: what it says of the first packets; nothing may depend on it.
    """

    rtp_info: tuple[RtpInfo, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The session is over; close the connection. No event follows."""

    error: RtspError


@dataclass(frozen=True, slots=True)
class Ended:
    """TEARDOWN is done or given up; close the connection. No event follows."""


Event = Send | Redirected | TracksReady | Playing | Failed | Ended
