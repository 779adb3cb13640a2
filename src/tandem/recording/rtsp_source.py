"""Tandem's own RTSP receiver: sockets and timers around `media.rtsp` and `media.rtp`."""

import asyncio
import logging
import socket
from contextlib import suppress
from random import Random
from typing import Never

from tandem.clock import Clock
from tandem.media.rtsp.client import RtspClient
from tandem.media.rtsp.errors import RtspError
from tandem.media.rtsp.session import CameraSession
from tandem.media.rtsp.transport import LowerTransport
from tandem.media.rtsp.url import CameraUrl, Credentials, parse_url
from tandem.recording.camera import StreamOrder, TransportPreference
from tandem.recording.datagrams import PortPair
from tandem.recording.paced_loop import BEAT_S, DIALOGUE_BEAT_S, SMALL_BUFFER_BEAT_S, beats_of
from tandem.recording.rtsp_causes import CAUSES, plain_reason
from tandem.recording.rtsp_connection import RtspConnection
from tandem.recording.session_book import SessionBook
from tandem.recording.source import Cause, SourceError, UnitSink

log = logging.getLogger(__name__)

CONNECT_S = 5.0
"""To look up a name and open a connection: longer than a lost SYN and its first repetition."""

DIALOGUE_S = 2.0
"""How long a camera's answers are waited for in short beats. One that takes longer is no quicker
for them, and all others cost more meanwhile."""

END_S = 2.0
"""To end a session that somebody left behind: the stream itself waits for it, and may be asked for
without it each second."""


class RtspSource:
    """One attempt to record from an RTSP camera.

    Args:
        order: what to receive.
        clock: of the node.
        random: for nonces and identifiers, none of them secret.
        sessions: those of the camera; None where nobody needs to know.
    """

    def __init__(
        self,
        order: StreamOrder,
        clock: Clock,
        random: Random,
        sessions: SessionBook | None = None,
    ) -> None:
        self._order = order
        self._clock = clock
        self._random = random
        self._sessions = sessions

    async def run(self, sink: UnitSink) -> None:
        """Connect and push into `sink` until the connection ends.

        Raises:
            SourceError: always, save when cancelled.
        """
        wants_udp = self._order.transport is TransportPreference.UDP
        ports = [PortPair() for _ in range(1 + self._order.audio)] if wants_udp else []
        try:
            with beats_of(SMALL_BUFFER_BEAT_S if wants_udp else BEAT_S):
                for pair in ports:
                    await pair.open()
                await self._run(sink, ports)
        except RtspError as error:
            raise SourceError(CAUSES[error.cause], str(error)) from None
        finally:
            for pair in ports:
                pair.close()

    async def _run(self, sink: UnitSink, ports: list[PortPair]) -> None:
        url = self._camera_url()
        asking = self._client(url, ports)
        try:
            await self._converse(asking, url, sink, ports)
        except SourceError as refusal:
            left = self._left_behind(refusal)
            if left is None:
                raise
        log.info(
            "%s: the camera refuses a session and may still count one that nobody has any more; "
            "that one is ended",
            self._order.label,
        )
        with suppress(SourceError, TimeoutError):
            async with asyncio.timeout(END_S):
                there = asking.url
                await self._converse(self._client(there, ports, left), there, sink, ports)
        await self._converse(self._client(url, ports), url, sink, ports)

    def _left_behind(self, refusal: SourceError) -> CameraSession | None:
        """What a camera that refuses another session may count without need.

        Never asked before it refuses: whoever is believed dead may live, and have this session. A
        camera that allows both is then harmed by nothing.
        """
        if refusal.cause is not Cause.SESSION_LIMIT or self._sessions is None:
            return None
        return self._sessions.take()

    def _client(
        self, url: CameraUrl, ports: list[PortPair], only_ends: CameraSession | None = None
    ) -> RtspClient:
        return RtspClient(
            url,
            client_nonce=f"{self._random.getrandbits(64):016x}",
            transports=[LowerTransport.UDP if ports else LowerTransport.TCP],
            udp_ports=[pair.numbers for pair in ports],
            with_audio=self._order.audio,
            only_ends=only_ends,
        )

    async def _converse(
        self, client: RtspClient, url: CameraUrl, sink: UnitSink, ports: list[PortPair]
    ) -> Never:
        while True:
            session = RtspConnection(
                client, url, sink, self._clock, self._random, ports, self._sessions
            )
            try:
                with beats_of(DIALOGUE_BEAT_S):
                    await self._connect(session, url)
                    await session.settle(DIALOGUE_S)
                url = await session.ended
            finally:
                session.close()

    def _camera_url(self) -> CameraUrl:
        url = parse_url(self._order.url)
        login = self._order.login
        if login is None:
            return url
        return CameraUrl(
            url.text, url.host, url.port, url.is_tls, Credentials(login.username, login.password)
        )

    async def _connect(self, connection: RtspConnection, url: CameraUrl) -> None:
        loop = asyncio.get_running_loop()
        place = f"{url.host}:{url.port}"
        if url.is_tls:
            raise SourceError(
                Cause.UNSUPPORTED,
                f"the camera redirects to {url}, which is encrypted; enter that URL itself",
            )
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: connection, url.host, url.port)
        except TimeoutError:
            raise SourceError(
                Cause.UNREACHABLE,
                f"{place} does not answer; is the camera on, and is the way to it free?",
            ) from None
        except (socket.gaierror, UnicodeError, ValueError):  # the latter two: no name at all
            raise SourceError(
                Cause.NAME_UNKNOWN,
                f"the name {url.host!r} is not known; check it, or use the camera's address",
            ) from None
        except ConnectionRefusedError:
            raise SourceError(
                Cause.REFUSED,
                f"{place} refuses connections; is RTSP switched on, and is it the right port?",
            ) from None
        except OSError as error:
            raise SourceError(
                Cause.UNREACHABLE, f"{place} cannot be reached: {plain_reason(error)}"
            ) from None
