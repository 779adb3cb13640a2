"""`PulseChild`: the pulse as a process of the agent's, told and watched by it."""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Final

from tandem.clock import Clock
from tandem.node.children import health
from tandem.node.children.child import Child, launch
from tandem.node.children.health import Condition, Patience
from tandem.node.children.lines import log_entry
from tandem.node.pulse.link import PulseEndedError
from tandem.node.pulse.messages import MessageError, Orders, Report, parse_report

log = logging.getLogger("tandem.pulse")

COMMAND: Final = (sys.executable, "-m", "tandem.node.pulse")

PATIENCE: Final = Patience(
    hung_us=5_000_000, lost_us=10_000_000, start_us=60_000_000, end_us=15_000_000
)


class PulseChild:
    """See `PulseLink`. There is a process while it runs.

    Args:
        clock: of the node.
        command: what is started.
        patience: with a pulse that is silent.
    """

    def __init__(
        self, clock: Clock, command: Sequence[str] = COMMAND, patience: Patience = PATIENCE
    ) -> None:
        self._clock, self._command, self._patience = clock, command, patience
        self._orders: Orders | None = None
        self._ordered = asyncio.Event()
        self._signs = health.Signs(0, 0)
        self._level = logging.WARNING

    def order(self, orders: Orders) -> None:
        """See `PulseLink.order`."""
        if orders != self._orders:
            self._orders = orders
            self._ordered.set()

    async def run(self, tell: Callable[[Report], None]) -> None:
        """See `PulseLink.run`."""
        await self._ordered.wait()
        try:
            process = await launch(self._command)
        except OSError as problem:
            raise PulseEndedError(f"The pulse cannot be started: {problem}") from problem
        now_us = self._clock.boot_us()
        self._signs = health.Signs(now_us, now_us)
        async with asyncio.TaskGroup() as tasks:
            child = Child(process, tasks)
            child.read(lambda line: self._take(line, tell), self._log)
            try:
                await self._attend(child)
            finally:
                is_lost = self._condition() is Condition.LOST
                await child.end(0 if is_lost else self._patience.end_us / 1e6)

    async def _attend(self, child: Child) -> None:
        """Tell it the orders again and again: they are the agent's sign of life."""
        life = b""
        while not child.ended.done():
            self._signs = health.looked(self._signs, self._clock.boot_us())
            if self._condition() is Condition.LOST:
                raise PulseEndedError(f"The pulse (process {child.pid}) hangs.")
            if self._orders is not None:
                life = b" " if not life else b""  # so that a line is never the one before
                child.order(self._orders.encode() + life)
            await asyncio.wait([child.ended], timeout=health.TICK_US / 1e6)
        raise PulseEndedError(
            f"The pulse (process {child.pid}) has ended, with status {child.ended.result()}."
            " The log may say why, just before this."
        )

    def _condition(self) -> Condition:
        return health.condition(self._signs, self._clock.boot_us(), self._patience)

    def _take(self, line: bytes, tell: Callable[[Report], None]) -> None:
        try:
            report = parse_report(line)
        except MessageError as problem:  # and so it is silent
            log.error("%s", problem)
            return
        self._signs = health.heard(self._signs, self._clock.boot_us())
        tell(report)

    def _log(self, line: bytes) -> None:
        self._level, text = log_entry(line, self._level)
        log.log(self._level, "%s", text)
