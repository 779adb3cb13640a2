"""`Standing`: resources that stand ready, so that a start takes no longer than it must.

What a start needs takes a tenth of a second to begin, and many on a busy machine; the guarantee for
which it starts runs out meanwhile. So it begins where an order names this node, before its turn.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tandem.clock import Clock
from tandem.resources.kind import Resource, ResourceError

if TYPE_CHECKING:
    from tandem.cluster.plan.resource import Resource as Definition

log = logging.getLogger(__name__)

AGAIN_US: Final = 5_000_000
"""Between two looks whether it still stands."""

PREPARE_US: Final = 10_000_000
"""For it to stand: whoever starts it meanwhile waits for it, and would begin with the same."""


@dataclass(slots=True)
class _Ready:
    """One of them.

    Attributes:
        definition: by which it was made.
        resource: it.
        under_way: the look at it, or the last one.
        due_us: when the next one is.
        problem: why it does not stand; "" if it does.
    """

    definition: "Definition"
    resource: Resource
    under_way: asyncio.Task[None] | None = None
    due_us: int = 0
    problem: str = ""


class Standing:
    """All of one node.

    Args:
        make: a resource by its definition; raises `ResourceError` where that cannot be.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, make: Callable[["Definition"], Resource], clock: Clock) -> None:
        self._make, self._clock = make, clock
        self._ready: dict[str, _Ready] = {}

    def expect(
        self,
        wanted: Mapping[str, "Definition"],
        busy: Collection[str],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Let these stand ready, and no others. Never waits.

        Args:
            wanted: by name.
            busy: what runs, starts or stops: it is left as it is.
            tasks: what takes time is done there.
        """
        for name in [it for it in self._ready if it not in wanted and it not in busy]:
            del self._ready[name]
        for name, definition in wanted.items():
            if name in busy:
                continue
            try:
                ready = self._of(definition)
            except ResourceError:
                continue  # a start says so
            is_under_way = ready.under_way is not None and not ready.under_way.done()
            if not is_under_way and self._clock.boot_us() >= ready.due_us:
                look = self._look(name, ready)
                ready.under_way = tasks.create_task(look, name=f"preparing {name}")

    async def taken(self, definition: "Definition") -> Resource:
        """What stands ready, to be started; else a new one. It has to be busy from before.

        Raises:
            ResourceError: it cannot be made.
        """
        ready = self._of(definition)
        if ready.under_way is not None:
            await asyncio.wait([ready.under_way])
        return ready.resource

    def _of(self, definition: "Definition") -> _Ready:
        name = definition.resource_id
        known = self._ready.get(name)
        if known is not None and _is_alike(known.definition, definition):
            return known
        self._ready[name] = _Ready(definition, self._make(definition))
        return self._ready[name]

    async def _look(self, name: str, ready: _Ready) -> None:
        problem = ""
        try:
            await ready.resource.prepare(self._clock.boot_us() + PREPARE_US)
        except ResourceError as found:
            problem = str(found)
        if problem and problem != ready.problem:
            log.warning("%s does not stand ready to be started: %s", name, problem)
        ready.problem = problem
        ready.due_us = self._clock.boot_us() + AGAIN_US


def _is_alike(one: "Definition", other: "Definition") -> bool:
    return (one.kind, one.options) == (other.kind, other.options)
