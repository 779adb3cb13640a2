"""This node's session in the store: begun, renewed, begun anew; a shell around `cluster.session`.

While the store does not answer, nothing is written: it is read until it does, since whatever was
written before may have happened meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from tandem.clock import Clock
from tandem.cluster import keys, session
from tandem.cluster.document import StoredValueError
from tandem.cluster.model import Session
from tandem.node.store.errors import StoreError, UnknownOutcomeError
from tandem.node.store.model import Entry, Get, Put, Transaction, unchanged
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

RENEW_S: Final = 1.0
"""How often the session is renewed. Nothing exclusive hangs on it yet; others take a node for gone
after sixty of these."""

FRESH_US: Final = 5_000_000
"""Whoever has not renewed for longer is cut off, or the store is away: no time to decide things."""


class Membership:
    """Keeps this node's session.

    Args:
        node_id: this node.
        store: where.
        clock: of this node.
        nonce: makes a new random one.

    Attributes:
        state: of the session.
        renewed_us: when the renewal that counts was about to be sent, CLOCK_BOOTTIME.
        problem: why the store could not be asked the last time; "" if it could.
    """

    def __init__(self, node_id: str, store: Store, clock: Clock, nonce: Callable[[], str]) -> None:
        self.state = session.State(node_id)
        self.renewed_us: int | None = None
        self.problem = ""
        self._key = keys.key(keys.SESSIONS, node_id)
        self._store = store
        self._clock = clock
        self._nonce = nonce

    @property
    def revision(self) -> int | None:
        """Of the session, where it was renewed within the last few seconds; else None."""
        if self.renewed_us is None or self.state.known is None:
            return None
        is_fresh = self._clock.boot_us() - self.renewed_us <= FRESH_US
        return self.state.known.revision if is_fresh else None

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            try:
                await self.renew()
                self.problem = ""
            except (StoreError, StoredValueError) as problem:
                if str(problem) != self.problem:
                    log.warning("the session cannot be renewed: %s", problem)
                self.problem = str(problem)
            await asyncio.sleep(RENEW_S)

    async def renew(self) -> None:
        """Renew the session once, or begin one.

        Raises:
            StoreError: the store does not answer; nothing of it is known then.
            StoredValueError: what stands there is not for this release.
        """
        if self.problem or self.state.phase is session.Phase.READING:
            await self._take(session.Found(await self._read()))
        if self.state.phase in {session.Phase.IDLE, session.Phase.STOPPED}:
            await self._take(session.Begin(self._nonce()))
        elif self.state.phase is not session.Phase.READING:
            await self._take(session.Renew(self._nonce()))

    async def _take(self, event: session.Event) -> None:
        """Carry out what an event asks for, and what that brings in turn."""
        events = [event]
        while events:
            self.state, effects = session.step(self.state, events.pop(0), self._clock.boot_us())
            for effect in effects:
                match effect:
                    case session.Read():
                        events.append(session.Found(await self._read()))
                    case session.Put():
                        events.append(await self._write(effect))
                    case session.Renewed(sent_us=sent_us):
                        self.renewed_us = sent_us
                    case session.Stop(reason=reason):
                        self.renewed_us = None
                        log.error("%s", reason)

    async def _read(self) -> session.Stored | None:
        return self._stored(await self._store.get(self._key))

    async def _write(self, put: session.Put) -> session.Event:
        transaction = Transaction(
            compares=(unchanged(self._key, put.revision),),
            success=(Put(self._key, put.session.encode()),),
            failure=(Get(self._key),),
        )
        nonce = put.session.nonce
        try:
            outcome = await self._store.transact(transaction)
        except UnknownOutcomeError:
            return session.Unknown(nonce)
        if outcome.succeeded:
            return session.Written(nonce, outcome.revision)
        return session.Refused(nonce, self._stored(outcome.gets[0]))

    def _stored(self, entry: Entry | None) -> session.Stored | None:
        if entry is None:
            return None
        return session.Stored(Session.decode(self.state.node_id, entry.value), entry.mod_revision)
