"""The store as everything else in Tandem knows it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from tandem.node.store.model import (
    Change,
    Entry,
    MemberStatus,
    Outcome,
    Snapshot,
    Transaction,
)


class Store(Protocol):
    """A small store that a majority agrees on: etcd, or the fake of the tests.

    Reads are linearizable: what they return was true at some moment between asking and answering.
    Every call ends within a deadline. What it may raise is in `errors`; all but `transact` may be
    tried again after a `StoreUnavailableError`, and so may `transact`, never after an
    `UnknownOutcomeError`.

    Whoever wants to know what is under a prefix, now and later, takes `follow.follow`.
    """

    async def get(self, key: str) -> Entry | None:
        """Read a key; None where it is not there."""
        ...

    async def range(self, prefix: str) -> Snapshot:
        """Read all keys with a prefix, at one revision."""
        ...

    async def transact(self, transaction: Transaction) -> Outcome:
        """Carry out a transaction, once or not at all.

        Raises:
            UnknownOutcomeError: it may have happened, or may yet; read back.
            StoreUnavailableError: it has not happened.
            QuotaExceededError: it has not happened; the store is full.
            InvalidRequestError: it can never happen.
            StoreRefusedError: it has not happened, and will not.
        """
        ...

    def changes(self, prefix: str, from_revision: int) -> AsyncGenerator[tuple[Change, ...], None]:
        """Watch a prefix on one connection to one member; a feed that ends only by an error.

        First comes an empty tuple: the watch stands. Then, for one or more whole revisions at a
        time, in their order, what they changed; of one revision never a part. A member that hangs
        keeps silent: `follow` is how to notice. Each call prefers another member than the last.

        Args:
            prefix: of the keys.
            from_revision: the first revision to tell; that of a snapshot, plus 1.

        Raises:
            CompactedError: these revisions are gone; list afresh.
            StoreUnavailableError: the watch broke, or its member lost its leader.
        """
        ...

    async def status(self) -> tuple[MemberStatus, ...]:
        """Ask every member how it is; one that does not answer says why in `problem`."""
        ...
