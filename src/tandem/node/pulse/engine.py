"""`Engine`: runs `cluster.exclusive.machine`, and carries out what it asks for. A thin shell.

Each event is taken at once, wherever it comes from; what takes time is a task of its own, and tells
what came of it as another event. One task ticks when the machine wants it to.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from typing import Final

from tandem.clock import Clock
from tandem.cluster.document import StoredValueError
from tandem.cluster.exclusive import machine
from tandem.cluster.exclusive.events import (
    Answered,
    Clean,
    Done,
    Effect,
    Entitled,
    Event,
    Fence,
    FenceSelf,
    Left,
    Prove,
    Read,
    Refused,
    Say,
    Seen,
    Send,
    Start,
    Stop,
    Tick,
    Transact,
    Unanswered,
    Unknown,
)
from tandem.cluster.exclusive.state import State, with_nodes
from tandem.cluster.keys import IdError
from tandem.node.pulse import store_words
from tandem.node.pulse.hands import Hands
from tandem.node.store.errors import StoreError, StoreRefusedError
from tandem.node.store.follow import follow
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

AGAIN_S: Final = 1.0
"""Until a store is asked again that did not answer who this cluster is, or refused this node."""

_UNREADABLE: Final = (StoredValueError, IdError)


class Engine:
    """One node's engine of exclusive resources.

    Attributes:
        state: as the machine left it; for whoever wants to know what should run.
        problem: why the store could not be asked the last time; "" if it could.
        left: set once it has left, after a `Leave`.

    Args:
        state: from `cluster.exclusive.state.start`.
        cluster: its number.
        store: with deadlines no longer than the timing's `rpc_us`.
        hands: do everything else.
        clock: of this node.
        random: for jitter.
    """

    def __init__(
        self, state: State, cluster: int, store: Store, hands: Hands, clock: Clock, random: Random
    ) -> None:
        self.state = state
        self.problem = ""
        self.left = asyncio.Event()
        self._cluster = cluster
        self._store = store
        self._hands = hands
        self._clock = clock
        self._random = random
        self._due = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def is_running(self) -> bool:
        """Whether it takes events."""
        return self._tasks is not None

    async def run(self) -> None:
        """Run until cancelled. What runs then goes on until its end in the kernel."""
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._found(), name="founding")
            for prefix in store_words.PREFIXES:
                self._tasks.create_task(self._follow_always(prefix), name=f"following {prefix}")
            self.take(Tick())
            while True:
                await self._tick()

    def configure(self, nodes: Iterable[str], fences: Iterable[str]) -> None:
        """These nodes are configured from now on; see `state.with_nodes`."""
        self.state = with_nodes(self.state, nodes, fences)
        self._due.set()

    def take(self, event: Event) -> None:
        """Take an event, while it runs."""
        self.state, effects = machine.step(self.state, event, self._clock.boot_us())
        for effect in effects:
            self._carry_out(effect)
        self._due.set()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Entitled():
                self._hands.entitle(effect)
            case FenceSelf(reason=reason):
                self._hands.fence_self(reason)
            case Send(to=to, message=message):
                self._hands.send(to, message)
            case Say(sentence=sentence):
                self._hands.say(sentence)
            case Left():
                self.left.set()
            case _:
                if self._tasks is None:
                    raise RuntimeError("an engine takes events while it runs")
                self._tasks.create_task(self._do(effect), name=type(effect).__name__)

    async def _do(self, effect: Transact | Read | Prove | Start | Stop | Fence) -> None:
        """What takes time, and what came of it."""
        event: Event
        match effect:
            case Transact():
                event = await self._transact(effect)
            case Read():
                event = await self._read()
            case Prove():
                await self._hands.prove()
                event = Clean()
            case Start():
                event = await self._hands.start(effect)
            case Stop():
                event = await self._hands.stop(effect)
            case Fence():
                event = await self._hands.fence(effect)
        self.take(event)

    async def _tick(self) -> None:
        """Wait until the machine wants a tick, or is in another state."""
        self._due.clear()
        wake_us = machine.wake_us(self.state)
        with suppress(TimeoutError):
            wait_s = None if wake_us is None else max(0, wake_us - self._clock.boot_us()) / 1e6
            async with asyncio.timeout(wait_s):
                await self._due.wait()
                return
        self.take(Tick())

    async def _transact(self, effect: Transact) -> Done | Refused | Unknown:
        try:
            outcome = await self._store.transact(store_words.transaction_of(effect))
        except StoreError as problem:
            self._note(str(problem))
            return Unknown(effect.nonce)
        try:
            answer = store_words.answer_of(effect, outcome)
        except _UNREADABLE as problem:
            self._note(str(problem))
            return (
                Done(effect.nonce, outcome.revision) if outcome.succeeded else Unknown(effect.nonce)
            )
        self._note("")
        return answer

    async def _read(self) -> Answered | Unanswered:
        try:
            outcome = await self._store.transact(store_words.READ)
            view = store_words.everything_of(outcome)
        except (StoreError, *_UNREADABLE) as problem:
            self._note(str(problem))
            return Unanswered()
        self._note("")
        return Answered(view)

    async def _found(self) -> None:
        """See to it that the store knows which cluster it belongs to."""
        while True:
            try:
                await self._store.transact(store_words.founding(self._cluster))
            except StoreError as problem:
                self._note(str(problem))
                await self._pause()
            else:
                return

    async def _pause(self) -> None:
        await asyncio.sleep(AGAIN_S * self._random.uniform(0.5, 1.0))

    async def _follow_always(self, prefix: str) -> None:
        """Follow also after the store has refused this node: others may need its promises yet."""
        while True:
            try:
                await self._follow(prefix)
            except* StoreRefusedError as refused:
                self._note(str(refused.exceptions[0]))
            task = asyncio.current_task()
            if task and task.cancelling():  # a refusal that crosses a cancellation swallows it
                raise asyncio.CancelledError
            await self._pause()

    async def _follow(self, prefix: str) -> None:
        async with follow(self._store, prefix, self._random) as views:
            async for snapshot in views:
                try:
                    view = store_words.view_of(snapshot.revision, {prefix: snapshot.entries})
                except _UNREADABLE as problem:
                    self._note(str(problem))
                    continue
                self.take(Seen(view))

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("exclusive resources: %s", problem)
        self.problem = problem
