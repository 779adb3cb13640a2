"""What a node sees of the store without asking: the whole of it after each change, some time later.

A watch ends with its member's leader or with the connection, and goes on at another member, which
may know less. Under bad weather it lags by seconds, or says nothing at all.
"""

from collections.abc import Callable
from random import Random

from tests.simulation.exclusive.clockwork import MS, Queue
from tests.simulation.exclusive.network import Network
from tests.simulation.exclusive.store import Snapshot, Store

LONGEST_US = 80 * MS
"""A watch that works shows several changes at once, if they come within this time."""


class Watch:
    """One node's watch; it lives as long as its process.

    Args:
        queue: for the time.
        random: for delays.
        network: between node and member.
        store: what is watched.
        client: the node.
        deliver: given each view.
    """

    def __init__(
        self,
        queue: Queue,
        random: Random,
        network: Network,
        store: Store,
        client: str,
        deliver: Callable[[Snapshot], None],
    ) -> None:
        self._queue = queue
        self._random = random
        self._network = network
        self._store = store
        self._client = client
        self._deliver = deliver
        self._member = self._choose()
        self._seen: Snapshot | None = None
        self._is_due = False
        self.is_silent = False
        self.lag_us = 0
        self.is_closed = False
        store.watchers.append(self.stir)
        network.changed.append(self.stir)
        self.stir()

    def close(self) -> None:
        self.is_closed = True
        self._store.watchers.remove(self.stir)
        self._network.changed.remove(self.stir)

    def stir(self) -> None:
        """Something has changed; much of it is seen at once."""
        if not self._is_due:
            self._is_due = True
            self._queue.after(self._random.randint(1 * MS, LONGEST_US), self._look)

    def _look(self) -> None:
        self._is_due = False
        if self.is_closed or self.is_silent:
            return
        if not self._works():
            self._is_due = True
            self._member = self._choose()
            self._queue.after(self._random.randint(100 * MS, 500 * MS), self._look)
            return
        snapshot = self._store.as_of(self._queue.now_us - self.lag_us)
        if self.lag_us and snapshot is not self._store.now:
            self._is_due = True
            self._queue.after(self._random.randint(50 * MS, 200 * MS), self._look)
        if snapshot is not self._seen:
            self._seen = snapshot
            self._deliver(snapshot)

    def _works(self) -> bool:
        return (
            not self._store.hung[self._client]
            and self._store.answers_at(self._member)
            and self._network.connects(self._member, self._client)
        )

    def _choose(self) -> str:
        able = [m for m in self._store.members if self._network.connects(m, self._client)]
        return self._random.choice(able or self._store.members)
