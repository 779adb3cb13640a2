"""The archivist of a node, kept running by its agent."""

import json
import sys
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from tandem.clock import Clock
from tandem.node.archivist.orders import ArchivistOrders, encode_orders, needs_another_process
from tandem.node.archivist.process import STATUS_VERSION
from tandem.node.children.slot import ChildReport, Kind, Slot, StatusError

COMMAND: Final = (sys.executable, "-m", "tandem.node.archivist")

Json = dict[str, Any]


class ArchivistChild:
    """Keeps the archivist running on the newest orders. There is a process once it has any.

    Args:
        clock: of the node.
        random: jitters the restarts.
        command: what is started.
    """

    def __init__(self, clock: Clock, random: Random, command: Sequence[str] = COMMAND) -> None:
        kind: Kind[ArchivistOrders, Json] = Kind(
            name="The archivist",
            log="tandem.archivist",
            command=command,
            encode=encode_orders,
            needs_another=needs_another_process,
            parse=parse_status,
        )
        self._slot = Slot(kind, clock, random)

    def order(self, orders: ArchivistOrders) -> None:
        """What is wanted from now on; what is the same goes on undisturbed."""
        self._slot.order(orders)

    def report(self) -> ChildReport[Json]:
        """How it is now; its status is the line that it said last."""
        return self._slot.report()

    def document(self) -> Json:
        """The same as JSON values."""
        report = self.report()
        return {
            "condition": report.condition,
            "pid": report.pid,
            "restarts": report.restarts,
            "problem": report.problem,
            "state": report.status,
        }

    async def run(self) -> None:
        """Keep the process running until cancelled, which ends it in good order."""
        await self._slot.run()


def parse_status(line: bytes) -> Json:
    """Read an archivist's line.

    Raises:
        StatusError: it is none, or of another version.
    """
    try:
        text = json.loads(line)
        version = text["version"]
    except (ValueError, KeyError, TypeError) as problem:
        raise StatusError(f"The archivist wrote what is no status ({problem!r}).") from None
    if version != STATUS_VERSION:
        raise StatusError(
            f"The archivist wrote a status of version {version}, not {STATUS_VERSION}."
        )
    return dict(text)
