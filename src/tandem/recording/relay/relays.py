"""What one recorder process passes on to other nodes, and has from them."""

from collections.abc import Collection
from random import Random

from tandem.clock import Clock
from tandem.mutual_tls import client_context
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.orders import Relaying
from tandem.recording.relay.certificate import Certificate
from tandem.recording.relay.feed import Feed, TappedSource
from tandem.recording.relay.server import RelayServer
from tandem.recording.relay.source import RelaySource
from tandem.recording.session_book import LastSession, SessionBook
from tandem.recording.source import Cause, Source, SourceError


class Relays:
    """Follows the orders.

    Args:
        clock: of the node.
        random: tells sessions apart; no secret.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._feeds: dict[StreamKey, Feed] = {}
        self._received: dict[StreamKey, RelaySource] = {}
        self._sessions: dict[StreamKey, LastSession] = {}
        self._certificate: Certificate | None = None
        self._server = RelayServer(self._feeds)

    def apply(self, relaying: Relaying | None, streams: Collection[StreamOrder]) -> None:
        """Offer what is ordered to be passed on, and nothing else.

        Args:
            relaying: where to listen.
            streams: all that this process records.
        """
        self._server.order(relaying)
        files = (relaying.authority, relaying.node) if relaying else None
        if files is None:
            self._certificate = None
        elif self._certificate is None or self._certificate.files != files:
            self._certificate = Certificate(client_context, *files)
        now_us = self._clock.boot_us()
        known = self._sessions.items()
        self._sessions = {key: last for key, last in known if last.may_be_counted(now_us)}
        direct = {order.key: order for order in streams if order.relay is None}
        for key in self._feeds.keys() - direct.keys():
            feed = self._feeds.pop(key)
            feed.close("it records this camera itself no more")
            self._remember(key, feed.last)
        for key in self._received.keys() - {order.key for order in streams if order.relay}:
            self._remember(key, self._received.pop(key).last_session)
        for order in direct.values():
            self._feed_of(order.key).offer(
                is_offered=order.relays, why_not="it passes this camera on no more"
            )

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._server.run()

    def tap(self, source: Source, order: StreamOrder) -> Source:
        """The source of a camera, such that it can be passed on."""
        return TappedSource(source, self._feed_of(order.key))

    def sessions_of(self, key: StreamKey) -> SessionBook:
        """What is known of the sessions of a camera's stream."""
        return self._feed_of(key)

    def receive(self, order: StreamOrder) -> Source:
        """The source of a stream that another node passes on.

        Raises:
            SourceError: this process has no certificate to show.
        """
        assert order.relay is not None  # noqa: S101 - who asks has looked
        if self._certificate is None:
            raise SourceError(Cause.RELAY, "no orders say how to ask other nodes")
        before = self._received.get(order.key)
        source = RelaySource(order, order.relay, self._certificate, self._clock, before)
        self._received[order.key] = source
        return source

    def port_of(self, key: StreamKey) -> int | None:
        """Where recorders of other nodes can have a stream; None where they cannot."""
        feed = self._feeds.get(key)
        return self._server.port if feed is not None and feed.is_live else None

    def _remember(self, key: StreamKey, last: LastSession | None) -> None:
        """Keep it while nothing is recorded, since it may be needed then."""
        if last is not None:
            self._sessions[key] = last

    def _feed_of(self, key: StreamKey) -> Feed:
        if key not in self._feeds:
            self._feeds[key] = Feed(self._clock, self._random)
            self._feeds[key].last = self._sessions.pop(key, None)
        return self._feeds[key]
