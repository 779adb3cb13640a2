"""`Running`: one resource on this node, from before its start until its proven stop.

No two calls to a resource run at the same time: a stop cuts short whatever else is under way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from tandem.clock import Clock
from tandem.cluster.exclusive.values import Token
from tandem.resources.kind import ExtendError, Grip, Resource, ResourceError

_T = TypeVar("_T")

START_US: Final = 30_000_000
"""For a start."""

ASK_US: Final = 10_000_000
"""For an orderly end that nobody waits for."""

PROOF_US: Final = 5_000_000
"""And for its proof, then."""

HEALTH_S: Final = 1.0
"""How often it is looked at."""

HEALTH_US: Final = 3_000_000
"""For an answer."""

BAD_ANSWERS: Final = 2
"""In a row: one may be chance."""


class Running:
    """One resource, as the pulse keeps it.

    Args:
        resource: starts and stops it.
        grip: prolongs it.
        clock: CLOCK_BOOTTIME.
        tasks: its calls are made there.

    Attributes:
        problem: what is wrong with it, as a sentence; "" if nothing is known to be.
        is_stopping: whether it is to end.
    """

    def __init__(
        self, resource: Resource, grip: Grip, clock: Clock, tasks: asyncio.TaskGroup
    ) -> None:
        self.problem = ""
        self.is_stopping = False
        self._resource, self._grip, self._clock = resource, grip, clock
        self._tasks = tasks
        self._under_way: asyncio.Task[Any] | None = None
        self._by_us: int | None = None
        self._stopped: asyncio.Task[ResourceError | None] | None = None

    async def start(self, token: Token, until_us: int) -> None:
        """Start it. Cancelled if it is to stop meanwhile.

        Raises:
            StartError: it does not run.
        """
        by_us = self._clock.boot_us() + START_US
        await self._alone(partial(self._resource.start, token, until_us, by_us))

    async def watch(self) -> str:
        """Wait until it is not well any more; why, as a sentence. Cancelled if it is to stop."""
        bad = 0
        while not self.is_stopping:
            await self._alone(partial(asyncio.sleep, HEALTH_S))
            by_us = self._clock.boot_us() + HEALTH_US
            health = await self._alone(partial(self._resource.health, by_us))
            bad = 0 if health.is_well else bad + 1
            if bad >= BAD_ANSWERS:
                return health.said
        raise asyncio.CancelledError  # told to stop before it was looked at for the first time

    def extend(self, until_us: int) -> None:
        """Put its end in the kernel off. Never waits."""
        if self.is_stopping:
            return
        try:
            self._grip.extend(until_us)
        except ExtendError as problem:
            self.problem = str(problem)
        else:
            self.problem = ""

    async def stop(self, by_us: int | None, proof_us: int) -> None:
        """Stop it, and prove it. Again, with less time, it is to be sooner.

        Args:
            by_us: it is asked to end until then, and killed then; None: in its own time.
            proof_us: for the proof, after that.

        Raises:
            StopUnproven: it may still run.
        """
        is_sooner = by_us is not None and (self._by_us is None or by_us < self._by_us)
        self._by_us = by_us if is_sooner else self._by_us
        if self._under_way is not None and (is_sooner or not self.is_stopping):
            self._under_way.cancel()
        self.is_stopping = True
        if self._stopped is None:
            self._stopped = self._tasks.create_task(_caught(partial(self._stop, proof_us)))
        stopped = self._stopped
        try:
            problem = await asyncio.shield(stopped)
        finally:
            if stopped.done() and self._stopped is stopped:
                self._stopped = None
        if problem is not None:
            raise problem

    async def _stop(self, proof_us: int) -> None:
        """Stop it by the newest deadline."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way])
        while True:
            by_us, now_us = self._by_us, self._clock.boot_us()
            ask_until_us = now_us + ASK_US if by_us is None else by_us
            proven_us = max(now_us, ask_until_us) + (PROOF_US if by_us is None else proof_us)
            try:
                await self._alone(partial(self._resource.stop, ask_until_us, proven_us))
            except asyncio.CancelledError:
                if self._by_us == by_us:
                    raise
            else:
                self._grip.close()
                return

    async def _alone(self, call: Callable[[], Awaitable[_T]]) -> _T:
        under_way = self._tasks.create_task(_caught(call))
        self._under_way = under_way
        try:
            done = await under_way
        finally:
            if self._under_way is under_way and under_way.done():
                self._under_way = None
        if isinstance(done, ResourceError):
            raise done
        return done


async def _caught(call: Callable[[], Awaitable[_T]]) -> _T | ResourceError:
    """What comes of a call: that a resource fails is no failure of the pulse."""
    try:
        return await call()
    except ResourceError as problem:
        return problem
