"""A store in memory, for tests and the simulator: etcd's semantics, and faults on demand."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from enum import Enum, auto
from random import Random

from tandem.node.store.errors import StoreUnavailableError, UnknownOutcomeError
from tandem.node.store.keyspace import Keyspace
from tandem.node.store.model import Change, Entry, MemberStatus, Outcome, Snapshot, Transaction


class Call(Enum):
    """What a fault can befall."""

    READ = auto()
    TRANSACT = auto()
    WATCH = auto()


class Fault(Enum):
    """What can befall one call.

    UNAVAILABLE: nothing happens.
    LOST: the transaction is sent and never arrives; the outcome is unknown. UNAVAILABLE elsewhere.
    UNANSWERED: the transaction happens and its answer is lost; the outcome is unknown.
    DELAYED: the transaction is under way, the outcome unknown; it arrives by `deliver_delayed`.
    STALE: a read is answered from before the last change, which etcd promises never to do.
    """

    UNAVAILABLE = auto()
    LOST = auto()
    UNANSWERED = auto()
    DELAYED = auto()
    STALE = auto()


Faults = Callable[[Call], Fault | None]
"""Says what befalls the next call, if anything."""


def no_faults(_call: Call) -> None:
    """All is well."""


def scripted(*faults: Fault | None) -> Faults:
    """The next calls meet with these, one each; then all is well."""
    coming = iter(faults)
    return lambda _call: next(coming, None)


def random_faults(random: Random, probability: float, kinds: Iterable[Fault] = Fault) -> Faults:
    """Any call may fail, with the same probability each."""
    choices = tuple(kinds)
    return lambda _call: random.choice(choices) if random.random() < probability else None


class FakeStore:
    """A `Store` in memory. Several may share one keyspace, as nodes share a cluster.

    Attributes:
        keys: what is in it; for tests to look at, fill, compact and declare full.
        faults: what befalls the calls to come.
        watches: how many were begun.

    Args:
        keys: shared with other stores, or its own.
        faults: what befalls the calls.
    """

    def __init__(self, keys: Keyspace | None = None, faults: Faults = no_faults) -> None:
        self.keys = keys if keys is not None else Keyspace()
        self.faults = faults
        self.keys.observers.append(self._wake)
        self._delayed: list[Transaction] = []
        self.watches = 0
        self._broken_up_to = 0
        self._silent_up_to = 0
        self._moved = asyncio.Event()

    async def get(self, key: str) -> Entry | None:
        """See `Store.get`."""
        return (await self._keys_to_read()).get(key)

    async def range(self, prefix: str) -> Snapshot:
        """See `Store.range`."""
        return (await self._keys_to_read()).range(prefix)

    async def transact(self, transaction: Transaction) -> Outcome:
        """See `Store.transact`."""
        await asyncio.sleep(0)
        fault = self.faults(Call.TRANSACT)
        if fault is Fault.UNAVAILABLE:
            raise StoreUnavailableError("The fake store is told to be unavailable.")
        if fault is Fault.DELAYED:
            self._delayed.append(transaction)
        elif fault is not Fault.LOST:
            outcome = self.keys.transact(transaction)
        if fault in {Fault.LOST, Fault.UNANSWERED, Fault.DELAYED}:
            raise UnknownOutcomeError("The fake store is told not to answer a transaction.")
        return outcome

    async def changes(
        self, prefix: str, from_revision: int
    ) -> AsyncGenerator[tuple[Change, ...], None]:
        """See `Store.changes`."""
        await asyncio.sleep(0)
        if self.faults(Call.WATCH):
            raise StoreUnavailableError("The fake store is told to refuse a watch.")
        self.watches += 1
        number = self.watches
        yield ()
        while number > self._broken_up_to:
            moved = self._moved
            if number <= self._silent_up_to:
                await moved.wait()
            elif found := self.keys.changes(prefix, from_revision):
                from_revision = found[-1].revision + 1
                yield found
            else:
                await moved.wait()
        raise StoreUnavailableError("The fake store is told to break its watches.")

    async def status(self) -> tuple[MemberStatus, ...]:
        """See `Store.status`."""
        await asyncio.sleep(0)
        if self.faults(Call.READ):
            return (MemberStatus("fake", problem="The fake store is told to be unavailable."),)
        return (MemberStatus("fake", 1, 1, self.keys.revision, 2, 0, "3.4.0"),)

    def deliver_delayed(self) -> None:
        """Let the delayed transactions arrive, in the order in which they were sent."""
        delayed, self._delayed = self._delayed, []
        for transaction in delayed:
            self.keys.transact(transaction)

    def break_watches(self) -> None:
        """End every watch that stands with an error."""
        self._broken_up_to = self.watches
        self._wake()

    def silence_watches(self) -> None:
        """Every watch that stands tells nothing any more, as on a member that hangs."""
        self._silent_up_to = self.watches

    def release_watches(self) -> None:
        """What was silenced tells all that it has held back: it was only late."""
        self._silent_up_to = 0
        self._wake()

    async def _keys_to_read(self) -> Keyspace:
        await asyncio.sleep(0)
        fault = self.faults(Call.READ)
        if fault is Fault.STALE:
            return self.keys.at(max(1, self.keys.revision - 1))
        if fault:
            raise StoreUnavailableError("The fake store is told to be unavailable.")
        return self.keys

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
