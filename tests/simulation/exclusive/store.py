"""A store like etcd, of which only what clients can see is modelled: it is linearizable where it
answers as such, and otherwise as bad as one may be.

A transaction happens at one instant, now or later, or never; its answer may be lost. There is no
answer while there is no leader. Views lag, stand still, and go back.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.simulation.exclusive.clockwork import MS, SECOND, Queue
from tests.simulation.exclusive.network import Network


class Row(NamedTuple):
    """A key's value, and the revision that put it there."""

    value: object
    revision: int


@dataclass(slots=True, eq=False)
class Snapshot:
    """All that was there as of a revision.

    Attributes:
        life: of the store: each restore begins another one.
        revision: of the store in that life.
        rows: by key.
        view: the same as a client reads it, once one has.
    """

    life: int
    revision: int
    rows: Mapping[str, Row]
    view: object = None


@dataclass(frozen=True, slots=True)
class Txn:
    """If each key has that mod_revision (0: is not there), put these, and forget those.

    Attributes:
        compares: by key.
        puts: by key; None to delete.
    """

    compares: tuple[tuple[str, int], ...] = ()
    puts: tuple[tuple[str, object], ...] = ()


class Answer(NamedTuple):
    """What came of a transaction.

    Attributes:
        succeeded: whether the comparisons held.
        snapshot: what is there after it.
    """

    succeeded: bool
    snapshot: Snapshot


OnAnswer = Callable[[Answer | None], None]
"""Given the answer; None where it is certain that nothing happened. Perhaps never called."""


@dataclass
class Temper:
    """How the store behaves.

    Attributes:
        slowest_us: the longest that it takes to write.
        unknown: how often an answer is lost, or the request is stuck on its way.
        failover_us: how long it is without a leader, at most.
    """

    slowest_us: int = 5 * MS
    unknown: float = 0.0
    failover_us: int = 900 * MS


class Store:
    """The members, as one.

    Args:
        queue: for the time.
        random: for delays.
        network: between members, and to them.
        members: the hosts that they run on.
        is_up: whether a host's member runs.
        committed: told of each transaction that put something.
    """

    def __init__(
        self,
        queue: Queue,
        random: Random,
        network: Network,
        members: Iterable[str],
        is_up: Callable[[str], bool],
        committed: Callable[[Txn, Snapshot], None],
    ) -> None:
        self._queue = queue
        self._random = random
        self._network = network
        self._is_up = is_up
        self._committed = committed
        self.members = list(members)
        self.temper = Temper()
        self.life = 1
        self.history: list[tuple[int, Snapshot]] = [(0, Snapshot(1, 1, {}))]
        """When each revision came to be."""
        self._revisions: dict[int, Snapshot] = {}
        self.leader: str | None = self.members[0]
        self.hung: Counter[str] = Counter()
        """Clients that get no answers."""
        self.readers: Counter[str] = Counter()
        """Clients whose writes do not arrive."""
        self._halted = 0
        self._led_us = self._led_since_us = 0
        self._is_electing = False
        self.watchers: list[Callable[[], None]] = []
        network.changed.append(self.reconsider)

    @property
    def now(self) -> Snapshot:
        return self.history[-1][1]

    # --- Who leads ------------------------------------------------------------------------------

    def _can_lead(self, host: str) -> bool:
        if self._halted or not self._is_up(host):
            return False
        reached = [m for m in self.members if self._is_up(m) and self._network.connects(host, m)]
        return len(reached) * 2 > len(self.members)

    def reconsider(self) -> None:
        """Something has changed: a leader without its majority is none."""
        if self.leader is not None and not self._can_lead(self.leader):
            self.depose()
        elif self.leader is None:
            self._elect_soon()

    def halt(self) -> None:
        self._halted += 1
        self.reconsider()

    def resume(self) -> None:
        self._halted -= 1
        self.reconsider()

    @property
    def led_us(self) -> int:
        """For how long there was a leader, altogether."""
        return self._led_us + (self._queue.now_us - self._led_since_us if self.leader else 0)

    def depose(self) -> None:
        self._led_us = self.led_us
        self.leader = None
        self._elect_soon()

    def _elect_soon(self) -> None:
        if not self._is_electing:
            self._is_electing = True
            shortest_us = min(150 * MS, self.temper.failover_us)
            delay_us = self._random.randint(shortest_us, self.temper.failover_us)
            self._queue.after(delay_us, self._elect)

    def _elect(self) -> None:
        self._is_electing = False
        able = [host for host in self.members if self._can_lead(host)]
        if able and self.leader is None:
            self.leader = self._random.choice(able)
            self._led_since_us = self._queue.now_us
            for tell in self.watchers:
                tell()

    def answers_at(self, member: str) -> bool:
        """Whether this member can pass something on to a leader that has a majority."""
        return (
            self.leader is not None
            and self._is_up(member)
            and self._network.connects(member, self.leader)
        )

    # --- Transactions and reads -----------------------------------------------------------------

    def ask(self, client: str, txn: Txn, on_answer: OnAnswer) -> None:
        """Carry out a transaction, or a read (one that puts nothing), from that host."""
        member = self._endpoint(client)
        stuck = self._random.random() < self.temper.unknown
        delay_us = self._random.randint(200, 1_500)
        if stuck and self._random.random() < 0.5:
            delay_us += self._random.randint(0, 4 * SECOND)
        if not self._network.reaches(client, member):
            if self._random.random() < 0.5:
                self._queue.after(delay_us, lambda: on_answer(None))
            return
        is_heard = not (stuck and self._random.random() < 0.7)
        if self.hung[client]:
            is_heard = False
            if self._random.random() < 0.7:
                return
        elif self.readers[client] and txn.puts:
            return
        life = self.life
        tell = on_answer if is_heard else _nobody
        self._queue.after(delay_us, lambda: self._arrive(client, member, txn, life, tell, tries=0))

    def _endpoint(self, client: str) -> str:
        able = [m for m in self.members if self._is_up(m) and self._network.connects(client, m)]
        if client in able and self._random.random() < 0.8:
            return client
        if able and self._random.random() < 0.95:
            return self._random.choice(able)
        return self._random.choice(self.members)

    def _arrive(
        self, client: str, member: str, txn: Txn, life: int, tell: OnAnswer, tries: int
    ) -> None:
        if life != self.life or not self._is_up(member):
            return
        if self.answers_at(member):
            # A slow disk delays what is written, and nothing else.
            slowest_us = self.temper.slowest_us if txn.puts else Temper.slowest_us
            delay_us = self._random.randint(300, slowest_us)
            self._queue.after(delay_us, lambda: self._commit(client, member, txn, life, tell))
        elif tries < 3 and self._random.random() < 0.6:
            # Held until there is a leader: nobody knows, until it has happened.
            delay_us = self._random.randint(50 * MS, SECOND)
            self._queue.after(
                delay_us, lambda: self._arrive(client, member, txn, life, tell, tries + 1)
            )
        elif tries == 0:
            self._reply(client, member, tell, None)

    def _commit(self, client: str, member: str, txn: Txn, life: int, tell: OnAnswer) -> None:
        if life != self.life or not self.answers_at(member):
            return
        self._reply(client, member, tell, self.apply(txn))

    def _reply(self, client: str, member: str, tell: OnAnswer, answer: Answer | None) -> None:
        if self._network.reaches(member, client):
            self._queue.after(self._random.randint(200, 1_500), lambda: tell(answer))

    def apply(self, txn: Txn) -> Answer:
        """At once; also for what is no node's doing."""
        now = self.now
        rows = now.rows
        for key, revision in txn.compares:
            if (rows[key].revision if key in rows else 0) != revision:
                return Answer(False, now)
        if not txn.puts:
            return Answer(True, now)
        revision = now.revision + 1
        changed = dict(rows)
        for key, value in txn.puts:
            if value is None:
                changed.pop(key, None)
            else:
                changed[key] = Row(value, revision)
        snapshot = Snapshot(self.life, revision, changed)
        self.history.append((self._queue.now_us, snapshot))
        self._revisions[revision] = snapshot
        self._committed(txn, snapshot)
        for tell in self.watchers:
            tell()
        return Answer(True, snapshot)

    def at(self, revision: int) -> Snapshot:
        """What was there at a revision of this life; nothing, if there is none."""
        return self._revisions.get(revision, self.history[0][1])

    def as_of(self, time_us: int) -> Snapshot:
        """What was there then."""
        for committed_us, snapshot in reversed(self.history):
            if committed_us <= time_us:
                return snapshot
        return self.history[0][1]

    def restore(self, back_to_us: int, changes: Mapping[str, object]) -> None:
        """Begin a new life with what was there then, and these changes."""
        self.life += 1
        restored = self.as_of(back_to_us)
        again = Snapshot(self.life, restored.revision, restored.rows)
        self._revisions = {restored.revision: again}
        self.history.append((self._queue.now_us, again))
        self.apply(Txn(puts=tuple(changes.items())))


def _nobody(answer: Answer | None) -> None:
    """A lost answer."""
