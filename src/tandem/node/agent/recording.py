"""The recorders of a node, as soon as there is a volume to record to."""

import asyncio
from random import Random
from typing import Final

from tandem.clock import Clock
from tandem.node.recorders.recorders import Recorders
from tandem.node.recorders.report import NodeReport
from tandem.node.recorders.wanted import Wanted

MOST_PROCESSES: Final = 16
"""One a core, up to here: sixteen take thousands of cameras, more than any disk."""


class Recording:
    """Keeps recorders running, from the first volume on.

    Args:
        cores: how many this machine has.
        clock: of this node.
        random: jitters their restarts.
    """

    def __init__(self, cores: int, clock: Clock, random: Random) -> None:
        self._count = min(cores, MOST_PROCESSES)
        self._clock = clock
        self._random = random
        self._wanted: Wanted | None = None
        self._is_wanted = asyncio.Event()
        self._recorders: Recorders | None = None

    def want(self, wanted: Wanted) -> None:
        """Record this from now on."""
        self._wanted = wanted
        self._is_wanted.set()
        if self._recorders:
            self._recorders.want(wanted)

    def report(self) -> NodeReport | None:
        """How each stream, volume and process is now; None while nothing was ever wanted."""
        return self._recorders.report() if self._recorders else None

    async def run(self) -> None:
        """Record until cancelled."""
        await self._is_wanted.wait()
        if self._wanted:
            self._recorders = Recorders(self._count, self._wanted, self._clock, self._random)
            await self._recorders.run()
