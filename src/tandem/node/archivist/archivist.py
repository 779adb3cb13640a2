"""One archivist: its parts put together, from the opened volumes to the open ports."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tandem.archive.archive import Archive
from tandem.clock import Clock
from tandem.node.archivist.client import HttpsPeers
from tandem.node.archivist.dropping import Dropper
from tandem.node.archivist.healing import Healer
from tandem.node.archivist.holdings import Holdings
from tandem.node.archivist.listening import Listening, listen
from tandem.node.archivist.promises import Promiser
from tandem.node.archivist.service import Service
from tandem.node.archivist.throttle import Throttle
from tandem.node.archivist.view import Address, View
from tandem.node.tls import client_context, server_context


@dataclass(frozen=True, slots=True)
class Settings:
    """Who an archivist is, and what it may take.

    Attributes:
        node_id: this node.
        links: where to listen, one address a link; port 0 takes any.
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate.
        healing_bytes_s: how fast it may fetch: a quarter of what disk and link can do.
    """

    node_id: str
    links: Sequence[Address]
    authority: Path
    credentials: Path
    healing_bytes_s: int


@dataclass(frozen=True, slots=True)
class Archivist:
    """The parts of an archivist that answers already.

    Attributes:
        listening: the links.
        holdings: what this node has.
        peers: the other nodes.
        promiser: the primary's side.
        dropper: the second's side.
        healer: fetches what lacks.
    """

    listening: Listening
    holdings: Holdings
    peers: HttpsPeers
    promiser: Promiser
    dropper: Dropper
    healer: Healer

    @property
    def addresses(self) -> Sequence[Address]:
        """Where it listens now."""
        return self.listening.addresses

    async def run(self) -> None:
        """Listen, drop what is promised, and heal what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.listening.keep_trying())
            group.create_task(self.dropper.run())
            group.create_task(self.healer.run())


@asynccontextmanager
async def open_archivist(
    settings: Settings, archive: Archive, view: View, clock: Clock
) -> AsyncGenerator[Archivist, None]:
    """Answer other nodes for as long as the context lasts.

    Args:
        settings: who it is.
        archive: the volumes, mounted for this process.
        view: the cluster.
        clock: of this node.

    Raises:
        AuthorityError: a certificate is missing or damaged.
    """
    serving = server_context(settings.authority, settings.credentials)
    asking = client_context(settings.authority, settings.credentials)
    node_id, holdings = settings.node_id, Holdings(archive)
    async with HttpsPeers(asking, view.addresses) as peers:
        throttle = Throttle(settings.healing_bytes_s, clock)
        healer = Healer(node_id, holdings, view, peers, throttle)
        promiser = Promiser(node_id, holdings, view, clock, healer.want)
        dropper = Dropper(node_id, holdings, view, peers, clock)
        application = Service(node_id, view, holdings, promiser).application()
        async with listen(application, settings.links, serving) as listening:
            yield Archivist(listening, holdings, peers, promiser, dropper, healer)
