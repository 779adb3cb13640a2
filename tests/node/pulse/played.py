"""A played node around a real engine: resources run in name only, and it is told who is there."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from random import Random

from tandem.clock import SystemClock
from tandem.cluster import keys
from tandem.cluster.exclusive import state as engine_state
from tandem.cluster.exclusive.events import (
    Entitled,
    Fence,
    Fenced,
    FencingFailed,
    Message,
    Received,
    Start,
    Started,
    StartFailed,
    Stop,
    StopFailed,
    Stopped,
    Words,
)
from tandem.cluster.exclusive.timing import PATIENT, Timing
from tandem.cluster.exclusive.values import Token
from tandem.cluster.order import Mode, Order
from tandem.node.pulse.engine import Engine
from tandem.node.store.model import Put, Transaction
from tandem.node.store.protocol import Store

NODES = ("n1", "n2", "n3")
CLUSTER = 7
CLOCK = SystemClock()
TELL_S = 0.02
LOOK_S = 0.005


class PlayedNode:
    """A node: what runs on it, and its engine.

    Attributes:
        runs: by resource, the token with which it runs.
        until_us: the kernel ends all of it then.
        is_dead: the machine is off: nothing runs, no word is heard.
        said: to the administrator.
    """

    def __init__(self, name: str, life: str, store: Store, site: "Site") -> None:
        self.name = name
        self.runs: dict[str, Token | None] = {}
        self.until_us = 0
        self.is_dead = False
        self.said: list[str] = []
        self._site = site
        state = engine_state.start(name, NODES, life, site.timing, CLOCK.boot_us())
        self.engine = Engine(state, CLUSTER, store, self, CLOCK, Random(name))

    def running(self) -> dict[str, Token | None]:
        """What really runs now."""
        if self.is_dead or CLOCK.boot_us() >= self.until_us:
            return {}
        return self.runs

    async def prove(self) -> None:
        self.runs.clear()

    async def start(self, effect: Start) -> Started | StartFailed:
        self.runs[effect.resource] = effect.token
        self._site.started.append((effect.resource, self.name, effect.token))
        self._site.audit()
        return Started(effect.resource, effect.run)

    async def stop(self, effect: Stop) -> Stopped | StopFailed:
        self.runs.pop(effect.resource, None)
        return Stopped(effect.resource, effect.run)

    def entitle(self, effect: Entitled) -> None:
        self.until_us = effect.kill_us

    async def fence(self, effect: Fence) -> Fenced | FencingFailed:
        return FencingFailed(effect.node_id, effect.epoch, "there is no fencing here")

    def fence_self(self, reason: str) -> None:
        raise AssertionError(f"{self.name} fences itself: {reason}")

    def send(self, to: str, message: Message) -> None:
        target = self._site.nodes.get(to)
        if target and not target.is_dead and not self.is_dead:
            target.engine.take(Received(message))

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


class Site:
    """Three nodes on one store, each with its own client of it.

    Attributes:
        nodes: by name.
        started: every start, in its order: resource, node, token.
        store: for the tests' own writes.
        timing: of all nodes.
    """

    def __init__(self, store: Store, timing: Timing) -> None:
        self.store = store
        self.timing = timing
        self.nodes: dict[str, PlayedNode] = {}
        self.started: list[tuple[str, str, Token | None]] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def boot(self, name: str, store: Store, life: str = "first") -> PlayedNode:
        """Switch a node on."""
        node = self.nodes[name] = PlayedNode(name, f"{name}-{life}", store, self)
        self._tasks[name] = asyncio.create_task(node.engine.run())
        return node

    async def kill(self, name: str) -> None:
        """Cut its power. The others notice."""
        self.nodes[name].is_dead = True
        await self._end(name)

    async def end(self) -> None:
        """End all engines; what one of them failed with is raised."""
        for name in tuple(self._tasks):
            await self._end(name)

    async def tell(self) -> None:
        """Tell everybody, again and again, who is heard."""
        while True:
            dead = frozenset(name for name in NODES if name not in self._alive())
            for name in self._alive():
                self.nodes[name].engine.take(Words(dict.fromkeys(self._alive(), dead)))
            await asyncio.sleep(TELL_S)

    def audit(self) -> None:
        """No resource runs on two nodes, as the resources see it."""
        for resource in {started[0] for started in self.started}:
            holders = [name for name, node in self.nodes.items() if resource in node.running()]
            assert len(holders) <= 1, f"{resource} runs on {holders}"

    def all_know(self, names: Iterable[str]) -> bool:
        """Whether everybody knows that these have sessions: the first in an order takes it then."""
        known = [set(node.engine.state.live_sessions()) for node in self.nodes.values()]
        return all(set(names) <= sessions for sessions in known)

    def holder(self, resource: str) -> str | None:
        """Where it runs."""
        self.audit()
        return next((n for n, node in self.nodes.items() if resource in node.running()), None)

    async def order(self, resource: str, *nodes: str, generation: int = 1) -> None:
        """Write where it is to run."""
        order = Order(nodes, generation, Mode.STRICT)
        await self.put(keys.key(keys.ORDERS, resource), order.encode())

    async def put(self, key: str, value: bytes) -> None:
        """Write whatever."""
        await self.store.transact(Transaction(success=(Put(key, value),)))

    def _alive(self) -> Iterator[str]:
        for name, task in self._tasks.items():
            if task.done():
                task.result()
            elif self.nodes[name].engine.is_running and not self.nodes[name].is_dead:
                yield name

    async def _end(self, name: str) -> None:
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def site(store: Store, timing: Timing = PATIENT) -> AsyncGenerator[Site, None]:
    """A site whose nodes are told who is heard, and that a busy machine does not hurry."""
    made = Site(store, timing)
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(made.tell())
        try:
            yield made
        finally:
            telling.cancel()
            await made.end()
