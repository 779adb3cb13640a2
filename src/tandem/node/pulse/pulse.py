"""`Pulse`: its parts put together: heartbeats, the engine, its hands, and what they report."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.document import StoredValueError
from tandem.cluster.exclusive import state as engine_state
from tandem.cluster.exclusive.events import Leave, Message, Received, Words
from tandem.cluster.exclusive.timing import PRESETS
from tandem.cluster.exclusive.wire import Envelope, MessageError, decode, encode
from tandem.cluster.heartbeat import HeartbeatError
from tandem.cluster.plan.resource import Resource as Definition
from tandem.cluster.suspicion import Effect, SuspicionChanged
from tandem.node.beats import Beats, Membership
from tandem.node.pulse.engine import Engine
from tandem.node.pulse.fencing import Fencing
from tandem.node.pulse.lateness import Lateness
from tandem.node.pulse.messages import LIFE_S, Orders, Report
from tandem.node.pulse.node_hands import NodeHands
from tandem.node.pulse.reporting import report_of
from tandem.node.store.errors import StoreRefusedError
from tandem.node.store.follow import follow
from tandem.node.store.protocol import Store
from tandem.resources.control_group import own_group
from tandem.resources.kind import Place, ResourceError

log = logging.getLogger(__name__)

LOOK_S: Final = 0.1
"""How often it is looked at what has changed; a suspicion is told at once."""

GROUP: Final = "tandem-resources"
"""The control group, below the agent's own, that is the resources' alone."""

REFUSED_S: Final = 5.0

Take = Callable[[Mapping[str, bytes]], None]
"""Gets all values under a prefix, by name."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a pulse works with.

    Attributes:
        key: of the cluster, secret.
        store: with deadlines no longer than a call may take by the timing.
        clock: of this node.
        random: for jitter.
        fencing: ends machines.
        privileges: for the report, see `privileges.take_privileges`.
    """

    key: bytes = field(repr=False)
    store: Store
    clock: Clock
    random: Random
    fencing: Fencing
    privileges: dict[str, Any]


class Pulse:
    """One node's pulse.

    Args:
        orders: the first.
        means: what it works with.
        tell: gets each report; returns whether it could be passed on.
    """

    def __init__(self, orders: Orders, means: Means, tell: Callable[[Report], bool]) -> None:
        self._orders, self._means, self._tell = orders, means, tell
        clock, timing = means.clock, PRESETS[orders.timing]
        member = Membership(orders.cluster, means.key, orders.node_id, orders.started_us)
        self._beats = Beats(
            member, orders.routes, clock, self._heard, take_other=self._take_message
        )
        place, why = _place(orders, clock)
        self._hands = NodeHands(place, why, timing, clock, means.fencing, self._send)
        life = secrets.token_hex(8)
        state = engine_state.start(
            orders.node_id, orders.nodes, life, timing, clock.boot_us(), means.fencing.nodes
        )
        self._engine = Engine(state, orders.cluster, means.store, self._hands, clock, means.random)
        self._hands.tell = self._engine.take
        self._lateness = Lateness(clock)
        self._returns: dict[str, int] = {}
        self._words: dict[str, frozenset[str]] = {}
        self._changed = asyncio.Event()
        self._beating: asyncio.Task[None] | None = None

    def order(self, orders: Orders) -> None:
        """Take new orders; what cannot be carried out is told, and changes nothing."""
        if orders == self._orders:
            return
        try:
            self._beats.set_routes(orders.routes)
        except HeartbeatError as problem:
            log.error("%s", problem)
            return
        self._engine.configure(orders.nodes, self._means.fencing.nodes)
        self._orders = orders

    async def run(self) -> None:
        """Run until cancelled, which ends what runs here."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hands.run(), name="hands")
            self._beating = tasks.create_task(self._beats.run(), name="heartbeats")
            tasks.create_task(self._engine.run(), name="engine")
            tasks.create_task(self._follow_always(keys.RESOURCES, self._define), name="resources")
            tasks.create_task(self._follow_always(keys.FENCING, self._arm), name="fence devices")
            tasks.create_task(self._means.fencing.run(), name="fencing")
            tasks.create_task(self._report_always(), name="reports")
            tasks.create_task(self._lateness.run(), name="lateness")

    async def leave(self, by_us: int) -> None:
        """Give everything back, and end the session, so that nobody has to wait for this node.

        Args:
            by_us: what runs here is killed then; CLOCK_BOOTTIME.
        """
        if self._beating:
            self._beating.cancel()
        if self._engine.is_running:
            self._engine.take(Leave(by_us))
            await self._engine.left.wait()

    # --- Other nodes -----------------------------------------------------------------------------

    def _heard(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if not isinstance(effect, SuspicionChanged):
                continue
            name = effect.node_id
            if effect.is_suspected:
                log.warning(
                    "node %s is silent on all links (%d ms)", name, effect.silence_us // 1000
                )
            else:
                log.info("node %s is there again", name)
                self._returns[name] = self._returns.get(name, 0) + 1
        self._changed.set()

    def _pass_words_on(self) -> None:
        words = dict(self._beats.state.words)
        if words != self._words and self._engine.is_running:
            self._words = words
            self._engine.take(Words(words))

    def _ordered(self) -> frozenset[str]:
        """What may be started here before long: orders name this node for it."""
        orders = self._engine.state.orders or {}
        node_id = self._orders.node_id
        return frozenset(name for name, it in orders.items() if node_id in it.nodes)

    def _send(self, to: str, message: Message) -> None:
        self._beats.send(to, encode(message, self._envelope(to)))

    def _take_message(self, data: bytes) -> None:
        try:
            message = decode(data, self._envelope(self._orders.node_id))
        except MessageError as problem:
            self._beats.counts.foreign += 1
            log.debug("%s", problem)
            return
        if self._engine.is_running:
            self._engine.take(Received(message))

    def _envelope(self, receiver: str) -> Envelope:
        return Envelope(self._orders.cluster, self._means.key, receiver)

    # --- The store -------------------------------------------------------------------------------

    async def _follow_always(self, prefix: str, take: Take) -> None:
        while True:
            try:
                await self._follow(prefix, take)
            except* StoreRefusedError as refused:
                log.error("the store refuses this node: %s", refused.exceptions[0])
            task = asyncio.current_task()
            if task and task.cancelling():  # a refusal that crosses a cancellation swallows it
                raise asyncio.CancelledError
            await asyncio.sleep(REFUSED_S)

    async def _follow(self, prefix: str, take: Take) -> None:
        async with follow(self._means.store, prefix, self._means.random) as views:
            async for snapshot in views:
                found = {}
                for key, entry in snapshot.entries.items():
                    try:
                        found[keys.identity(prefix, key)] = entry.value
                    except keys.IdError as problem:
                        log.error("%s", problem)
                take(found)

    def _define(self, stored: Mapping[str, bytes]) -> None:
        found = {}
        for name, value in stored.items():
            try:
                found[name] = Definition.decode(name, value)
            except StoredValueError as problem:
                log.error("%s", problem)
        self._hands.definitions = found

    def _arm(self, stored: Mapping[str, bytes]) -> None:
        self._means.fencing.take(stored)
        self._engine.configure(self._orders.nodes, self._means.fencing.nodes)

    # --- What it tells ---------------------------------------------------------------------------

    async def _report_always(self) -> None:
        told, told_us = Report(), 0
        while True:
            self._changed.clear()
            self._pass_words_on()
            self._hands.expect(self._ordered())
            report = self.report()
            now_us = self._means.clock.boot_us()
            is_due = now_us - told_us >= LIFE_S * 1e6
            if (is_due or _is_news(told, report)) and self._tell(report):
                told, told_us = report, now_us
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def report(self) -> Report:
        """How everything is now."""
        health = {**self._means.privileges, "latest_us": self._lateness.latest_us}
        return report_of(self._beats.state, self._engine, self._hands, dict(self._returns), health)


def _is_news(told: Report, report: Report) -> bool:
    return (told.suspected, told.reached, told.returns, told.phase, told.resources) != (
        report.suspected,
        report.reached,
        report.returns,
        report.phase,
        report.resources,
    )


def _place(orders: Orders, clock: Clock) -> tuple[Place | None, str]:
    """Where resources are kept here; or why they cannot be."""
    try:
        group = own_group() / GROUP
    except (ResourceError, OSError) as problem:
        return None, str(problem)
    return Place(orders.node_id, orders.run_directory, group, clock), ""
