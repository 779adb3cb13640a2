"""Which sessions a camera has, the dead ones among them that still count."""

import logging
import random
from collections.abc import Iterator

from tandem.clock import Clock
from tandem.lab.camera.config import CameraConfig
from tandem.lab.camera.faults import FaultKind, FaultSet
from tandem.lab.camera.ledger import LedgerWriter
from tandem.lab.camera.session import Client, Link, Session
from tandem.lab.camera.sinks import Sink

_log = logging.getLogger(__name__)

_MILLION = 1_000_000


class Register:
    """Admits clients to one camera, and lets them go.

    Args:
        config: the camera.
        faults: what goes wrong with it now.
        ledger: where to note who came and went.
        clock: the machine's clocks.
        draw: source of session ids and of what sessions need.
    """

    def __init__(
        self,
        config: CameraConfig,
        faults: FaultSet,
        ledger: LedgerWriter,
        clock: Clock,
        draw: random.Random,
    ) -> None:
        self._config = config
        self._faults = faults
        self._ledger = ledger
        self._clock = clock
        self._draw = draw
        self._live: dict[str, Session] = {}
        self._dead_until_us: dict[str, int] = {}
        self._admitted = 0

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._live.values()))

    def __len__(self) -> int:
        return len(self._live)

    def is_full(self) -> bool:
        """Tell whether the camera allows no further session."""
        limit = int(self._faults.value(FaultKind.SESSION_LIMIT)) or self._config.session_limit
        return bool(limit) and len(self._live) + len(self._dead_until_us) >= limit

    def admit(self, peer: str, link: Link, sink: Sink) -> Session:
        """Open a session."""
        name = f"{self._draw.getrandbits(48):012x}"
        client = Client(name, peer, link, sink, self._admitted)
        session = Session(client, self._config, self._faults, self._ledger, self._draw)
        self._admitted += 1
        self._live[name] = session
        self.heard(session)
        return session

    def heard(self, session: Session) -> None:
        """Note that a client is alive."""
        session.heard_us = self._clock.boot_us()

    def played(self, session: Session) -> None:
        """Note that a client began to play."""
        utc_us = self._clock.utc_us()
        self._ledger.opened(session.name, utc_us, session.peer, session.sink.transport)

    def part(self, session: Session, reason: str, *, orderly: bool) -> None:
        """Close a session.

        Args:
            session: the session; closing it twice does nothing.
            reason: why, for the ledger and the log.
            orderly: whether the client said so. Else, where sessions are limited, it goes on to
                count until it times out, as in many real cameras.
        """
        if self._live.pop(session.name, None) is None:
            return
        session.settle()
        session.playing = False
        lost = session.sink.abandon()
        session.sink.close()
        self._ledger.undelivered(session.name, lost)
        self._ledger.closed(session.name, self._clock.utc_us(), reason)
        if lost:
            _log.warning(
                "Camera %d never delivered %d pictures to %s, %d to %d: %s.",
                *(self._config.number, len(lost), session.peer, lost[0], lost[-1], reason),
            )
        if not orderly:
            timeout_us = round(self._config.session_timeout_s * _MILLION)
            self._dead_until_us[session.name] = session.heard_us + timeout_us

    def end(self, name: str) -> bool:
        """End a session from another connection, be its own dead or alive.

        Args:
            name: of the session.

        Returns:
            Whether there was one.
        """
        session = self._live.get(name)
        if session is None:
            return self._dead_until_us.pop(name, None) is not None
        session.say_goodbye()
        self.part(session, "torn down by another client", orderly=True)
        session.link.close()
        return True

    def close(self) -> None:
        """Say goodbye to every client: the camera is switched off."""
        for session in self:
            session.say_goodbye()
            self.part(session, "the camera was switched off", orderly=True)
            session.link.close()

    def tend(self) -> None:
        """Note what went out, and end what was not heard of for too long."""
        now_us = self._clock.boot_us()
        timeout_us = round(self._config.session_timeout_s * _MILLION)
        for session in self:
            session.settle()
            if now_us - session.heard_us > timeout_us:
                self.part(session, "not heard of for too long", orderly=True)
                session.link.close()
        for name, until_us in list(self._dead_until_us.items()):
            if now_us >= until_us:
                del self._dead_until_us[name]
