"""`Recorders`: all recorder processes of a node, told what is wanted as it changes."""

import asyncio
import sys
from collections.abc import Sequence
from random import Random
from typing import Final

from tandem.clock import Clock
from tandem.node.children.health import PATIENCE, Patience
from tandem.node.children.slot import Kind, Slot
from tandem.node.recorders.report import NodeReport, Status, merge, parse_status
from tandem.node.recorders.spread import spread
from tandem.node.recorders.wanted import (
    Wanted,
    encode_orders,
    needs_another_process,
    orders_of,
)
from tandem.recording.orders import Orders

COMMAND: Final = (sys.executable, "-m", "tandem.recording.process")


class Recorders:
    """Keeps a node's recorders running.

    Level-triggered: whatever is wanted replaces all that was, and only what differs is touched. The
    processes are started when there is something wanted; one without cameras runs as well, since
    its start is what a camera that moves here would wait for.

    Args:
        count: of processes; one for each core.
        wanted: to begin with.
        clock: of the node.
        random: jitters the restarts.
        patience: with a process that is silent.
        command: what is started.

    Raises:
        ValueError: there is to be no process.
    """

    def __init__(
        self,
        count: int,
        wanted: Wanted,
        clock: Clock,
        random: Random,
        *,
        patience: Patience = PATIENCE,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._slots = [
            Slot(_kind(number, command, patience), clock, random) for number in range(1, count + 1)
        ]
        self._places: dict[str, int] = {}
        self.want(wanted)

    def want(self, wanted: Wanted) -> None:
        """Record this from now on; what is the same goes on undisturbed."""
        self._wanted = wanted
        self._places = spread(wanted.loads_mbps, len(self._slots), self._places)
        for place, slot in enumerate(self._slots):
            slot.order(orders_of(place, wanted, self._places))

    def report(self) -> NodeReport:
        """How each stream, volume and process is now."""
        return merge(self._wanted, self._places, [slot.report() for slot in self._slots])

    async def run(self) -> None:
        """Keep the processes running until cancelled.

        Then each closes its files and ends; who has not within `Patience.end_us` is killed.
        """
        async with asyncio.TaskGroup() as tasks:
            for slot in self._slots:
                tasks.create_task(slot.run())


def _kind(number: int, command: Sequence[str], patience: Patience) -> Kind[Orders, Status]:
    """A recorder, counted from 1: messages, log and `tandem status` call it by that number."""
    return Kind(
        name=f"Recorder {number}",
        log=f"tandem.recorder.{number}",
        command=command,
        encode=encode_orders,
        needs_another=needs_another_process,
        parse=parse_status,
        patience=patience,
    )
