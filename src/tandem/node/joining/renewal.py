"""This node's certificate, renewed before it ends, by the authority's key in the store.

A new key comes with it. The contexts of this process take it for new connections, and so does the
store's member, which reads the file each time; open connections go on. Other processes of this node
take it when they begin, for which they have the last third of its life.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tandem.clock import Clock
from tandem.cluster.document import StoredValueError
from tandem.node.authority import (
    AuthorityError,
    Credentials,
    create_key,
    expires_utc_us,
    fingerprint,
    needs_renewal,
    public_key,
)
from tandem.node.home import Home
from tandem.node.joining.signing import authority_of
from tandem.node.secret_file import write_secret
from tandem.node.settings import NodeSettings
from tandem.node.store.errors import StoreError
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

LOOK_S: Final = 3600.0
DAY_US: Final = 86_400_000_000
WARNING_DAYS: Final = 365
"""How long before its end the authority is complained of: nothing renews that by itself."""

URGENT_DAYS: Final = 60
"""A certificate that is so near its end could not be renewed for half a year."""


@dataclass(slots=True)
class Renewal:
    """Renews a node's certificate.

    Args:
        settings: of the node.
        store: where the authority's key is.
        cluster_key: opens it.
        contexts: of this process, which are to show the new one.
        enter: lets the others know the fingerprint of the new one.
        clock: of this node.

    Attributes:
        problems: what the administrator should know, in sentences.
    """

    settings: NodeSettings
    store: Store
    cluster_key: bytes = field(repr=False)
    contexts: Sequence[ssl.SSLContext]
    enter: Callable[[str], Awaitable[None]]
    clock: Clock
    problems: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Look each hour until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Renew the certificate if it is time, and note what ends soon."""
        home = Home(self.settings.data)
        addresses = tuple(link.address for link in self.settings.links)
        certificate = await asyncio.to_thread(home.credentials.read_bytes)
        problem = ""
        if needs_renewal(certificate, addresses, self.clock):
            try:
                certificate = await self._renew(home, addresses)
            except (StoreError, StoredValueError, AuthorityError, OSError) as error:
                problem = str(error)
                log.warning("this node's certificate cannot be renewed yet: %s", problem)
        authority = await asyncio.to_thread(home.authority.read_bytes)
        self.problems = self._problems(certificate, authority, problem)
        for sentence in self.problems:
            log.error("%s", sentence)

    async def _renew(self, home: Home, addresses: tuple[str, ...]) -> bytes:
        authority = await authority_of(self.store, self.cluster_key)
        key = create_key()
        issued = authority.issue(self.settings.node_id, addresses, public_key(key), self.clock)
        made = Credentials(key, issued)
        await asyncio.to_thread(write_secret, home.credentials, made.pem)
        for context in self.contexts:
            context.load_cert_chain(home.credentials)
        await self.enter(fingerprint(issued))
        log.info("this node has a new certificate")
        return made.pem

    def _problems(self, certificate: bytes, authority: bytes, problem: str) -> list[str]:
        found = []
        left_days = (expires_utc_us(certificate) - self.clock.utc_us()) // DAY_US
        if left_days < URGENT_DAYS:
            found.append(
                f"This node's certificate ends in {left_days} days, and could not be renewed:"
                f" {problem or 'nobody signed it'}"
            )
        left_days = (expires_utc_us(authority) - self.clock.utc_us()) // DAY_US
        if left_days < WARNING_DAYS:
            found.append(
                f"The certificate of the cluster's authority ends in {left_days} days; no node"
                " talks to another one after that. Make a new cluster before."
            )
        return found
