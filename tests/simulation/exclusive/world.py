"""A cluster, and what goes wrong in it: a run of the simulation.

First there are faults, and nothing may ever be broken; then they end, and within `LIVELY_WITHIN_US`
everything that is wanted must run again, in one place, and stay there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from random import Random

from tests.simulation.exclusive.beats import Beats, Words
from tests.simulation.exclusive.clockwork import MS, SECOND, SLOWEST_PPM, Queue
from tests.simulation.exclusive.faults import Faults
from tests.simulation.exclusive.machine import Machine
from tests.simulation.exclusive.network import Network
from tests.simulation.exclusive.oracle import ALL_RULES, Oracle, is_soft
from tests.simulation.exclusive.schedule import (
    FOREVER_US,
    Plan,
    founders_of,
    hosts_of,
    members_of,
    nodes_of,
    resources_of,
)
from tests.simulation.exclusive.shell import Sent, Shell
from tests.simulation.exclusive.store import Row, Snapshot, Store, Txn
from tests.simulation.exclusive.views import configured_in

from tandem.cluster.exclusive import events
from tandem.cluster.exclusive.timing import PRESETS
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.keys import CLUSTER, NODES, ORDERS, OWNERS, SESSIONS
from tandem.cluster.model import Session, SessionState
from tandem.cluster.order import Mode, Order

LIVELY_WITHIN_US = 12 * SECOND
STAYS_US = 2 * SECOND
LOOKS_EACH_US = 100 * MS
JOINS_AGAIN_US = 300 * MS


class World:
    """One run, decided by its plan.

    Args:
        plan: what happens.
        judged: the rules that the oracle looks at.
        kind: of the store.
        is_traced: whether what happens is noted down.
    """

    def __init__(
        self,
        plan: Plan,
        judged: frozenset[str] = ALL_RULES,
        kind: type[Store] = Store,
        *,
        is_traced: bool = False,
    ) -> None:
        self.plan = plan
        self.setting = setting = plan.setting
        self.random = Random(setting.seed * 2 + 1)
        self.queue = Queue()
        self.timing = PRESETS[setting.preset]
        self.sent: dict[str, Sent] = {}
        self.incarnation = 1
        self.removed: set[str] = set()
        self._written: set[str] = set()
        self._led_us: dict[str, int] = {}
        """By node: how long the store had been led when it last renewed."""
        self.nodes = nodes_of(setting)
        self.founders = founders_of(setting)
        self.is_traced = is_traced
        self.trace: list[tuple[int, str, str]] = []
        self.oracle = Oracle(self.queue, self.tell, judged)
        self.network = Network(self.queue, self.random, hosts_of(setting), setting.links)
        self.machines = {name: self._machine(name) for name in hosts_of(setting)}
        self.store = kind(
            self.queue,
            self.random,
            self.network,
            members_of(setting),
            lambda host: self.machines[host].is_up,
            self._committed,
        )
        self.beats = Beats(
            self.queue,
            self.random,
            self.network,
            self.nodes,
            lambda name: self.machines[name].speaks,
            self._tell_words,
        )
        self.healed_us = self._healed_us()
        self._prepare()

    def tell(self, who: str, what: str) -> None:
        if self.is_traced:
            self.trace.append((self.queue.now_us, who, what))

    def story(self) -> str:
        """What happened, by whom and when; for a run that was traced."""
        return "\n".join(f"{us / SECOND:10.6f} {who:>6}  {what}" for us, who, what in self.trace)

    def run(self) -> None:
        """All of it.

        Raises:
            ViolationError: a guarantee was broken.
        """
        while self.queue.now_us < self.healed_us:
            self.queue.run_until(self.healed_us)
        self.tell("world", "all faults are over")
        until_us = self.queue.now_us + LIVELY_WITHIN_US
        well_us = 0
        while well_us < STAYS_US:
            lacking = self.lacking()
            if lacking and self.queue.now_us >= until_us:
                self.oracle.violated("liveness", lacking)
                return
            well_us = 0 if lacking else well_us + LOOKS_EACH_US
            self.queue.run_until(self.queue.now_us + LOOKS_EACH_US)

    # --- The beginning ----------------------------------------------------------------------

    def _healed_us(self) -> int:
        ends = [f.at_us + f.lasts_us for f in self.plan.faults if f.lasts_us < FOREVER_US]
        return max([self.setting.faults_us, *ends])

    def _prepare(self) -> None:
        configured = ((NODES + name, name) for name in self.founders)
        self.store.apply(Txn(puts=((CLUSTER, self.incarnation), *configured)))
        for name in self.founders:
            self.machines[name].configure(tuple(self.founders), self.store.now.revision)
        for resource in resources_of(self.setting):
            is_ordered = self.setting.is_ordered
            every = self.founders
            nodes = every if is_ordered else self.random.sample(every, len(every))
            self.order(resource, nodes)
        names = [name for name in self.machines if name in self.founders or name not in self.nodes]
        if self.setting.starts_cold:
            names.remove(self.founders[-1])
        for name in names:
            delay_us = self.random.randint(0, 2 * SECOND) if self.setting.starts_cold else 0
            self.queue.after(delay_us, self.machines[name].power_on)
        faults = Faults(self)
        for fault in self.plan.faults:
            self.queue.at(fault.at_us, partial(faults.begin, fault))

    def _machine(self, name: str) -> Machine:
        return Machine(
            self.queue,
            self.random,
            name,
            self.oracle,
            (lambda machine: Shell(self, machine)) if name in self.nodes else None,
            self._changed,
            self.tell,
            has_watchdog=self.setting.watchdog,
        )

    def _changed(self) -> None:
        """Something runs, or no longer."""
        self.beats.stir()
        self.store.reconsider()

    # --- What administrators do -----------------------------------------------------------------

    def ordered(self, resource: str) -> tuple[str, ...]:
        row = self.store.now.rows[ORDERS + resource]
        return row.value.nodes if isinstance(row.value, Order) else ()

    def order(self, resource: str, nodes: Iterable[str]) -> None:
        """Only nodes are ordered anything, whoever else is named."""
        configured = configured_in(self.store.now)
        key = ORDERS + resource
        before = self.store.now.rows.get(key)
        generation = (
            before.value.generation + 1 if before and isinstance(before.value, Order) else 1
        )
        mode = Mode.SOFT if is_soft(resource) else Mode.STRICT
        self.store.apply(
            Txn(
                puts=(
                    (key, Order(tuple(it for it in nodes if it in configured), generation, mode)),
                )
            )
        )

    def join(self, node: str) -> None:
        """It is entered into the store as soon as it may, learns who is a node, and begins."""
        if not self.store.leader:
            self.tell(node, "cannot join yet")
            self.queue.after(JOINS_AGAIN_US, partial(self.join, node))
            return
        self.store.apply(Txn(puts=((NODES + node, node),)))
        self.machines[node].configure(configured_in(self.store.now), self.store.now.revision)
        self.tell(node, "joins")
        for resource in resources_of(self.setting):
            place = self.random.choice([0, len(self.founders)])
            ordered = self.ordered(resource)
            self.order(resource, [*ordered[:place], node, *ordered[place:]])
        self.machines[node].power_on()

    def remove(self, node: str) -> None:
        """It is lost, and taken out for good as soon as that is allowed (`node.joining.removing`):
        it is not heard, and owns nothing that it may still run."""
        rows = self.store.now.rows
        if not self._may_remove(node, rows):
            if self.queue.now_us < self.healed_us:
                self.queue.after(JOINS_AGAIN_US, partial(self.remove, node))
            return
        self.tell(node, "is removed")
        self.oracle.happened["removed"] += 1
        self.removed.add(node)
        puts: list[tuple[str, object]] = [(NODES + node, None)]
        row = rows.get(SESSIONS + node)
        if row and isinstance(row.value, Session) and row.value.is_live:
            ended = replace(row.value, epoch=row.value.epoch + 1, state=SessionState.EVICTED)
            puts.append((SESSIONS + node, ended))
        self.store.apply(Txn(puts=tuple(puts)))
        for resource in resources_of(self.setting):
            self.order(resource, self.ordered(resource))

    def _may_remove(self, node: str, rows: Mapping[str, Row]) -> bool:
        row = rows.get(SESSIONS + node)
        session = row.value if row and isinstance(row.value, Session) else None
        owned = [it.value for it in rows.values() if isinstance(it.value, Owner)]
        may_run = [
            it
            for it in owned
            if it.node_id == node
            and it.hold is Hold.HELD
            and not (session and session.begun_epoch > it.epoch)
        ]
        is_off = session is not None and session.state is SessionState.OFF
        is_lost = self.beats.suspected_at(node, self.queue.now_us)
        return bool(self.store.leader) and is_lost and (is_off or not may_run)

    def restore(self, back_us: int) -> None:
        """The store is lost, and a backup is restored, as the guide tells: first the pulses end,
        on all nodes but one that perhaps is not reached; later than any guarantee they begin."""
        self.store.halt()
        reached = [self.machines[name] for name in self.nodes]
        if self.random.random() < 0.5:
            reached.remove(self.random.choice(reached))
        for machine in reached:
            machine.crash_pulse()
        backup_us = max(self.queue.now_us - back_us, 0)
        wait_us = self.timing.wait_us * 1_000_000 // SLOWEST_PPM

        def begin() -> None:
            self.incarnation += 1
            self.store.restore(backup_us, {CLUSTER: self.incarnation})
            self.store.resume()
            for machine in reached:
                machine.start_pulse()

        self.queue.after(wait_us, begin)
        self.healed_us = max(self.healed_us, self.queue.now_us + wait_us)

    def fence(self, asker: Shell, node: str, epoch: int) -> None:
        machine = self.machines[node]
        takes_us = machine.fencing_takes_us
        if not self.setting.fencing or takes_us is None:
            failed = events.FencingFailed(node, epoch, "The device does not answer.")
            self.queue.after(500 * MS, lambda: asker.feed(failed))
            return

        def confirm() -> None:
            machine.reset("fenced")
            self.queue.after(
                self.random.randint(1 * MS, 100 * MS),
                lambda: asker.feed(events.Fenced(node, epoch)),
            )

        self.queue.after(self.random.randint(20 * MS, 50 * MS + takes_us), confirm)

    # --- What is told -----------------------------------------------------------------------

    def listens_anew(self, node: str) -> None:
        self.beats.listens_anew(node)

    def _tell_words(self, node: str, words: Words) -> None:
        pulse = self.machines[node].pulse
        if isinstance(pulse, Shell):
            pulse.words(words)

    def _committed(self, txn: Txn, snapshot: Snapshot) -> None:
        live = [one for _, one in txn.puts if isinstance(one, Session) and one.is_live]
        acts = any(isinstance(value, Session | Owner) for _, value in txn.puts)
        is_removal = any(key.startswith(NODES) and value is None for key, value in txn.puts)
        if acts and len(live) != 1 and not is_removal and not self._is_farewell(txn):
            self.oracle.violated("writer", f"{txn.puts} does not carry its writer's session")
        sent = next((self.sent[one.nonce] for one in live if one.nonce in self.sent), None)
        for key, value in txn.puts:
            if isinstance(value, Session):
                self._session_written(key.removeprefix(SESSIONS), value, sent)
            elif isinstance(value, Owner) and value.hold is Hold.HELD:
                token = (value.incarnation, snapshot.revision)
                resource = key.removeprefix(OWNERS)
                self.oracle.took(resource, token, value.node_id, self.store.life, value.epoch)
                self.tell(value.node_id, f"{resource} is taken, token {token}")

    def _is_farewell(self, txn: Txn) -> bool:
        """A node ends its own session, by a new attempt of its own, and nothing runs there."""
        if len(txn.puts) != 1:
            return False
        key, session = txn.puts[0]
        if not isinstance(session, Session) or session.state is not SessionState.OFF:
            return False
        node = key.removeprefix(SESSIONS)
        for resource, running in self.oracle.running.items():
            if node in running:
                self.oracle.violated("writer", f"{node} says it is off, and {resource} runs there")
        return session.nonce in self.sent and session.nonce not in self._written

    def _session_written(self, node: str, session: Session, asked: Sent | None) -> None:
        self.oracle.session(self.store.life, node, session.epoch, session.counter)
        if session.state is SessionState.EVICTED and node not in self.removed:
            self._check_need(node, asked)
        if session.state is not SessionState.LIVE:
            self.oracle.happened[session.state] += 1
            self.tell(node, f"is {session.state} in epoch {session.epoch}")
        else:
            self._led_us[node] = self.store.led_us
        self._written.add(session.nonce)
        is_own = session.state is not SessionState.OFF
        sent = self.sent.get(session.nonce) if is_own else None
        if sent and sent.boots == self.machines[node].boots:
            self.oracle.renewed(node, sent.at_us + self.timing.guarantee_us, sent.others)

    def _check_need(self, node: str, asked: Sent | None) -> None:
        """When it was asked for nobody suspected it, and the store had hardly been there.

        The store may carry it out much later: what has come about since then is no excuse.
        """
        at_us = asked.true_us if asked else self.queue.now_us
        led_us = asked.led_us if asked else self.store.led_us
        is_short = led_us - self._led_us.get(node, 0) < self.timing.wait_us * 4 // 10
        if is_short and not self.beats.suspected_at(node, at_us):
            self.oracle.violated("needless", f"{node} is evicted after an outage of the store")

    # --- Liveness ---------------------------------------------------------------------------

    def lacking(self) -> str:
        """What is not as it should be, as a sentence."""
        rows = self.store.now.rows
        for name in self.nodes:
            if not self.machines[name].is_up or name in self.removed:
                continue
            row = rows.get(SESSIONS + name)
            if not row or not isinstance(row.value, Session) or not row.value.is_live:
                return f"{name} has no session"
        for resource in resources_of(self.setting):
            running = list(self.oracle.running[resource])
            row = rows.get(OWNERS + resource)
            owner = row.value if row and isinstance(row.value, Owner) else None
            if owner is None or running != [owner.node_id]:
                return f"{resource} runs on {running}, and its owner is {owner}"
        return ""
