"""Who is there, and what they have: the recordings of a cluster, as one node sees them."""

import asyncio
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tandem.archive.export.source import Unreachable
from tandem.archive.rows import Extent, Interval
from tandem.clock import Clock
from tandem.node.agent.memory import remembered_peers
from tandem.node.archivist.client import HttpsPeers
from tandem.node.archivist.errors import PeerError
from tandem.node.archivist.messages import Inventory
from tandem.node.archivist.view import ARCHIVIST_PORT, Address
from tandem.node.home import Home
from tandem.node.joining.peers import addresses_of
from tandem.node.retrieval.asking import Asking
from tandem.node.retrieval.remote import RemoteSource
from tandem.node.settings import NodeSettings
from tandem.node.tls import client_context

SUSPECTED_S: Final = 1.0
"""How long a node is waited for that is suspected: one that is up answers in some milliseconds, and
for one that is off its connections would be waited for, three seconds and more."""


class RetrievalError(Exception):
    """The cluster's recordings cannot be asked for; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """What the nodes that answer have.

    Attributes:
        asking: how they are asked.
        sources: one for each of them.
        extents: of each stream that it knows, by node.
        unreachable: nodes that do not answer, and volumes that cannot be read.
    """

    asking: Asking
    sources: Sequence[RemoteSource]
    extents: Mapping[str, Sequence[Extent]]
    unreachable: Sequence[Unreachable]

    @property
    def camera_ids(self) -> set[str]:
        """The cameras of which any of them knows anything."""
        return {extent.camera_id for extents in self.extents.values() for extent in extents}

    def streams(self, camera_id: str) -> list[str]:
        """The streams of a camera of which any of them knows anything."""
        everything = [extent for extents in self.extents.values() for extent in extents]
        return sorted({extent.stream for extent in everything if extent.camera_id == camera_id})

    def extent(self, camera_id: str, stream: str) -> Interval | None:
        """From when to when anything is known of a stream, holes included."""
        found = [
            extent
            for extents in self.extents.values()
            for extent in extents
            if (extent.camera_id, extent.stream) == (camera_id, stream)
        ]
        if not found:
            return None
        return Interval(min(one.from_us for one in found), max(one.to_us for one in found))


@contextmanager
def open_recordings(
    settings: NodeSettings, clock: Clock, random: Random, suspected: Collection[str] = ()
) -> Iterator[Recordings]:
    """Ask all nodes what they have; they can be read for as long as the context lasts. Blocks.

    Args:
        settings: of this node: who there is.
        clock: of this node.
        random: jitter of repeated questions.
        suspected: nodes that this node does not hear: they are asked, and not waited for long.

    Raises:
        RetrievalError: this node cannot ask anybody.
        AuthorityError: one of its certificates is damaged.
    """
    home = Home(settings.data)
    for path in (home.authority, home.credentials):
        _check_readable(path)
    addresses = {
        settings.node_id: [Address(link.address, ARCHIVIST_PORT) for link in settings.links]
    }
    addresses |= addresses_of(remembered_peers(settings), ARCHIVIST_PORT)
    tls = client_context(home.authority, home.credentials)
    with Asking(tls, addresses) as asking:
        told = asking.ask(lambda peers: _take_inventories(peers, sorted(addresses), suspected))
        extents: dict[str, Sequence[Extent]] = {}
        unreachable: list[Unreachable] = []
        for node_id, answer in told.items():
            if isinstance(answer, str):
                unreachable.append(Unreachable(node_id, answer))
            else:
                extents[node_id] = answer.extents
                unreachable += [Unreachable(node_id, reason) for reason in answer.unreadable]
        sources = [
            RemoteSource(node_id, known, asking, clock, random)
            for node_id, known in extents.items()
        ]
        yield Recordings(asking, sources, extents, unreachable)


async def _take_inventories(
    peers: HttpsPeers, nodes: Sequence[str], suspected: Collection[str]
) -> dict[str, Inventory | str]:
    """Ask all nodes at once; of one that does not answer the reason."""

    async def take(node_id: str) -> Inventory | str:
        try:
            async with asyncio.timeout(SUSPECTED_S if node_id in suspected else None):
                return await peers.inventory(node_id)
        except PeerError as problem:
            return str(problem)
        except TimeoutError:
            return (
                f"Node {node_id} is heard on no link, and its archivist did not answer within "
                f"{SUSPECTED_S:.0f} s."
            )

    async with asyncio.TaskGroup() as group:
        asked = {node_id: group.create_task(take(node_id)) for node_id in nodes}
    return {node_id: task.result() for node_id, task in asked.items()}


def _check_readable(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        raise RetrievalError(
            f"You may not read {path}, with which this node shows who it is: run this with sudo."
        ) from None
    except OSError as error:
        raise RetrievalError(
            f"{path}: {error.strerror}. Without it this node cannot ask for recordings; has it "
            f"joined a cluster? See 'data' in its node.toml."
        ) from error
