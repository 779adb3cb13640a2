"""What the process `pulse` is in the simulation: gives the engine events, carries out its effects.

While it is frozen, what arrives waits in its sockets; its deadlines pass all the same.
"""

from random import Random
from typing import NamedTuple, Protocol

from tests.simulation.exclusive.beats import Words
from tests.simulation.exclusive.brief import SILENT, brief
from tests.simulation.exclusive.clockwork import MS, Action, Queue
from tests.simulation.exclusive.machine import Machine
from tests.simulation.exclusive.network import Network
from tests.simulation.exclusive.oracle import Oracle
from tests.simulation.exclusive.schedule import Setting
from tests.simulation.exclusive.store import Answer, Snapshot, Store, Txn
from tests.simulation.exclusive.views import (
    configured_in,
    keys_of,
    live_sessions,
    sessions_of,
    view_of,
)
from tests.simulation.exclusive.watch import Watch

from tandem.cluster.exclusive import events
from tandem.cluster.exclusive import machine as engine
from tandem.cluster.exclusive.state import start, with_nodes
from tandem.cluster.exclusive.timing import Timing
from tandem.cluster.keys import CLUSTER, SESSIONS
from tandem.cluster.model import Session

PROBE_EACH_US = 50 * MS
LEAVE_US = 1000 * MS
SLOWEST_AGENT_US = 500 * MS
"""The agent passes on who is a node."""


class Sent(NamedTuple):
    """An attempt to write a session.

    Attributes:
        boots: of its machine until then.
        at_us: when, by that machine's clock.
        true_us: when, in true time.
        led_us: how long the store had been led until then.
        others: who else had a session at the revision that it tells to have seen.
    """

    boots: int
    at_us: int
    true_us: int
    led_us: int
    others: frozenset[str]


class World(Protocol):
    """What a pulse can reach."""

    queue: Queue
    random: Random
    network: Network
    store: Store
    oracle: Oracle
    machines: dict[str, Machine]
    setting: Setting
    timing: Timing
    sent: dict[str, Sent]
    """Each attempt to write a session, by its nonce."""

    @property
    def is_traced(self) -> bool: ...

    def tell(self, who: str, what: str) -> None: ...

    def listens_anew(self, node: str) -> None: ...

    def fence(self, asker: "Shell", node: str, epoch: int) -> None:
        """Ask the node's fencing device."""


class Shell:
    """One life of a node's pulse.

    Args:
        world: what it can reach.
        machine: where it runs.
    """

    def __init__(self, world: World, machine: Machine) -> None:
        self.world = world
        self.machine = machine
        self.name = machine.name
        self.is_closed = False
        self._queue = world.queue
        self._waiting: list[tuple[events.Event, Snapshot | None]] = []
        self._asked_us: dict[tuple[int, str], int] = {}
        self._settled: set[object] = set()
        self._wake_us: int | None = None
        nodes = machine.configured
        self._nodes = nodes
        fences = nodes if world.setting.fencing else []
        life = f"{self.name}{world.random.getrandbits(64):x}-"
        now_us = machine.clock.now_us
        self.state = start(self.name, nodes, life, world.timing, now_us, fences)
        self._watch = Watch(
            world.queue, world.random, world.network, world.store, self.name, self._sees
        )

    def begin(self) -> None:
        self.look_again()
        self.world.listens_anew(self.name)
        self.feed(events.Tick())

    # --- What the machine tells it --------------------------------------------------------------

    def started(self, resource: str, number: int) -> None:
        self.feed(events.Started(resource, number))

    def start_failed(self, resource: str, number: int) -> None:
        self.feed(events.StartFailed(resource, number, "It does not run."))

    def stopped(self, resource: str, number: int) -> None:
        self.feed(events.Stopped(resource, number))

    def stop_failed(self, resource: str, number: int) -> None:
        self.feed(events.StopFailed(resource, number, "It cannot be killed."))

    def leave(self) -> None:
        self.feed(events.Leave(self.machine.clock.now_us + LEAVE_US))

    def close(self) -> None:
        self.is_closed = True
        self._watch.close()

    def thawed(self) -> None:
        self.world.listens_anew(self.name)
        waiting, self._waiting = self._waiting, []
        for event, snapshot in waiting:
            self.feed(event, snapshot)
        self.feed(events.Tick())

    def look_again(self) -> None:
        self._watch.is_silent = self.machine.is_watch_silent
        self._watch.lag_us = self.machine.lag_us
        self._watch.stir()

    # --- The engine -----------------------------------------------------------------------------

    def feed(self, event: events.Event, shows: Snapshot | None = None) -> None:
        """Give the engine an event, or keep it until the process runs again.

        Args:
            event: what happened.
            shows: what it tells of the store.
        """
        if self.is_closed:
            return
        if self.machine.is_pulse_frozen:
            self._waiting.append((event, shows))
            return
        if shows is not None:
            self._knows(shows)
        if self.world.is_traced and not isinstance(event, SILENT):
            self.world.tell(self.name, f"<- {brief(event)}")
        self.state, effects = engine.step(self.state, event, self.machine.clock.now_us)
        for effect in effects:
            if self.world.is_traced and not isinstance(effect, SILENT):
                self.world.tell(self.name, f"-> {brief(effect)}")
            self._carry_out(effect)
        self._wake_later()

    def _wake_later(self) -> None:
        wake_us = engine.wake_us(self.state)
        if wake_us is None:
            return
        true_us = max(self.machine.clock.true_us(wake_us), self._queue.now_us + 1)
        if self._wake_us is None or true_us < self._wake_us:
            self._wake_us = true_us
            self._queue.at(true_us, lambda: self._wake(true_us))

    def _wake(self, true_us: int) -> None:
        if self._wake_us == true_us and not self.is_closed:
            self._wake_us = None
            if not self.machine.is_pulse_frozen:
                self.feed(events.Tick())

    def _carry_out(self, effect: events.Effect) -> None:
        match effect:
            case events.Transact():
                self._transact(effect)
            case events.Read():
                self._read()
            case events.Start(resource=resource, run=run, token=token):
                self.machine.start(resource, run, token)
            case events.Stop(resource=resource, run=run, by_us=by_us):
                self.machine.stop(resource, run, by_us)
            case events.Entitled(until_us=until_us, kill_us=kill_us):
                self.world.oracle.entitled(self.name, until_us)
                self.machine.entitle(until_us, kill_us)
            case events.Send(to=to, message=message):
                self._send(to, message)
            case events.Prove():
                self._prove()
            case events.Fence(node_id=node, epoch=epoch):
                self.world.fence(self, node, epoch)
            case events.FenceSelf(reason=reason):
                self._fence_self(reason)
            case events.Left():
                self.world.tell(self.name, "it has left")
            case events.Say():
                self.world.tell(self.name, effect.sentence)

    # --- The store ------------------------------------------------------------------------------

    def _sees(self, snapshot: Snapshot) -> None:
        self.feed(events.Seen(view_of(snapshot)), snapshot)
        configured = configured_in(snapshot)
        if configured != self.machine.configured:
            delay_us = self.world.random.randint(1 * MS, SLOWEST_AGENT_US)
            self._queue.after(delay_us, lambda: self._configure(configured, snapshot.revision))

    def _configure(self, nodes: tuple[str, ...], revision: int) -> None:
        """Its agent says who is a node."""
        is_old = revision <= self.machine.configured_revision
        if self.is_closed or self.machine.is_pulse_frozen or is_old:
            return
        if self.name not in nodes:
            self.machine.was_removed()
            return
        self.machine.configure(nodes, revision)
        self._nodes = nodes
        fences = nodes if self.world.setting.fencing else ()
        self.state = with_nodes(self.state, nodes, fences)

    def _knows(self, snapshot: Snapshot) -> None:
        """What it is told of its own session, for the oracle: whatever it makes of it."""
        row = snapshot.rows.get(SESSIONS + self.name)
        if row and isinstance(row.value, Session) and not row.value.is_live:
            self.world.oracle.knows_its_end(self.name, snapshot.life, row.value.epoch - 1)

    def _transact(self, effect: events.Transact) -> None:
        nonce = effect.nonce
        own = effect.writes[0].value
        seen = own.seen if isinstance(own, Session) else 0
        others = live_sessions(self.world.store.at(seen)) - {self.name}
        self.world.oracle.sends(self.name, others)
        self.world.sent[nonce] = Sent(
            self.machine.boots,
            self.machine.clock.now_us,
            self.world.queue.now_us,
            self.world.store.led_us,
            others,
        )
        compares = [(CLUSTER, effect.cluster_revision)]
        keys = [write.prefix + write.name for write in effect.writes]
        compares += zip(keys, (write.revision for write in effect.writes), strict=True)
        puts = zip(keys, (write.value for write in effect.writes), strict=True)
        txn = Txn(tuple(compares), tuple(puts))

        def answered(answer: Answer | None) -> None:
            if answer is None or nonce in self._settled:
                return
            self._settled.add(nonce)
            snapshot = answer.snapshot
            if answer.succeeded:
                beside = sessions_of(snapshot) if self.world.setting.reads_beside else None
                self.feed(events.Done(nonce, snapshot.revision, beside), snapshot)
            else:
                self.feed(events.Refused(nonce, keys_of(snapshot, keys)), snapshot)

        def late() -> None:
            if nonce not in self._settled:
                self._settled.add(nonce)
                self.feed(events.Unknown(nonce))

        self.world.store.ask(self.name, txn, answered)
        self._at_the_deadline(late)

    def _read(self) -> None:
        question = object()

        def answered(answer: Answer | None) -> None:
            if answer is not None and question not in self._settled:
                self._settled.add(question)
                self.feed(events.Answered(view_of(answer.snapshot)), answer.snapshot)

        def late() -> None:
            if question not in self._settled:
                self._settled.add(question)
                self.feed(events.Unanswered())

        self.world.store.ask(self.name, Txn(), answered)
        self._at_the_deadline(late)

    def _at_the_deadline(self, late: Action) -> None:
        deadline_us = self.machine.clock.now_us + self.world.timing.rpc_us
        self._queue.at(self.machine.clock.true_us(deadline_us), late)

    # --- The others -----------------------------------------------------------------------------

    def words(self, words: Words) -> None:
        known = frozenset(self._nodes)
        heard = {name: them & known for name, them in words.items() if name in known}
        self.feed(events.Words(heard))

    def _send(self, to: str, message: events.Message) -> None:
        world, me = self.world, self.name
        if isinstance(message, events.Ask):
            self._asked_us.setdefault((message.number, to), self.machine.clock.now_us)

        def deliver() -> None:
            pulse = world.machines[to].pulse
            if isinstance(pulse, Shell):
                pulse.receives(me, message)

        world.network.send(me, to, deliver)

    def receives(self, sender: str, message: events.Message) -> None:
        """Nobody answers a stranger."""
        if sender not in self._nodes:
            return
        if isinstance(message, events.Promise):
            asked_us = self._asked_us.get((message.number, sender))
            if asked_us is not None:
                until_us = asked_us + self.world.timing.guarantee_us
                self.world.oracle.acknowledged(self.name, sender, until_us)
        self.feed(events.Received(message))

    # --- The machine ----------------------------------------------------------------------------

    def _prove(self) -> None:
        if self.is_closed:
            return
        if self.machine.is_pulse_frozen or not self.machine.is_clean():
            self._queue.after(PROBE_EACH_US, self._prove)
        else:
            self.feed(events.Clean())

    def _fence_self(self, reason: str) -> None:
        delay_us = self.world.random.randint(0, self.world.timing.self_fence_us)
        self._queue.after(delay_us, lambda: self._end_machine(reason))

    def _end_machine(self, reason: str) -> None:
        if not self.is_closed:
            self.machine.reset(f"fences itself: {reason}")
