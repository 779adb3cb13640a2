"""Keys with their history, as etcd keeps them, in memory: what `FakeStore` answers from. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from operator import eq, gt, lt, ne
from types import MappingProxyType
from typing import Any, Final

from tandem.node.store.errors import CompactedError, InvalidRequestError, QuotaExceededError
from tandem.node.store.model import (
    Change,
    Compare,
    Delete,
    Entry,
    Get,
    List,
    Operation,
    Outcome,
    Put,
    Relation,
    Snapshot,
    Target,
    Transaction,
)

MOST_OPERATIONS: Final = 128
MOST_BYTES: Final = 1_572_864
"""etcd's --max-txn-ops and --max-request-bytes; here without what the encoding adds."""

_RELATIONS: Final[dict[Relation, Callable[[Any, Any], bool]]] = {
    Relation.EQUAL: eq,
    Relation.NOT_EQUAL: ne,
    Relation.GREATER: gt,
    Relation.LESS: lt,
}


@dataclass(slots=True)
class Keyspace:
    """All keys as they are, and every change since the last compaction.

    Attributes:
        revision: of the last change; an empty store begins at 1.
        compact_revision: what was before it is gone; 0 where nothing was compacted.
        full: writes are refused, as by an etcd that has exceeded its quota.
        observers: called after every change.
    """

    revision: int = 1
    compact_revision: int = 0
    full: bool = False
    observers: list[Callable[[], None]] = field(default_factory=list)
    _entries: dict[str, Entry] = field(default_factory=dict)
    _history: list[Change] = field(default_factory=list)

    def get(self, key: str) -> Entry | None:
        """A key as it is."""
        return self._entries.get(key)

    def range(self, prefix: str) -> Snapshot:
        """All keys with a prefix as they are."""
        found = {key: self._entries[key] for key in sorted(self._entries) if key.startswith(prefix)}
        return Snapshot(self.revision, MappingProxyType(found))

    def at(self, revision: int) -> "Keyspace":
        """The keys as they stood at an earlier revision, history included."""
        past = Keyspace(revision, self.compact_revision)
        past._history = [change for change in self._history if change.revision <= revision]
        for change in past._history:
            if change.entry is None:
                past._entries.pop(change.key, None)
            else:
                past._entries[change.key] = change.entry
        return past

    def changes(self, prefix: str, from_revision: int) -> tuple[Change, ...]:
        """What happened to the keys with a prefix from a revision on, in order.

        Raises:
            CompactedError: some of it is no longer known.
        """
        if from_revision < self.compact_revision:
            raise CompactedError(
                f"Revision {from_revision} was compacted; {self.compact_revision} is the oldest.",
                self.compact_revision,
            )
        return tuple(
            change
            for change in self._history
            if change.revision >= from_revision and change.key.startswith(prefix)
        )

    def compact(self, revision: int) -> None:
        """Forget the history before a revision.

        What `at` and `changes` still need of it is kept: the fake's past has no end.
        """
        if not self.compact_revision < revision <= self.revision:
            raise InvalidRequestError(
                f"Cannot compact at {revision}: the store is at {self.revision}, "
                f"and compacted at {self.compact_revision}."
            )
        self.compact_revision = revision

    def transact(self, transaction: Transaction) -> Outcome:
        """Carry out a transaction.

        Raises:
            InvalidRequestError: etcd would never do this.
            QuotaExceededError: it writes, and the store is full.
        """
        check(transaction)
        branches = transaction.success + transaction.failure
        if self.full and any(isinstance(operation, Put) for operation in branches):
            raise QuotaExceededError("The store is full and takes no more writes.")
        succeeded = all(self._holds(compare) for compare in transaction.compares)
        operations = transaction.success if succeeded else transaction.failure
        before, revision = self.revision, self.revision + 1
        gets, lists = [], []
        for operation in operations:
            match operation:
                case Get(key):
                    gets.append(self.get(key))
                case List(prefix):
                    lists.append(self.range(prefix).entries)
                case Put() | Delete():
                    self._change(operation, revision)
        if self.revision != before:
            for observer in self.observers:
                observer()
        return Outcome(succeeded, self.revision, tuple(gets), tuple(lists))

    def _change(self, operation: Put | Delete, revision: int) -> None:
        before = self._entries.get(operation.key)
        match operation:
            case Put(key, value):
                entry = Entry(key, value, revision, revision, 1)
                if before:
                    entry = replace(
                        entry, create_revision=before.create_revision, version=before.version + 1
                    )
                self._record(Change(key, revision, entry))
            case Delete(key) if before:
                self._record(Change(key, revision, None))

    def _record(self, change: Change) -> None:
        if change.entry is None:
            del self._entries[change.key]
        else:
            self._entries[change.key] = change.entry
        self._history.append(change)
        self.revision = change.revision

    def _holds(self, compare: Compare) -> bool:
        entry = self._entries.get(compare.key)
        if entry is None and compare.target is Target.VALUE:
            return False
        actual = getattr(entry, compare.target.value) if entry else 0
        return _RELATIONS[compare.relation](actual, compare.operand)


def check(transaction: Transaction) -> None:
    """Refuse what etcd refuses whatever the keys are (etcd, `etcdserver/api/v3rpc/key.go`).

    Raises:
        InvalidRequestError: too many operations, too many bytes, no key, or one changed twice.
    """
    branches = (transaction.success, transaction.failure)
    operations = [operation for branch in branches for operation in branch]
    if max(len(transaction.compares), *map(len, branches)) > MOST_OPERATIONS:
        raise InvalidRequestError(f"A transaction takes {MOST_OPERATIONS} operations at most.")
    if not all(part.key for part in (*transaction.compares, *operations)):
        raise InvalidRequestError("A key must not be empty.")
    for branch in branches:
        written = [operation.key for operation in branch if isinstance(operation, Put)]
        deleted = {operation.key for operation in branch if isinstance(operation, Delete)}
        if len(written) != len(set(written)) or deleted & set(written):
            raise InvalidRequestError("A transaction must not change a key twice.")
    if sum(map(_size_bytes, operations)) > MOST_BYTES:
        raise InvalidRequestError(f"A transaction takes {MOST_BYTES} bytes at most.")


def _size_bytes(operation: Operation) -> int:
    return len(operation.key) + (len(operation.value) if isinstance(operation, Put) else 0)
