"""One engine under test: what stands in the store, and how it is told."""

from collections.abc import Mapping
from dataclasses import replace

from tandem.cluster.exclusive.events import (
    Answered,
    Clean,
    Done,
    Effect,
    Event,
    Seen,
    StoredCluster,
    StoredOwner,
    Tick,
    Transact,
    View,
    Words,
)
from tandem.cluster.exclusive.machine import step
from tandem.cluster.exclusive.state import State, start
from tandem.cluster.exclusive.timing import FAST, MS, Timing
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.model import Session, SessionState
from tandem.cluster.order import Mode, Order
from tandem.cluster.session import Stored

T0 = 1_000_000_000
"""When the engine under test begins."""

G = FAST.guarantee_us
WAIT = FAST.wait_us
"""G'."""


def session(
    epoch: int = 1,
    counter: int = 1,
    revision: int = 10,
    state: SessionState = SessionState.LIVE,
    began: int = 5,
    seen: int = 1_000,
    nodes: int = 3,
) -> Stored:
    """Of another node; it knows everybody, if nothing else is said."""
    found = Session(epoch, counter, f"x{revision}", state, began, seen, nodes, 1)
    return Stored(found, revision)


def evicted(epoch: int = 2, counter: int = 1, revision: int = 20) -> Stored:
    return session(epoch, counter, revision, SessionState.EVICTED)


def owner(
    node: str,
    epoch: int = 1,
    revision: int = 8,
    hold: Hold = Hold.HELD,
    generation: int = 1,
    incarnation: int = 1,
) -> StoredOwner:
    return StoredOwner(Owner(node, epoch, hold, generation, incarnation), revision)


def strict(*nodes: str, generation: int = 1) -> Order:
    return Order(nodes, generation)


def soft(*nodes: str, generation: int = 1) -> Order:
    return Order(nodes, generation, Mode.SOFT)


class Engine:
    """Runs one; transactions are answered by the test.

    Args:
        nodes: a letter for each; the first is this one.
        fences: those that can be fenced.
    """

    def __init__(self, nodes: str = "abc", fences: str = "", timing: Timing = FAST) -> None:
        self.name = nodes[0]
        self.now_us = T0
        self.state: State = start(self.name, nodes, "life", timing, T0, fences)
        self.out: list[Effect] = []
        self.cluster = StoredCluster(1, 2)
        self.silent = ""
        """Those who renew no more."""
        self.revision = 100

    def tell(self, event: Event, after_us: int = 0) -> list[Effect]:
        """What it answers to the event."""
        self.now_us += after_us
        self.state, self.out = step(self.state, event, self.now_us)
        return self.out

    def tick(self, after_us: int) -> list[Effect]:
        return self.tell(Tick(), after_us)

    def live(
        self,
        sessions: Mapping[str, Stored] | None = None,
        owners: Mapping[str, StoredOwner] | None = None,
        orders: Mapping[str, Order] | None = None,
    ) -> "Engine":
        """Begins its session in epoch 3, where these things stand; then it is settled."""
        own = Stored(Session(2, 0, "old", incarnation=1), 50)
        self.stored = {self.name: own, **(sessions or {})}
        self.owners, self.orders = dict(owners or {}), dict(orders or {})
        self.tell(Tick())
        self.tell(Clean())
        self.tell(Answered(self.view()))
        self.tell(Answered(self.view()))
        self.done()
        return self

    def view(self) -> View:
        return View(self.revision, self.cluster, self.stored, self.owners, self.orders)

    def sees(self, **sessions: Stored) -> list[Effect]:
        """A watch shows other sessions."""
        self.stored.update(sessions)
        self.revision += 1
        return self.tell(Seen(self.view()))

    def sees_owner(self, name: str, stored: StoredOwner) -> list[Effect]:
        self.owners[name] = stored
        self.revision += 1
        return self.tell(Seen(self.view()))

    def sees_order(self, name: str, order: Order) -> list[Effect]:
        self.orders[name] = order
        self.revision += 1
        return self.tell(Seen(self.view()))

    def cannot_read_order(self, name: str, why: str) -> list[Effect]:
        self.orders.pop(name, None)
        self.revision += 1
        return self.tell(Seen(replace(self.view(), unread={name: why})))

    def suspects(self, **words: str) -> list[Effect]:
        """By node, whom it suspects."""
        return self.tell(Words({name: frozenset(whom) for name, whom in words.items()}))

    @property
    def sent(self) -> Transact:
        """The transaction that the last event made it send."""
        (found,) = [effect for effect in self.out if isinstance(effect, Transact)]
        return found

    @property
    def carried(self) -> dict[str, object]:
        """What the transaction that was sent just now writes besides the own session."""
        found = [effect for effect in self.out if isinstance(effect, Transact)]
        return {
            write.prefix[11:] + write.name: write.value for one in found for write in one.writes[1:]
        }

    def done(self, after_us: int = 1 * MS) -> list[Effect]:
        """What was sent just now happens."""
        sent = self.sent
        self.revision += 1
        for write in sent.writes:
            if isinstance(write.value, Session):
                self.stored[write.name] = Stored(write.value, self.revision)
            elif isinstance(write.value, Owner):
                self.owners[write.name] = StoredOwner(write.value, self.revision)
        view = View(self.revision, sessions=dict(self.stored))
        return self.tell(Done(sent.nonce, self.revision, view), after_us)

    def renews(self, times: int = 1) -> list[Effect]:
        """Renews as often, each time when it is due, and so do the others that can."""
        for _ in range(times):
            self.tick(FAST.renew_us)
            for name, (value, _) in self.others_live().items():
                self.revision += 1
                self.stored[name] = Stored(replace(value, counter=value.counter + 1), self.revision)
            self.done(0)
        return self.out

    def others_live(self) -> dict[str, tuple[Session, int]]:
        return {
            name: (stored.session, stored.revision)
            for name, stored in self.stored.items()
            if name != self.name and stored.session.is_live and name not in self.silent
        }


def kinds(effects: list[Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects]
