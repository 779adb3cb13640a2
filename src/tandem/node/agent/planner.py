"""Planning who records what, where it is this node's turn."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.placement import Plan, View
from tandem.cluster.plan.saved import CameraInput
from tandem.cluster.plan.view import Service
from tandem.cluster.replanning import Replanning
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.decisions import Note
from tandem.node.agent.planning import writes
from tandem.node.agent.presence import Presence
from tandem.node.store.errors import StoreError
from tandem.node.store.model import unchanged
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

LOOK_S: Final = 0.25
"""How often it is looked whether there is anything to plan; a camera that was entered waits so
long for its nodes."""


_UNREAD: Final = (
    "Nothing is planned: the entry of node {} cannot be read here. Run the same release on all"
    " nodes."
)


class Seat(Protocol):
    """Whether this node is the one that plans."""

    @property
    def is_fresh(self) -> bool:
        """Whether this node's session was renewed a moment ago."""
        ...

    @property
    def coordinates(self) -> int | None:
        """The revision by which it is the coordinator; None: it is not."""
        ...


class Planner:
    """Plans when anything has changed that a plan depends on.

    Args:
        store: where plans are written.
        catalogue: what there is.
        suspected: the nodes that this node suspects now.
        seat: whether this node is the coordinator.
        clock: of this node.
        note: keeps what plans are made from.

    Attributes:
        concerns: what the administrator should know, in sentences; none where another node plans.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        suspected: Callable[[], frozenset[str]],
        seat: Seat,
        clock: Clock,
        note: Note,
    ) -> None:
        self.concerns: tuple[str, ...] = ()
        self._store = store
        self._catalogue = catalogue
        self._suspected = suspected
        self._seat = seat
        self._clock = clock
        self._note = note
        self._replanning = Replanning()
        self._presence = Presence()
        self._planned: object = None

    async def run(self) -> None:
        """Plan until cancelled."""
        while True:
            if self._catalogue.is_current:
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Plan now, if anything has changed that a plan depends on."""
        catalogue, now_us = self._catalogue, self._clock.boot_us()
        nodes = catalogue.nodes.values
        if not self._seat.is_fresh:  # who is cut off finds everybody else gone
            self._presence, self._planned, self.concerns = Presence(), None, ()
            return
        self._presence.look(nodes, catalogue.sessions.values, now_us)
        if unread := catalogue.nodes.unread:
            self.concerns = (_UNREAD.format(min(unread)),)
            return
        seat = self._seat.coordinates
        if seat is None:
            self.concerns, self._planned = (), None
            return
        down = self._down()
        revisions = dict(catalogue.placements.revisions)
        basis = (
            seat,
            dict(catalogue.cameras.revisions),
            revisions,
            dict(catalogue.nodes.revisions),
            dict(catalogue.intents.revisions),
            down,
        )
        if basis == self._planned:
            return
        made = await self._plan(down)
        if await self._write(made, revisions, down, seat):
            self._planned = basis

    def _down(self) -> frozenset[str]:
        return self._presence.down(self._suspected(), self._clock.boot_us())

    async def _plan(self, down: frozenset[str]) -> Plan:
        """In a thread: ten thousand cameras take up to a second."""
        catalogue = self._catalogue
        recording = tuple(node for node in catalogue.nodes.values.values() if node.streams)
        draining = frozenset(
            node_id
            for node_id, intent in catalogue.intents.values.items()
            if intent.service is not Service.NORMAL
        )
        view = View(recording, dict(catalogue.placements.values), down, draining)
        known = catalogue.cameras.values.values()
        wanted = tuple(camera for camera in known if not camera.removed)
        made = await asyncio.to_thread(self._replanning.plan, view, wanted)
        self._note(CameraInput(view, wanted), made)
        self.concerns = tuple(str(concern) for concern in made.concerns)
        # Of a camera that this release cannot read, others may well know who is to record it.
        gone = {camera.camera_id for camera in known if camera.removed}
        return replace(made, removed=tuple(name for name in made.removed if name in gone))

    async def _write(
        self, made: Plan, revisions: dict[str, int], down: frozenset[str], seat: int
    ) -> bool:
        """Write what has changed, as long as it is true; returns whether all of it was written."""
        holds = unchanged(keys.key(keys.OWNERS, COORDINATOR), seat)
        try:
            for transaction in writes(made, revisions):
                if not self._seat.is_fresh or self._down() != down:
                    return False
                compares = (*transaction.compares, holds)
                outcome = await self._store.transact(replace(transaction, compares=compares))
                if not outcome.succeeded:
                    return False  # another node has planned, or coordinates
        except StoreError as problem:
            log.warning("a plan could not be written, and is made again: %s", problem)
            return False
        for placement in made.changed:
            choices = "; ".join(map(str, made.why[placement.camera_id]))
            log.info("camera %s: %s", placement.camera_id, choices)
        return True
