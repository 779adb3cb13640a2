"""`NodeHands`: resources of a real node, started and stopped by their kinds; fencing, messages."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final

from tandem.clock import Clock
from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.exclusive.events import (
    Entitled,
    Event,
    Fence,
    Fenced,
    FencingFailed,
    Message,
    Start,
    Started,
    StartFailed,
    Stop,
    StopFailed,
    Stopped,
)
from tandem.cluster.exclusive.timing import Timing
from tandem.cluster.exclusive.values import Token
from tandem.cluster.order import Mode
from tandem.node.pulse.fencing import Fencing, only_say
from tandem.node.pulse.leftovers import Leftovers
from tandem.node.pulse.running import PROOF_US, Running
from tandem.node.pulse.standing import Standing
from tandem.node.pulse.unwell import until_unwell
from tandem.resources.checks.options import Check, read_checks
from tandem.resources.kind import (
    Kind,
    LateStartError,
    OptionError,
    Place,
    Resource,
    ResourceError,
    StopUnproven,
)
from tandem.resources.kinds import KINDS
from tandem.resources.process.ending import end

if TYPE_CHECKING:
    from tandem.cluster.plan.resource import Resource as Definition

log = logging.getLogger(__name__)

DEFINITION_S: Final = 1.0
"""How long a start waits for its definition: it is followed apart from the orders."""

LATE_US: Final = 5_000_000
"""How long a start is tried that fails for want of time alone: a busy machine, a slow store. It is
no failure of the resource, and the next node is as likely to be late."""

LOOK_S: Final = 0.02
AGAIN_S: Final = 0.5

_EARLY: Final = Token(0, 0)
"""Of a soft resource that is started before the store's word; every later one is greater."""


class NodeHands:
    """Carries out what the engine decides on a node.

    Args:
        place: where this node keeps things; None: nothing can be kept running here.
        no_place: why not.
        timing: of the cluster.
        clock: of this node.
        fencing: ends machines.
        send: sends a message to a node.
        kinds: what can be kept running.

    Attributes:
        definitions: of all resources, by name, as they are known.
        tell: hears what happens to a resource by itself.
        unproven: what cannot be proven stopped at the beginning; "" if all is.
    """

    def __init__(
        self,
        place: Place | None,
        no_place: str,
        timing: Timing,
        clock: Clock,
        fencing: Fencing,
        send: Callable[[str, Message], None],
        kinds: Mapping[str, Kind] = KINDS,
    ) -> None:
        self.definitions: Mapping[str, Definition] = {}
        self.tell: Callable[[Event], None] = lambda _: None
        self.unproven = ""
        self._place, self._no_place = place, no_place
        self._timing, self._clock, self._fencing = timing, clock, fencing
        self._send, self._kinds = send, kinds
        self._leftovers = Leftovers(place, kinds) if place else None
        self._running: dict[str, Running] = {}
        self._standing = Standing(self._resource_of, clock)
        self._never_started: set[int] = set()
        self._starting: dict[int, str] = {}
        self._failures: dict[str, str] = {}
        self._until_us = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._watching: set[asyncio.Task[None]] = set()

    def problem_of(self, resource: str) -> str:
        """What is wrong with what runs, as a sentence; "" if nothing is known to be."""
        running = self._running.get(resource)
        return running.problem if running else ""

    def failure_of(self, resource: str) -> str:
        """Why it failed here the last time, as a sentence; "" if it never has."""
        return self._failures.get(resource, "")

    async def run(self) -> None:
        """Work until cancelled, which ends all that runs."""
        async with asyncio.TaskGroup() as self._tasks:
            try:
                await asyncio.Event().wait()
            finally:
                await self.end()

    async def end(self) -> None:
        """End all that runs, in good order as far as there is time; then the kernel ends it."""
        for task in self._watching:
            task.cancel()
        by_us = self._until_us - self._timing.guarantee_us + self._timing.hard_stop_us
        for name, running in list(self._running.items()):
            try:
                await running.stop(by_us, PROOF_US)
            except StopUnproven as problem:
                log.error("%s", problem)
            else:
                self._forget(name, running)

    @property
    def _working(self) -> asyncio.TaskGroup:
        if self._tasks is None:
            raise RuntimeError("hands work while they run")
        return self._tasks

    # --- Resources -------------------------------------------------------------------------------

    async def prove(self) -> None:
        """See `Hands.prove`."""
        while True:
            try:
                await self._prove()
            except (ResourceError, OSError, ValueError, KeyError) as problem:
                if str(problem) != self.unproven:
                    log.error("Nothing exclusive begins here: %s", problem)
                self.unproven = str(problem)
                await asyncio.sleep(AGAIN_S)
            else:
                self.unproven = ""
                return

    async def _prove(self) -> None:
        for name, running in list(self._running.items()):
            await running.stop(self._clock.boot_us(), PROOF_US)
            self._forget(name, running)
        if self._leftovers is None:
            return
        for name, resource in list(self._leftovers.found()):
            now_us = self._clock.boot_us()
            await resource.stop(now_us, now_us + PROOF_US)
            self._leftovers.remove(name)
        for group in self._leftovers.groups():
            owner = f"What is in {group.path}"
            await end(owner, group, self._clock, self._clock.boot_us() + PROOF_US)

    async def start(self, effect: Start) -> Started | StartFailed:
        """See `Hands.start`."""
        name, run = effect.resource, effect.run
        if name == COORDINATOR:
            return Started(name, run)
        self._starting[run] = name
        try:
            answer = await self._tried(effect)
            if isinstance(answer, StartFailed) and run not in self._never_started:
                self._failures[name] = answer.reason
            return answer
        finally:
            del self._starting[run]
            self._never_started.discard(run)

    async def _tried(self, effect: Start) -> Started | StartFailed:
        """Start it, again where that may help."""
        name, run = effect.resource, effect.run
        try:
            definition = await self._defined(name)
            resource = await self._standing.taken(definition)
        except ResourceError as problem:
            return StartFailed(name, run, str(problem))
        began_us = self._clock.boot_us()
        while True:
            if effect.token is not None:
                await self._entitled(run)
            answer, is_late = await self._started(effect, definition, resource)
            again_us = LATE_US if is_late else 0
            if definition.mode is Mode.SOFT:
                # Until then it may be on another node, whose kernel takes up to the guarantee: that
                # may be what keeps a start here from succeeding, such as an address.
                again_us = max(again_us, self._timing.guarantee_us)
            is_tried = self._clock.boot_us() >= began_us + again_us
            if isinstance(answer, Started) or run in self._never_started or is_tried:
                return answer
            await asyncio.sleep(LOOK_S)

    def expect(self, names: Collection[str]) -> None:
        """These may be started here before long: let them stand ready. Never waits.

        Args:
            names: of resources; what runs, or has no definition, is left out.
        """
        if self._tasks is not None and self._place is not None:
            wanted = {name: it for name, it in self.definitions.items() if name in names}
            busy = {*self._running, *self._starting.values()}
            self._standing.expect(wanted, busy, self._tasks)

    async def _started(
        self, effect: Start, definition: "Definition", resource: Resource
    ) -> tuple[Started | StartFailed, bool]:
        """Start it once; returns what came of it, and whether it failed for want of time alone."""
        name, run = effect.resource, effect.run
        if run in self._never_started:
            return StartFailed(name, run, "it is to be stopped already."), False
        try:
            checks = read_checks(f"Resource {name}", definition.checks)
            running = self._made(definition, resource)
        except (ResourceError, OSError) as problem:
            return StartFailed(name, run, str(problem)), False
        self._running[name] = running
        try:
            await running.start(effect.token or _EARLY, self._end_us(effect))
        except asyncio.CancelledError:
            if not running.is_stopping:
                raise
            # And it is being stopped, which tells what comes of it.
            return Started(name, run), False
        except ResourceError as problem:
            is_late = isinstance(problem, LateStartError)
            return await self._given_back(effect, running, str(problem)), is_late
        running.extend(self._until_us)
        tasks: asyncio.TaskGroup = self._working
        task = tasks.create_task(self._watch(effect, running, checks), name=f"watching {name}")
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        return Started(name, run), False

    def _end_us(self, effect: Start) -> int:
        """When the kernel is to end what is started now.

        A soft one that comes before the store's word (S2) has a guarantee's time of its own: where
        the store lost its leader with the owner, this node's is nearly over, and too short to begin
        anything with. That one may run elsewhere meanwhile is what soft means.
        """
        if effect.token is not None:
            return self._until_us
        return max(self._until_us, self._clock.boot_us() + self._timing.guarantee_us)

    async def _entitled(self, run: int) -> None:
        """Wait, while the store is slow, until there is time to start anything, or it is to stop.

        A start without it fails, and a resource that failed here is not tried here again soon.
        """
        timing = self._timing
        fresh_us = timing.guarantee_us - timing.renew_us - timing.rpc_us
        while (  # noqa: ASYNC110 - until the next renewal, and only if the last one is late
            self._until_us - self._clock.boot_us() < fresh_us and run not in self._never_started
        ):
            await asyncio.sleep(LOOK_S)

    async def _defined(self, name: str) -> "Definition":
        """Its definition, also if that comes a moment later than the order.

        Raises:
            ResourceError: there is none.
        """
        until_us = self._clock.boot_us() + DEFINITION_S * 1e6
        while (  # noqa: ASYNC110 - it is a second at most, and seldom
            name not in self.definitions and self._clock.boot_us() < until_us
        ):
            await asyncio.sleep(LOOK_S)
        if (definition := self.definitions.get(name)) is None:
            raise ResourceError(f"there is no definition of resource {name} in the store.")
        return definition

    def _resource_of(self, definition: "Definition") -> Resource:
        """A resource that is not started yet.

        Raises:
            ResourceError: it cannot be started here.
        """
        if self._place is None:
            raise ResourceError(self._no_place)
        if (kind := self._kinds.get(definition.kind)) is None:
            there = ", ".join(self._kinds)
            raise OptionError(f"there is no kind {definition.kind!r}. There are: {there}.")
        return kind.resource(definition.resource_id, definition.options, self._place)

    def _made(self, definition: "Definition", resource: Resource) -> Running:
        """Remembered as about to be started.

        Raises:
            ResourceError: it cannot be started here.
            OSError: it cannot be remembered.
        """
        if self._place is None or self._leftovers is None:
            raise ResourceError(self._no_place)
        name, options = definition.resource_id, definition.options
        grip = self._kinds[definition.kind].grip(name, options, self._place)
        self._leftovers.add(name, definition.kind, options)
        return Running(resource, grip, self._clock, self._working)

    async def _given_back(
        self, effect: Start, running: Running, reason: str
    ) -> Started | StartFailed:
        """A start that failed, with nothing of it left."""
        try:
            await running.stop(None, PROOF_US)
        except StopUnproven as problem:
            self.tell(StopFailed(effect.resource, effect.run, str(problem)))
            return Started(effect.resource, effect.run)
        self._forget(effect.resource, running)
        return StartFailed(effect.resource, effect.run, reason)

    async def _watch(self, effect: Start, running: Running, checks: tuple[Check, ...]) -> None:
        try:
            reason = await until_unwell(effect.resource, running, checks, self._clock)
        except asyncio.CancelledError:
            if running.is_stopping:
                return
            raise
        self._failures[effect.resource] = reason
        self.tell(await self._given_back(effect, running, reason))

    async def stop(self, effect: Stop) -> Stopped | StopFailed:
        """See `Hands.stop`."""
        name, run = effect.resource, effect.run
        running = self._running.get(name)
        if running is None:
            if name != COORDINATOR:
                self._never_started.add(run)
            return Stopped(name, run)
        try:
            await running.stop(effect.by_us, self._timing.proof_us)
        except StopUnproven as problem:
            running.problem = str(problem)
            return StopFailed(name, run, str(problem))
        self._forget(name, running)
        return Stopped(name, run)

    def _forget(self, name: str, running: Running) -> None:
        if self._running.get(name) is running:
            del self._running[name]
            if self._leftovers:
                self._leftovers.remove(name)

    def entitle(self, effect: Entitled) -> None:
        """See `Hands.entitle`. Each kind ends what it keeps some time before."""
        self._until_us = effect.until_us
        for running in self._running.values():
            running.extend(effect.until_us)

    # --- Other machines, and this one ------------------------------------------------------------

    async def fence(self, effect: Fence) -> Fenced | FencingFailed:
        """See `Hands.fence`."""
        return await self._fencing.fence(effect)

    def fence_self(self, reason: str) -> None:
        """See `Hands.fence_self`."""
        only_say(reason)

    def send(self, to: str, message: Message) -> None:
        """See `Hands.send`."""
        self._send(to, message)

    def say(self, sentence: str) -> None:
        """See `Hands.say`."""
        log.warning("%s", sentence)
