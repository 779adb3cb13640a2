"""Agreeing with the camera, track by track, on how its packets travel (RFC 2326 section 10.4)."""

from collections.abc import Sequence
from typing import Final

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.rtsp.events import InterleavedDelivery, Track, UdpDelivery
from tandem.media.rtsp.message import Response
from tandem.media.rtsp.refusal import refusal
from tandem.media.rtsp.transport import (
    LowerTransport,
    TransportReply,
    interleaved_offer,
    parse_transport,
    udp_offer,
)
from tandem.media.sdp import MediaDescription

_UNSUPPORTED_TRANSPORT: Final = 461
_SESSION_NOT_FOUND: Final = 454


class Negotiation:
    """The SETUP requests of one session and what came of them.

    Args:
        wanted: media with a format that can be recorded, the video first.
        urls: the control URL of each.
        transports: in the order of preference.
        udp_ports: a pair of our ports for each medium; needed for UDP.
        host: where the camera is.

    Attributes:
        tracks: those agreed on.
    """

    def __init__(
        self,
        wanted: Sequence[MediaDescription],
        urls: Sequence[str],
        *,
        transports: Sequence[LowerTransport],
        udp_ports: Sequence[tuple[int, int]],
        host: str,
    ) -> None:
        self.tracks: list[Track] = []
        self._wanted = wanted
        self._urls = urls
        self._transports = list(transports)
        self._udp_ports = udp_ports
        self._host = host
        self._index = 0

    def next_request(self) -> tuple[str, str] | None:
        """The URL and the Transport header of the next SETUP; None when all are done."""
        if self._index == len(self._wanted):
            return None
        if self._transports[0] is LowerTransport.TCP:
            offer = interleaved_offer(2 * self._index)
        else:
            offer = udp_offer(*self._udp_ports[self._index])
        return self._urls[self._index], offer

    def take(self, response: Response) -> None:
        """Take the answer to the SETUP that `next_request` named.

        Raises:
            RtspError: the camera refuses the video, or every transport.
        """
        if response.status == _UNSUPPORTED_TRANSPORT and len(self._transports) > 1:
            del self._transports[0]
            return
        if response.is_success:
            self.tracks.append(self._track(response))
        elif not self.tracks or response.status == _SESSION_NOT_FOUND:
            raise refusal("SETUP", response)
        # Sound that cannot be had is no reason to lose the video.
        self._index += 1

    def _track(self, response: Response) -> Track:
        media = self._wanted[self._index]
        if media.format is None:
            raise ValueError("a medium without a format that can be recorded was set up")
        asked = self._transports[0]
        header = response.headers.get("Transport")
        reply = parse_transport(header) if header else TransportReply(asked)
        if reply.lower is not asked:
            raise RtspError(
                Cause.UNSUPPORTED_TRANSPORT,
                f"The camera was asked to send over {asked.upper()} and insists on "
                f"{reply.lower.upper()}; allow {asked.upper()} in its settings, or choose "
                f"{reply.lower.upper()} for this camera.",
            )
        delivery: InterleavedDelivery | UdpDelivery
        if asked is LowerTransport.TCP:
            delivery = InterleavedDelivery(*self._channels(reply))
        else:
            source = reply.source or self._host
            delivery = UdpDelivery(self._udp_ports[self._index], reply.server_ports, source)
        return Track(media, media.format, self._urls[self._index], delivery, reply.ssrc)

    def _channels(self, reply: TransportReply) -> tuple[int, int]:
        """The channels that the camera chose; those asked for where its choice is taken."""
        taken = {
            channel
            for track in self.tracks
            if isinstance(track.delivery, InterleavedDelivery)
            for channel in (track.delivery.rtp_channel, track.delivery.rtcp_channel)
        }
        asked = (2 * self._index, 2 * self._index + 1)
        return reply.channels if reply.channels and not taken & {*reply.channels} else asked
