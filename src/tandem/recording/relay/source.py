"""A camera whose pictures another node passes on, as a `Source`.

A connection that breaks is made again at once, over the next link, and goes on where it ended: the
recording does not notice. Only where that cannot be done has it ended.
"""

import asyncio
import ssl
from typing import Final, Never

from tandem.clock import Clock
from tandem.mutual_tls import TlsError
from tandem.recording.camera import Relay, StreamOrder
from tandem.recording.framing import ProtocolError
from tandem.recording.paced_loop import DIALOGUE_BEAT_S, beats_of
from tandem.recording.relay.certificate import Certificate
from tandem.recording.relay.protocol import Ask, Decoder, Hello, Place, encode
from tandem.recording.relay.reception import Reception
from tandem.recording.session_book import LastSession
from tandem.recording.source import Cause, SourceError, UnitSink

CONNECT_S: Final = 3.0
"""For each address: a lost SYN and its repetition, a handshake, and two loops that collect what
arrives for a beat."""

SILENT_S: Final = 2.0
"""Four signs of life that did not come. Another connection goes on where this one ended, so that
one which is given up too soon costs nothing."""

NO_PICTURE_US: Final = 30_000_000
"""From a node that says it has the camera. Longer than any source waits for one: it should have
said so itself."""

_CHUNK_BYTES: Final = 1 << 18


class _Over(Exception):  # noqa: N818 - a connection's end, which mostly is no failure
    """A connection is over; another may go on where it ended."""


class RelaySource:
    """One reception of a stream that another node passes on.

    Args:
        order: what to receive.
        relay: from where.
        certificate: of this node, for asking.
        clock: of the node.
        before: the reception before it; None where there was none.

    Attributes:
        place: where this one ended; before that, where the one before it did.
    """

    def __init__(
        self,
        order: StreamOrder,
        relay: Relay,
        certificate: Certificate,
        clock: Clock,
        before: "RelaySource | None" = None,
    ) -> None:
        self.place: Place | None = before.place if before else None
        self._last_before = before.last_session if before else None
        self._reception: Reception | None = None
        self._order = order
        self._relay = relay
        self._certificate = certificate
        self._clock = clock

    @property
    def last_session(self) -> LastSession | None:
        """The camera's that the other node was last known to have."""
        if self._reception is None or self._reception.session is None:
            return self._last_before
        return LastSession(self._reception.session, self._reception.last_picture_us)

    async def run(self, sink: UnitSink) -> None:
        """Receive into `sink` until it cannot be gone on with.

        Raises:
            SourceError: always, save when cancelled.
        """
        reception = self._reception = Reception(sink, self._clock, self.place)
        tls = await self._context()
        turn = 0
        try:
            while True:
                turn = await self._receive(reception, tls, turn)
        except ProtocolError as problem:
            raise self._failure(Cause.PROTOCOL, str(problem)) from None
        finally:
            self.place = reception.place

    async def _context(self) -> ssl.SSLContext:
        try:
            return await self._certificate.context()
        except TlsError as problem:
            raise self._failure(Cause.RELAY, str(problem)) from None

    async def _receive(self, reception: Reception, tls: ssl.SSLContext, turn: int) -> int:
        """Receive over the first address that delivers, until its connection is over.

        Args:
            reception: goes on from one connection to the next.
            tls: for all of them.
            turn: the address that is tried first.

        Returns:
            The one to try first then.
        """
        addresses = self._relay.addresses
        problems: list[str] = []
        for number in range(turn, turn + len(addresses)):
            address = addresses[number % len(addresses)]
            before = reception.received
            try:
                await self._receive_over(address, reception, tls)
            except _Over as over:
                if reception.received > before:
                    return number + 1
                problems.append(f"{address}:{self._relay.port}: {over}")
        raise self._failure(Cause.RELAY, "; ".join(problems))

    async def _receive_over(self, address: str, reception: Reception, tls: ssl.SSLContext) -> Never:
        try:
            with beats_of(DIALOGUE_BEAT_S):
                async with asyncio.timeout(CONNECT_S):
                    reader, writer = await asyncio.open_connection(
                        address, self._relay.port, ssl=tls, server_hostname=self._relay.node_id
                    )
        except TimeoutError:
            raise _Over("no answer") from None
        except ssl.SSLCertVerificationError as problem:
            raise _Over(f"another node's certificate, {problem.verify_message}") from None
        except OSError as problem:
            raise _Over(problem.strerror or str(problem)) from None
        try:
            ask = Ask(self._order.camera_id, self._order.stream, reception.place)
            writer.write(encode(Hello()) + encode(ask))
            decoder = Decoder(configs=reception.configs)
            while True:
                messages = decoder.feed(await _read(reader))
                if (end := reception.take(messages)) is not None:
                    raise self._failure(end.cause, end.message)
                if self._clock.boot_us() - reception.last_picture_us > NO_PICTURE_US:
                    raise self._failure(Cause.STALLED, "no picture has come for half a minute")
        finally:
            writer.transport.abort()

    def _failure(self, cause: Cause, why: str) -> SourceError:
        return SourceError(cause, f"node {self._relay.node_id} does not pass this camera on: {why}")


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What comes next over a connection that lives."""
    try:
        async with asyncio.timeout(SILENT_S):
            data = await reader.read(_CHUNK_BYTES)
    except TimeoutError:
        raise _Over(f"nothing came for {SILENT_S:.0f} s") from None
    except OSError as problem:
        raise _Over(problem.strerror or str(problem)) from None
    if not data:
        raise _Over("it ended the connection")
    return data
