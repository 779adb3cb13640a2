"""Asking the other nodes, twice a second, what they can record and whose sessions they hold.

A word is small, and sent again only when it has changed. It counts until there is a newer one, or
until its node is suspected or silent for some seconds. A node that is there and silent may have
nothing left but its heartbeats; what follows from that, `cluster.duties` says.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import aiohttp

from tandem.clock import Clock
from tandem.cluster.duties import Word
from tandem.node.archivist.view import Address
from tandem.node.control.words import decode_word

log = logging.getLogger(__name__)

ASK_S: Final = 0.5
DEADLINE_S: Final = 0.5
"""On each link; one that hangs must not keep the other from being asked."""

FORGET_US: Final = 5_000_000
"""So long a word counts without being said again. Several questions on each link go unanswered in
that time, however slowly they fail."""

BEGINNING_US: Final = 2_000_000
"""So long an agent that begins waits for a first word of each node, before it takes a session that
another one may have."""

LARGEST_WORD_BYTES: Final = 4 << 20
"""With ten thousand cameras it is a fifth of that."""


class Hearing:
    """What the other nodes say.

    Args:
        others: the addresses of the other nodes' agents, one a link.
        tls: as `node.tls.client_context` makes it.
        clock: of this node.
        changed: called when any says something else; must not block.

    Attributes:
        words: what each said last, as far as it counts.
        quiet: those that have said nothing for `FORGET_US`, whether they could or not.
    """

    def __init__(
        self,
        others: Mapping[str, Sequence[Address]],
        tls: ssl.SSLContext,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self.words: dict[str, Word] = {}
        self.quiet: set[str] = set()
        self._addresses = {node: list(addresses) for node, addresses in others.items()}
        self._tls = tls
        self._clock = clock
        self._changed = changed
        self._begun_us = clock.boot_us()
        self._heard: set[str] = set()
        self._waiting_us = dict.fromkeys(others, self._begun_us)
        self._tags: dict[str, str] = {}
        self._others_changed = asyncio.Event()

    @property
    def unheard(self) -> frozenset[str]:
        """The nodes of whom a first word is waited for."""
        if self._clock.boot_us() - self._begun_us >= BEGINNING_US:
            return frozenset()
        return frozenset(self._addresses.keys() - self._heard)

    def forget(self, node_id: str) -> None:
        """A node is not there: what it said does not count any more."""
        self._tags.pop(node_id, None)
        if self.words.pop(node_id, None) is not None:
            self._changed()

    def expect(self, node_id: str) -> None:
        """A node can answer again: how long it says nothing is counted from now on."""
        self._waiting_us[node_id] = self._clock.boot_us()
        self.quiet.discard(node_id)

    def set_others(self, others: Mapping[str, Sequence[Address]]) -> None:
        """Ask these nodes from now on; what those that stay have said still counts.

        Args:
            others: as in the beginning.
        """
        for node_id in self._addresses.keys() - others.keys():
            del self._addresses[node_id], self._waiting_us[node_id]
            self._heard.discard(node_id)
            self.quiet.discard(node_id)
            self.forget(node_id)
        for node_id, addresses in others.items():
            if set(addresses) != set(self._addresses.get(node_id, ())):
                self._addresses[node_id] = list(addresses)
            self._waiting_us.setdefault(node_id, self._clock.boot_us())
        self._others_changed.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
            ) as session,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._end_of_the_beginning())
            asked: dict[str, asyncio.Task[None]] = {}
            while True:
                self._others_changed.clear()
                for node_id in asked.keys() - self._addresses.keys():
                    asked.pop(node_id).cancel()
                for node_id in self._addresses.keys() - asked.keys():
                    asking = self._ask_always(session, node_id)
                    asked[node_id] = tasks.create_task(asking, name=f"hear {node_id}")
                await self._others_changed.wait()

    async def _end_of_the_beginning(self) -> None:
        await asyncio.sleep(BEGINNING_US / 1e6)
        self._changed()

    async def _ask_always(self, session: aiohttp.ClientSession, node_id: str) -> None:
        while node_id in self._addresses:
            await self._ask(session, node_id)
            await asyncio.sleep(ASK_S)

    async def _ask(self, session: aiohttp.ClientSession, node_id: str) -> None:
        """On one link after another; the one that answers is the first to be tried again."""
        addresses = self._addresses[node_id]
        waited_us = self._clock.boot_us() - self._waiting_us[node_id]  # no freeze of ours counts
        for address in list(addresses):
            try:
                word = await self._ask_on(session, node_id, address)
            except (OSError, ValueError, aiohttp.ClientError) as problem:
                log.debug("%s says nothing on %s: %s", node_id, address.host, problem)
                continue
            if node_id not in self._addresses:
                return  # it has left while it was asked
            addresses.remove(address)
            addresses.insert(0, address)
            self._take(node_id, word)
            return
        if waited_us >= FORGET_US and node_id in self._addresses.keys() - self.quiet:
            self.quiet.add(node_id)
            self.forget(node_id)
            self._changed()

    async def _ask_on(
        self, session: aiohttp.ClientSession, node_id: str, address: Address
    ) -> Word | None:
        """Ask on one link; None: what was said still holds."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        tag = self._tags.get(node_id)
        async with session.get(
            f"https://{host}:{address.port}/v1/recording",
            headers={"If-None-Match": tag} if tag else {},
            server_hostname=node_id,
            allow_redirects=False,
        ) as response:
            if tag and response.status == HTTPStatus.NOT_MODIFIED:
                return None
            if response.status != HTTPStatus.OK:
                raise ValueError(f"it answers with {response.status}")
            data = await response.content.read(LARGEST_WORD_BYTES)
            while not response.content.at_eof():
                if len(data) >= LARGEST_WORD_BYTES:
                    raise ValueError("it says too much")
                data += await response.content.read(LARGEST_WORD_BYTES - len(data))
            word = decode_word(node_id, json.loads(data))
            self._tags[node_id] = response.headers.get("ETag", "")
            return word

    def _take(self, node_id: str, word: Word | None) -> None:
        was_heard = node_id in self._heard and node_id not in self.quiet
        self.expect(node_id)
        self._heard.add(node_id)
        if word is not None and self.words.get(node_id) != word:
            self.words[node_id] = word
            was_heard = False
        if not was_heard:
            self._changed()
