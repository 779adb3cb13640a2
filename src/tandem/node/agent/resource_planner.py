"""Planning where resources run, where it is this node's turn."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from tandem.clock import Clock
from tandem.cluster.document import StoredValueError
from tandem.cluster.model import SECOND_US
from tandem.cluster.plan.planner import Plan, plan
from tandem.cluster.plan.saved import ResourceInput
from tandem.cluster.plan.view import NodeChange
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.decisions import Note
from tandem.node.agent.planning import order_writes
from tandem.node.agent.resource_view import is_any, view_of, wanted_of
from tandem.node.store.errors import StoreError
from tandem.node.store.model import Compare
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

LOOK_S: Final = 0.25
"""How often it is looked whether there is anything to plan. Whoever dies is followed without."""

CHANGE_US: Final = 60 * SECOND_US
"""For so long a node that came or went counts as unrest (`plan.brake`)."""

Guard = Callable[[], Compare | None]
"""What each write of a plan has to compare, so that only who may plan does; None: do not plan."""

Json = dict[str, Any]


class ResourcePlanner:
    """Plans when anything has changed that a plan depends on, or its time has come.

    Args:
        store: where orders are written.
        catalogue: what there is.
        suspected: the nodes that this node suspects now.
        guard: see `Guard`.
        clock: of this node.
        note: keeps what plans are made from.

    Attributes:
        made: the last plan; None where another node plans.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        suspected: Callable[[], frozenset[str]],
        guard: Guard,
        clock: Clock,
        note: Note,
    ) -> None:
        self.made: Plan | None = None
        self._store = store
        self._catalogue = catalogue
        self._suspected = suspected
        self._guard = guard
        self._clock = clock
        self._note = note
        self._seen: frozenset[str] | None = None
        self._changes: tuple[NodeChange, ...] = ()
        self._planned: object = None

    @property
    def concerns(self) -> tuple[str, ...]:
        """What the administrator should know, in sentences; none where another node plans."""
        return tuple(str(it) for it in self.made.concerns) if self.made else ()

    async def run(self) -> None:
        """Plan until cancelled."""
        while True:
            if self._catalogue.is_current:
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Plan now, if there is reason to."""
        if self._guard() is None or self._catalogue.nodes.unread:
            self.made, self._planned, self._seen, self._changes = None, None, None, ()
            return
        suspected = self._suspected()
        self._note_changes(suspected)
        shelves = self._shelves()
        basis = (shelves, suspected)
        again_us = self.made.again_us if self.made else None
        is_due = again_us is not None and self._clock.utc_us() >= again_us
        if basis == self._planned and not is_due:
            return
        if not is_any(self._catalogue):
            self.made, self._planned = None, basis
            return
        view = view_of(self._catalogue, suspected, self._changes, self._clock.utc_us())
        wanted = wanted_of(self._catalogue)
        revisions = dict(self._catalogue.orders.revisions)
        made = await asyncio.to_thread(plan, view, wanted)
        if made.changed or made.removed:
            self._note(ResourceInput(view, wanted), made)
        if await self._write(made, revisions):
            self.made, self._planned = made, basis

    def document(self) -> Json | None:
        """What is planned, for the status; None where another node plans."""
        if self.made is None:
            return None
        return {
            "again_us": self.made.again_us,
            "resources": {
                name: {
                    "says": str(verdict),
                    "why": [str(choice) for choice in self.made.why.get(name, ())],
                }
                for name, verdict in self.made.verdicts.items()
            },
        }

    def _shelves(self) -> tuple[Mapping[str, int], ...]:
        """What a plan depends on, by revisions.

        Cameras weigh little and change often: they count whenever anything else has changed.
        """
        catalogue = self._catalogue
        return tuple(
            dict(it.revisions)
            for it in (
                catalogue.resources,
                catalogue.orders,
                catalogue.owners,
                catalogue.wishes,
                catalogue.reports,
                catalogue.nodes,
                catalogue.intents,
            )
        )

    def _note_changes(self, suspected: frozenset[str]) -> None:
        """Take note of who came and went. What an operator switches off is no unrest."""
        now_us = self._clock.utc_us()
        moved = suspected ^ self._seen if self._seen is not None else frozenset[str]()
        self._seen = suspected
        new = (NodeChange(it, now_us) for it in moved if it not in self._catalogue.intents.values)
        kept = (it for it in self._changes if abs(now_us - it.at_us) < CHANGE_US)
        self._changes = (*kept, *new)

    async def _write(self, made: Plan, revisions: Mapping[str, int]) -> bool:
        """Write what has changed, as long as this node plans; returns whether all was written."""
        try:
            for transaction in order_writes(made, revisions):
                guard = self._guard()
                if guard is None:
                    return False
                compares = (*transaction.compares, guard)
                outcome = await self._store.transact(replace(transaction, compares=compares))
                if not outcome.succeeded:
                    return False  # another node has planned, or the guard's key has just moved
        except (StoreError, StoredValueError) as problem:
            log.warning("a plan could not be written, and is made again: %s", problem)
            return False
        for name in made.changed:
            log.info("%s", made.verdicts.get(name, f"{name} is stopped, and removed."))
        return True
