"""What the store says of cameras, placements and nodes, followed as it changes."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from tandem.cluster import keys
from tandem.cluster.exclusive.values import Owner
from tandem.cluster.intent import Intent
from tandem.cluster.joining import Invitation, Removal
from tandem.cluster.model import Camera, Node, Placement, Session
from tandem.cluster.node_report import NodeReport
from tandem.cluster.order import Order
from tandem.cluster.plan.resource import Resource
from tandem.cluster.wish import decode_wish
from tandem.node.agent.shelf import Shelf
from tandem.node.control.agreed import Agreed
from tandem.node.store.errors import StoreRefusedError
from tandem.node.store.follow import follow
from tandem.node.store.model import Entry
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

_KEPT: Final = {keys.CAMERAS, keys.PLACEMENTS, keys.NODES, keys.REMOVED}

REFUSED_S: Final = 5.0
"""How often a store is tried that would not have us: somebody has to mend a certificate first."""


class Catalogue:
    """The newest view of the store.

    Args:
        store: to be followed.
        random: jitters the retries.
        changed: called after each change of cameras, placements or nodes, at once; must not block.

    Attributes:
        cameras: by id.
        placements: by camera.
        nodes: by id.
        sessions: by node.
        intents: by node, what the operator has said of it.
        resources: their definitions, by id.
        orders: where each is to run, by resource.
        owners: who has each, by resource.
        wishes: where an operator wants each for a while, by resource.
        reports: by node, what it says of itself.
        removed: nodes that were taken out of the cluster, by id.
        invitations: of servers that may join, by id.
        refusal: why the store would not have us; "" if it would.
    """

    def __init__(self, store: Store, random: Random, changed: Callable[[], None]) -> None:
        self.cameras = Shelf(keys.CAMERAS, Camera.decode)
        self.placements = Shelf(keys.PLACEMENTS, Placement.decode)
        self.nodes = Shelf(keys.NODES, Node.decode)
        self.sessions = Shelf(keys.SESSIONS, Session.decode)
        self.intents = Shelf(keys.INTENTS, Intent.decode)
        self.resources = Shelf(keys.RESOURCES, Resource.decode)
        self.orders = Shelf(keys.ORDERS, Order.decode)
        self.owners = Shelf(keys.OWNERS, Owner.decode)
        self.wishes = Shelf(keys.WISHES, decode_wish)
        self.reports = Shelf(keys.REPORTS, NodeReport.decode)
        self.removed = Shelf(keys.REMOVED, Removal.decode)
        self.invitations = Shelf(keys.INVITATIONS, Invitation.decode)
        self.refusal = ""
        self._store = store
        self._random = random
        self._changed = changed
        self._listed: set[str] = set()
        self._kept: dict[str, Mapping[str, Entry]] = {}

    @property
    def is_current(self) -> bool:
        """Whether all of it has been read from the store in this process's life."""
        return len(self._listed) == len(self.shelves)

    @property
    def problems(self) -> list[str]:
        """What stands in the store and cannot be used, in sentences."""
        found = [why for shelf in self.shelves for why in shelf.problems.values()]
        return [self.refusal, *found] if self.refusal else found

    @property
    def agreed(self) -> Agreed:
        """What those are told who ask how the cluster is."""
        return Agreed(
            list(self.cameras.values.values()),
            self.placements.values,
            list(self.nodes.values.values()),
            {node_id: it.service for node_id, it in self.intents.values.items()},
            self.resources.values,
            self.orders.values,
            self.owners.values,
            self.wishes.values,
        )

    @property
    def worth_remembering(self) -> dict[str, Entry]:
        """What a node needs to record without the store: cameras, placements, other nodes."""
        return {key: entry for kept in self._kept.values() for key, entry in kept.items()}

    def recall(self, entries: Mapping[str, Entry]) -> None:
        """Begin with what was remembered; the store's own word replaces it."""
        for shelf in (self.cameras, self.placements, self.nodes, self.removed):
            shelf.take({key: it for key, it in entries.items() if key.startswith(shelf.prefix)})
        self._changed()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for shelf in self.shelves:
                tasks.create_task(self._keep_following(shelf), name=f"follow {shelf.prefix}")

    @property
    def shelves(self) -> tuple[Shelf[Any], ...]:
        """All of them."""
        return (
            self.cameras,
            self.placements,
            self.nodes,
            self.sessions,
            self.intents,
            self.resources,
            self.orders,
            self.owners,
            self.wishes,
            self.reports,
            self.removed,
            self.invitations,
        )

    async def _keep_following(self, shelf: Shelf[Any]) -> None:
        while True:
            try:
                await self._follow(shelf)
            except* StoreRefusedError as refused:
                self.refusal = str(refused.exceptions[0])
                log.error("the store refuses this node: %s", self.refusal)
            task = asyncio.current_task()
            if task and task.cancelling():  # a refusal that crosses a cancellation swallows it
                raise asyncio.CancelledError
            await asyncio.sleep(REFUSED_S)

    async def _follow(self, shelf: Shelf[Any]) -> None:
        async with follow(self._store, shelf.prefix, self._random) as views:
            async for snapshot in views:
                self.refusal = ""
                is_first = shelf.prefix not in self._listed
                self._listed.add(shelf.prefix)
                has_changed = shelf.take(snapshot.entries)
                if shelf.prefix in _KEPT:
                    self._kept[shelf.prefix] = snapshot.entries
                    if has_changed or is_first:
                        self._changed()
                elif is_first and self.is_current:
                    self._changed()
