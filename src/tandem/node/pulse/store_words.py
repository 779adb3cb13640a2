"""What the engine asks of the store, and what the store answers, each in the other's terms. Pure.

A session or owner that this release cannot read makes the whole view unreadable: who takes a
session that it does not understand for none might start what still runs there. The session goes on
being renewed. An order only says where its resource is best: one that cannot be read costs no
other.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from tandem.cluster import keys
from tandem.cluster.document import StoredValueError
from tandem.cluster.exclusive.events import (
    Done,
    Refused,
    StoredCluster,
    StoredOwner,
    Transact,
    View,
)
from tandem.cluster.exclusive.values import Owner
from tandem.cluster.identity import ClusterIdentity
from tandem.cluster.model import Session
from tandem.cluster.order import Order
from tandem.cluster.session import Stored, Write
from tandem.node.store.model import (
    Entry,
    Get,
    List,
    Outcome,
    Put,
    Transaction,
    unchanged,
)

PREFIXES: Final = (keys.CLUSTER, keys.SESSIONS, keys.OWNERS, keys.ORDERS)
"""What the engine knows of the store."""

READ: Final = Transaction(success=tuple(List(prefix) for prefix in PREFIXES))
"""Reads all of it, at one revision."""


def transaction_of(effect: Transact) -> Transaction:
    """The transaction that carries out a `Transact`.

    It also reads all sessions, or where it is refused, each key that it compares.
    """
    written = tuple(map(_key, effect.writes))
    revisions = [write.revision for write in effect.writes]
    return Transaction(
        compares=(
            unchanged(keys.CLUSTER, effect.cluster_revision),
            *map(unchanged, written, revisions),
        ),
        success=(
            *(
                Put(key, write.value.encode())
                for key, write in zip(written, effect.writes, strict=True)
            ),
            List(keys.SESSIONS),
        ),
        failure=tuple(Get(key) for key in (keys.CLUSTER, *written)),
    )


def answer_of(effect: Transact, outcome: Outcome) -> Done | Refused:
    """What came of it.

    Raises:
        StoredValueError: what it read is not for this release; it happened all the same, if
            `outcome.succeeded`.
    """
    if outcome.succeeded:
        view = view_of(outcome.revision, {keys.SESSIONS: outcome.lists[0]})
        return Done(effect.nonce, outcome.revision, view)
    names = (keys.CLUSTER, *map(_key, effect.writes))
    return Refused(effect.nonce, _of_keys(outcome, dict(zip(names, outcome.gets, strict=True))))


def everything_of(outcome: Outcome) -> View:
    """What `READ` found.

    Raises:
        StoredValueError: some of it is not for this release.
    """
    return view_of(outcome.revision, dict(zip(PREFIXES, outcome.lists, strict=True)))


def view_of(revision: int, found: Mapping[str, Mapping[str, Entry]]) -> View:
    """All keys with some of the `PREFIXES`, as they stood at one revision.

    Args:
        revision: of the store.
        found: by prefix, all entries under it.

    Raises:
        StoredValueError: some of it is not for this release.
    """
    entries = {key: entry for under in found.values() for key, entry in under.items()}
    orders, unread = _orders(entries)
    return View(
        revision,
        cluster=_cluster(entries.get(keys.CLUSTER)),
        sessions=_sessions(entries) if keys.SESSIONS in found else None,
        owners=_owners(entries) if keys.OWNERS in found else None,
        orders=orders if keys.ORDERS in found else None,
        unread=unread,
    )


def founding(number: int) -> Transaction:
    """Writes who this cluster is, where nobody has."""
    return Transaction(
        compares=(unchanged(keys.CLUSTER, 0),),
        success=(Put(keys.CLUSTER, ClusterIdentity(number).encode()),),
    )


def _of_keys(outcome: Outcome, gets: Mapping[str, Entry | None]) -> View:
    """A view of these keys alone, those included that are not there."""
    return View(
        outcome.revision,
        cluster=_cluster(gets[keys.CLUSTER]),
        sessions=_sessions(gets),
        owners=_owners(gets),
        is_whole=False,
    )


def _sessions(entries: Mapping[str, Entry | None]) -> dict[str, Stored | None]:
    return {
        node: Stored(Session.decode(node, entry.value), entry.mod_revision) if entry else None
        for node, entry in _under(keys.SESSIONS, entries)
    }


def _owners(entries: Mapping[str, Entry | None]) -> dict[str, StoredOwner | None]:
    return {
        name: StoredOwner(Owner.decode(name, entry.value), entry.mod_revision) if entry else None
        for name, entry in _under(keys.OWNERS, entries)
    }


def _orders(entries: Mapping[str, Entry]) -> tuple[dict[str, Order | None], dict[str, str]]:
    """Those that can be read; and why the others cannot."""
    orders: dict[str, Order | None] = {}
    unread: dict[str, str] = {}
    for key, entry in entries.items():
        if key.startswith(keys.ORDERS):
            name = key.removeprefix(keys.ORDERS)
            try:
                orders[keys.identity(keys.ORDERS, key)] = Order.decode(name, entry.value)
            except (StoredValueError, keys.IdError) as problem:
                unread[name] = str(problem)
    return orders, unread


def _cluster(entry: Entry | None) -> StoredCluster | None:
    if entry is None:
        return None
    return StoredCluster(ClusterIdentity.decode(entry.value).incarnation, entry.mod_revision)


def _under(prefix: str, entries: Mapping[str, Entry | None]) -> Iterable[tuple[str, Entry | None]]:
    for key, entry in entries.items():
        if key.startswith(prefix):
            yield keys.identity(prefix, key), entry


def _key(write: Write) -> str:
    return keys.key(write.prefix, write.name)
